"""Distances of sets, thresholds, ranks and intervals against values known by hand."""

import numpy as np
import pytest

from facegen import images
from facegen.evaluation import metrics
from facegen.evaluation.metrics import estimate


def vectors(count=60, seed=0, size=16):
    return np.random.default_rng(seed).normal(size=(count, size))


@pytest.mark.parametrize("recogniser", ["dlib", "sface"])
def test_thresholds_cannot_come_from_genuine_scores(recogniser):
    """Whatever the genuine pairs are like, the threshold stays: so an anonymiser that hides nobody
    is told to protect nobody."""
    sources = vectors()
    strangers = metrics.distances(recogniser, vectors(seed=1), sources)
    copies = strangers.copy()
    np.fill_diagonal(copies, 0.0)  # every variant is its source
    far = strangers.copy()
    np.fill_diagonal(far, 1e6)
    at = metrics.threshold(strangers, false_matches=0.01)
    assert (
        metrics.threshold(copies, false_matches=0.01)
        == metrics.threshold(far, false_matches=0.01)
        == at
    )
    assert metrics.protected(copies, at).mean() == 0 and metrics.protected(far, at).mean() == 1
    # what a toolbox that takes the threshold from the genuine scores would say of the copies
    assert np.mean(np.diagonal(copies) >= np.quantile(np.diagonal(copies), 0.001)) == 1


def test_so_many_impostors_lie_below_the_threshold():
    matrix = metrics.distances("dlib", vectors(80), vectors(80, 1))
    at = metrics.threshold(matrix, false_matches=0.05)
    assert np.mean(metrics.impostors(matrix) < at) == pytest.approx(0.05, abs=0.001)
    assert len(metrics.impostors(matrix)) == 80 * 79


def test_unprotected_variants_are_found_and_strangers_are_not():
    sources = vectors()
    near = metrics.distances("dlib", sources + 0.01 * vectors(seed=1), sources)
    assert metrics.first_rank(near).mean() == 1
    assert metrics.protected(near, metrics.threshold(near)).mean() == 0
    strange = metrics.distances("dlib", vectors(seed=2), sources)
    assert metrics.first_rank(strange).mean() < 0.1
    assert metrics.protected(strange, metrics.threshold(strange)).mean() > 0.95


def test_what_is_not_there_does_not_count():
    probes = vectors(5)
    probes[2] = np.nan
    matrix = metrics.distances("dlib", probes, vectors(5))
    assert np.isnan(metrics.first_rank(matrix)).tolist() == [False, False, True, False, False]
    assert not np.isnan(metrics.threshold(matrix))
    assert estimate(np.array([np.nan, np.nan])) is None


def test_a_tie_counts_for_the_attacker():
    assert metrics.first_rank(np.zeros((3, 3))).tolist() == [1, 1, 1]


def test_the_second_nearest_is_not_found():
    """Rank 1 is rank 1: one stranger that is nearer is enough, one that is as near is not."""
    matrix = np.array([[2.0, 1.0, 3.0], [9.0, 1.0, 9.0], [0.5, 3.0, 1.0]])
    assert metrics.first_rank(matrix).tolist() == [0, 1, 0]


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
    assert middle.value == 50 and middle.low < 50 < middle.high and middle.n == 101


def test_frechet_of_known_gaussians():
    """Means 3 apart, deviations 1 and 2 in each of two dimensions: 9 + 2 (1 - 2)^2."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(20_000, 2))
    noise = (noise - noise.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(noise.T))).T
    assert metrics.frechet(noise, 2 * noise + (3, 0)) == pytest.approx(11, rel=1e-6)
    assert metrics.frechet(noise, noise) == pytest.approx(0, abs=1e-8)


def test_frechet_agrees_with_the_matrix_root():
    from scipy.linalg import sqrtm

    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(50, 6)), rng.normal(size=(60, 6)) @ rng.normal(size=(6, 6)) + 0.3
    one, two = np.cov(a.T), np.cov(b.T)
    shift = a.mean(axis=0) - b.mean(axis=0)
    plain = shift @ shift + np.trace(one + two - 2 * sqrtm(one @ two).real)
    assert metrics.frechet(a, b) == pytest.approx(plain)
    assert metrics.frechet(a[:4], b[:4]) >= 0  # fewer points than dimensions


def test_precision_and_recall():
    rng = np.random.default_rng(2)
    real = rng.normal(size=(300, 4))
    assert metrics.precision_recall(real, real) == (1.0, 1.0)
    assert metrics.precision_recall(real, real + 100) == (0.0, 0.0)
    precision, recall = metrics.precision_recall(real, 0.05 * rng.normal(size=(300, 4)))
    assert precision > 0.95 and recall < 0.2  # all alike: credible and poor
    half = np.concatenate([rng.normal(size=(150, 4)), rng.normal(size=(150, 4)) + 100])
    assert metrics.precision_recall(real, half)[0] == pytest.approx(0.5, abs=0.1)


def test_sharpness():
    flat = np.full((32, 32, 3), 90, np.uint8)
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
    blurred = images.resize(images.resize(noise, 8), 32)
    assert metrics.sharpness(flat) == 0
    assert metrics.sharpness(noise) > 3 * metrics.sharpness(blurred) > 0
