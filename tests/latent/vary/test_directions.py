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
    return slopes, Directions.fit(("yaw", "smile", "noise"), offsets, measured, factor @ factor.T)


def test_the_slopes_are_found(fitted):
    slopes, found = fitted
    torch.testing.assert_close(found.slopes[:2, 0], slopes, rtol=0.1, atol=0.15)
    assert (found.explained[:2] > 0.95).all()
    assert found.explained[2] < LEAST_EXPLAINED


def test_a_freed_change_moves_no_measure(fitted):
    slopes, found = fitted
    change = torch.randn(1, 5, W_DIM)
    found = found.known(found.names)
    assert found.names == ("yaw", "smile")
    freed = found.project_out(change)
    assert freed.shape == change.shape and freed.dtype == torch.float32
    before = (change.double() @ slopes.T).abs().mean()
    assert (freed.double() @ slopes.T).abs().mean() < 0.05 * before
    assert (freed - change).norm() < change.norm() * 3  # and much of it is left
    torch.testing.assert_close(found.project_out(freed), freed, atol=1e-4, rtol=1e-4)


def test_the_smallest_change_in_the_sense_of_the_covariance(fitted):
    """Among changes with the same effect the one taken out is the likeliest."""
    _, found = fitted
    found = found.known(("yaw", "smile"))
    change = torch.randn(1, W_DIM, dtype=torch.float64)
    taken = (change - found.project_out(change))[0]
    inverse = torch.linalg.inv(found.covariance)
    known = found.slopes[:2, 0]
    for seed in range(20):
        other = torch.randn(W_DIM, generator=torch.Generator().manual_seed(seed)).double()
        other -= known.T @ torch.linalg.solve(known @ known.T, known @ other)  # no effect
        rival = taken + 0.1 * other
        assert taken @ inverse @ taken <= rival @ inverse @ rival + 1e-9


def test_what_explains_nothing_frees_nothing():
    torch.manual_seed(1)
    names = ("yaw", "pitch", "roll")
    found = Directions.fit(names, torch.randn(100, W_DIM), torch.randn(100, 3), torch.eye(W_DIM))
    change = torch.randn(2, W_DIM)
    assert torch.equal(found.known(names).project_out(change), change)


@pytest.fixture
def by_place():
    """Two measures whose slopes differ from place to place."""
    torch.manual_seed(2)
    slopes = torch.randn(2, 3, W_DIM, dtype=torch.float64)
    factor = torch.randn(W_DIM, W_DIM, dtype=torch.float64)
    return Directions(("gaze", "age"), slopes, torch.ones(2), factor @ factor.T)


def test_by_place_only_the_sum_over_the_places_is_held(by_place):
    change = torch.randn(1, 3, W_DIM)
    freed = by_place.project_out(change)
    effect = torch.einsum("npw,kpw->nkp", freed.double(), by_place.slopes)
    torch.testing.assert_close(effect.sum(dim=2), torch.zeros(1, 2).double(), atol=1e-4, rtol=0)
    assert effect.abs().max() > 0.01, "a place may move what another takes back"


def test_a_change_moves_the_measures_as_asked(by_place, fitted):
    by = torch.tensor([0.5, -4.0], dtype=torch.float64)
    change = by_place.change(by)
    moved = torch.einsum("pw,kpw->k", change, by_place.slopes)
    torch.testing.assert_close(moved, by)
    assert by_place.size(2 * by) == pytest.approx(2 * by_place.size(by))
    _, found = fitted
    found = found.known(("smile", "yaw"))
    same = found.change(by)
    assert same.shape == (1, W_DIM)
    torch.testing.assert_close((same[0] @ found.slopes[:, 0].T), by)
