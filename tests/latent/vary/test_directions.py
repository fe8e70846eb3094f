"""What must not move is found and taken out, and nothing else."""

import pytest
import torch

from facegen.latent.vary.directions import LEAST_EXPLAINED, Directions

W_DIM = 12


@pytest.fixture
def fitted():
    """Two measures that w moves, one that is noise."""
    torch.manual_seed(0)
    factor = torch.randn(W_DIM, W_DIM, dtype=torch.float64)
    offsets = torch.randn(400, W_DIM, dtype=torch.float64) @ factor.T
    slopes = torch.randn(2, W_DIM, dtype=torch.float64)
    measured = torch.cat([offsets @ slopes.T + 3, torch.randn(400, 1, dtype=torch.float64)], dim=1)
    measured[:, :2] += 0.1 * torch.randn(400, 2, dtype=torch.float64)
    return slopes, Directions.fit(offsets, measured, factor @ factor.T)


def test_the_slopes_are_found(fitted):
    slopes, found = fitted
    torch.testing.assert_close(found.slopes[:2], slopes, rtol=0.1, atol=0.15)
    assert (found.explained[:2] > 0.95).all()
    assert found.explained[2] < LEAST_EXPLAINED


def test_a_freed_change_moves_no_measure(fitted):
    slopes, found = fitted
    change = torch.randn(1, 5, W_DIM)
    freed = found.project_out(change)
    assert freed.shape == change.shape and freed.dtype == torch.float32
    before = (change.double() @ slopes.T).abs().mean()
    assert (freed.double() @ slopes.T).abs().mean() < 0.05 * before
    assert (freed - change).norm() < change.norm() * 3  # and much of it is left
    torch.testing.assert_close(found.project_out(freed), freed, atol=1e-4, rtol=1e-4)


def test_the_smallest_change_in_the_sense_of_the_covariance(fitted):
    """Among changes with the same effect the one taken out is the likeliest."""
    _, found = fitted
    change = torch.randn(W_DIM, dtype=torch.float64)
    taken = change - found.project_out(change)
    inverse = torch.linalg.inv(found.covariance)
    known = found.slopes[:2]
    for seed in range(20):
        other = torch.randn(W_DIM, generator=torch.Generator().manual_seed(seed)).double()
        other -= known.T @ torch.linalg.solve(known @ known.T, known @ other)  # no effect
        rival = taken + 0.1 * other
        assert taken @ inverse @ taken <= rival @ inverse @ rival + 1e-9


def test_what_explains_nothing_frees_nothing():
    torch.manual_seed(1)
    found = Directions.fit(torch.randn(100, W_DIM), torch.randn(100, 3), torch.eye(W_DIM))
    change = torch.randn(2, W_DIM)
    assert torch.equal(found.project_out(change), change)
