"""Thresholds, ranks and intervals against values known by hand."""

import numpy as np
import pytest

from facegen.evaluation.protocol import identification as ids
from facegen.evaluation.protocol.intervals import estimate


def vectors(count=60, seed=0, size=16):
    return np.random.default_rng(seed).normal(size=(count, size))


@pytest.mark.parametrize("recogniser", ["dlib", "sface"])
def test_thresholds_cannot_come_from_genuine_scores(recogniser):
    """Whatever the genuine pairs are like, the threshold stays: so an anonymiser that hides nobody
    is told to protect nobody."""
    sources = vectors()
    strangers = ids.distances(recogniser, vectors(seed=1), sources)
    copies = strangers.copy()
    np.fill_diagonal(copies, 0.0)  # every variant is its source
    far = strangers.copy()
    np.fill_diagonal(far, 1e6)
    at = ids.threshold(strangers, false_matches=0.01)
    assert ids.threshold(copies, false_matches=0.01) == ids.threshold(far, false_matches=0.01) == at
    assert ids.protected(copies, at).mean() == 0 and ids.protected(far, at).mean() == 1
    # what a toolbox that takes the threshold from the genuine scores would say of the copies
    assert np.mean(np.diagonal(copies) >= np.quantile(np.diagonal(copies), 0.001)) == 1


def test_so_many_impostors_lie_below_the_threshold():
    matrix = ids.distances("dlib", vectors(80), vectors(80, 1))
    at = ids.threshold(matrix, false_matches=0.05)
    assert np.mean(ids.impostors(matrix) < at) == pytest.approx(0.05, abs=0.001)
    assert len(ids.impostors(matrix)) == 80 * 79


def test_unprotected_variants_are_found_and_strangers_are_not():
    sources = vectors()
    near = ids.distances("dlib", sources + 0.01 * vectors(seed=1), sources)
    assert ids.first_rank(near).mean() == 1
    assert ids.protected(near, ids.threshold(near)).mean() == 0
    strange = ids.distances("dlib", vectors(seed=2), sources)
    assert ids.first_rank(strange).mean() < 0.1
    assert ids.protected(strange, ids.threshold(strange)).mean() > 0.95


def test_what_is_not_there_does_not_count():
    probes = vectors(5)
    probes[2] = np.nan
    matrix = ids.distances("dlib", probes, vectors(5))
    assert np.isnan(ids.first_rank(matrix)).tolist() == [False, False, True, False, False]
    assert not np.isnan(ids.threshold(matrix))
    assert estimate(np.array([np.nan, np.nan])) is None


def test_a_tie_counts_for_the_attacker():
    assert ids.first_rank(np.zeros((3, 3))).tolist() == [1, 1, 1]


def test_the_second_nearest_is_not_found():
    """Rank 1 is rank 1: one stranger that is nearer is enough, one that is as near is not."""
    matrix = np.array([[2.0, 1.0, 3.0], [9.0, 1.0, 9.0], [0.5, 3.0, 1.0]])
    assert ids.first_rank(matrix).tolist() == [0, 1, 0]


def test_intervals_cover_what_they_should():
    rng = np.random.default_rng(0)
    inside = 0
    for trial in range(200):
        found = estimate((rng.random(150) < 0.3).astype(float), seed=trial)
        inside += found.low <= 0.3 <= found.high
    assert 180 <= inside <= 199
    none = estimate(np.zeros(300))
    assert (none.value, none.low, none.high) == (0, 0, 0.01)
    middle = estimate(np.arange(101.0), np.median)
    assert middle.value == 50 and middle.low < 50 < middle.high and middle.sources == 101
