"""The regressions find what moves a trait, and a change moves it as asked."""

import pytest
import torch

from facegen.latent.vary.directions import LEAST_EXPLAINED, Directions, ridge

W_DIM = 12


@pytest.fixture
def fitted():
    """Two traits that w moves, one that is noise."""
    torch.manual_seed(0)
    factor = torch.randn(W_DIM, W_DIM, dtype=torch.float64)
    offsets = torch.randn(400, W_DIM, dtype=torch.float64) @ factor.T
    slopes = torch.randn(2, W_DIM, dtype=torch.float64)
    measured = torch.cat([offsets @ slopes.T, torch.randn(400, 1, dtype=torch.float64)], dim=1)
    measured[:, :2] += 0.1 * torch.randn(400, 2, dtype=torch.float64)
    x, y = offsets - offsets.mean(dim=0), measured - measured.mean(dim=0)
    return slopes, *ridge(x, y), factor @ factor.T


def test_the_slopes_are_found(fitted):
    slopes, found, explained, _ = fitted
    torch.testing.assert_close(found[:2], slopes, rtol=0.1, atol=0.15)
    assert (explained[:2] > 0.95).all() and explained[2] < LEAST_EXPLAINED


@pytest.fixture
def directions(fitted):
    _, found, _, covariance = fitted
    return Directions(("yaw", "smile"), found[:2], covariance)


def test_a_change_moves_the_traits_as_asked(directions):
    by = torch.tensor([0.5, -4.0], dtype=torch.float64)
    torch.testing.assert_close(directions.slopes @ directions.change(by[None])[0], by)
    size = directions.size(torch.stack([by, 2 * by]))
    assert float(size[1]) == pytest.approx(2 * float(size[0]))
    half = directions.change_within(by[None], float(size[0]) / 2)
    torch.testing.assert_close(half, directions.change(by[None]) / 2)
    assert not directions.change_within(0 * by[None], 1.0).any()


def test_it_is_the_smallest_change_in_the_sense_of_the_covariance(directions):
    by = torch.tensor([1.0, 2.0], dtype=torch.float64)
    change, inverse = directions.change(by[None])[0], torch.linalg.inv(directions.covariance)
    assert float(directions.size(by[None])[0]) ** 2 == pytest.approx(
        float(change @ inverse @ change)
    )
    known = directions.slopes
    for seed in range(20):
        other = torch.randn(W_DIM, generator=torch.Generator().manual_seed(seed)).double()
        other -= known.T @ torch.linalg.solve(known @ known.T, known @ other)  # no effect
        rival = change + 0.1 * other
        assert change @ inverse @ change <= rival @ inverse @ rival + 1e-9
