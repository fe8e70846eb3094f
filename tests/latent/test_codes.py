"""Seeds of several faces, and how codes are spread."""

import pytest
import torch

from facegen.latent.codes import CodeStatistics, seeds
from facegen.options import MAX_SEED


def test_seeds_follow_each_other_and_begin_again_after_the_last():
    assert seeds(6, 4) == [6, 7, 8, 9]
    assert seeds(MAX_SEED, 2) == [MAX_SEED, 0]


def test_statistics_are_those_of_the_samples():
    torch.manual_seed(0)
    w = torch.randn(4000, 3) @ torch.tensor([[2.0, 0, 0], [0.5, 1, 0], [0, 0, 3]]) + 7
    found = CodeStatistics.of(w)
    assert torch.allclose(found.mean, w.mean(dim=0), atol=1e-4)
    assert torch.allclose(found.covariance.float(), torch.cov(w.T), rtol=1e-3, atol=1e-3)
    spread = (w - w.mean(dim=0)).square().sum(dim=1).mean().sqrt() / 3**0.5
    assert found.spread == pytest.approx(float(spread), rel=0.01)
