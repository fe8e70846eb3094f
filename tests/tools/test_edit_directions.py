"""Directions are found where the truth is known: measures that are linear in some group."""

import numpy as np
import pytest
from edit_directions import Axes, learn, regress
from edit_samples import fit_rater

GROUPS, W_DIM, COUNT = 3, 6, 3000


@pytest.fixture(scope="module")
def world():
    """(codes, true slopes, vectors): smile is in group 1, age in groups 0 and 2; a recogniser's
    vector follows one direction of group 1."""
    random = np.random.default_rng(0)
    codes = random.normal(size=(COUNT, GROUPS, W_DIM))
    slopes = {name: np.zeros((GROUPS, W_DIM)) for name in ("smile", "age")}
    slopes["smile"][1] = random.normal(size=W_DIM)
    slopes["age"][0], slopes["age"][2] = random.normal(size=(2, W_DIM))
    identity = random.normal(size=W_DIM)
    vectors = (codes[:, 1] @ identity)[:, None]
    return codes, slopes, vectors


@pytest.fixture(scope="module")
def found(world):
    codes, slopes, vectors = world
    noise = np.random.default_rng(1).normal(scale=0.1, size=(2, COUNT))
    measures = {
        name: (codes * slope).sum(axis=(1, 2)) + noise[i]
        for i, (name, slope) in enumerate(slopes.items())
    }
    axes = Axes.of(codes.reshape(-1, W_DIM), W_DIM)
    return learn(codes, measures, [vectors], axes)


def test_each_moves_its_own_measure_by_one_and_the_other_not(found, world):
    _, slopes, _ = world
    for name, direction in found.items():
        for other, slope in slopes.items():
            moved = (direction.rows * slope).sum()
            assert moved == pytest.approx(float(name == other), abs=0.03), (name, other)


def test_each_stays_in_the_groups_where_its_measure_lies(found):
    assert found["smile"].groups == (1,) and found["age"].groups in ((0,), (2,), (0, 2))
    assert not found["smile"].rows[[0, 2]].any()


def test_an_expression_turns_away_from_identity(found, world):
    _, slopes, _ = world
    codes, _, vectors = world
    identity = regress(codes[:, 1], vectors).slopes[0]
    plain = slopes["smile"][1] / np.square(slopes["smile"][1]).sum()
    assert abs(found["smile"].rows[1] @ identity) < 0.5 * abs(plain @ identity)


def test_regression_says_how_much_it_explains():
    random = np.random.default_rng(2)
    x = random.normal(size=(400, 5))
    y = np.stack([x @ np.arange(5.0), random.normal(size=400)], axis=1)
    fitted = regress(x, y)
    assert fitted.explained[0] > 0.99 and fitted.explained[1] < 0.05
    assert np.allclose(fitted.slopes[0], np.arange(5.0), atol=0.05)


def test_a_rater_repeats_what_people_said():
    random = np.random.default_rng(3)
    features = random.normal(size=(300, 8))
    ratings = features @ random.normal(size=(8, 2)) * 10 + 50
    rated = fit_rater(features[:200], ratings[:200], 1.0)(features[200:])
    assert np.abs(rated - ratings[200:]).mean() < 1
