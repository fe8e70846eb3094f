"""The dial's search: right, monotone by construction, and in few evaluations."""

import numpy as np
import pytest

from facegen.latent.vary import diversity, strength
from facegen.latent.vary.strength import Point

FARTHEST = 1.25


def searched(curve, wanted, rounds=strength.ROUNDS):
    """(the point found, how many places were measured) on one path with this D(amount)."""
    calls = []

    def measure(paths, amounts):
        calls.extend(amounts)
        return [curve(amount) for amount in amounts]

    (point,) = strength.search([Point(FARTHEST, curve(FARTHEST))], wanted, measure, rounds)
    return point, len(calls)


def test_the_target_goes_from_nobody_else_to_a_stranger():
    strengths = np.linspace(0, 1, 21)
    targets = [strength.target_distance(s, 0.6, 0.8) for s in strengths]
    assert targets[0] == 0 and targets[-1] == 0.8
    assert targets[10] == pytest.approx(0.6 + strength.MARGIN)
    assert targets == sorted(targets)


def test_paths_end_where_faces_begin_to_break():
    low, high = strength.FARTHEST
    assert strength.path_end(None) == low == 1.0  # nothing measured, nothing risked
    assert strength.path_end(1.1) == 1.1 < high
    assert strength.path_end(9.0) == high and strength.path_end(0.3) == low


def test_it_finds_the_nearest_place_that_is_far_enough():
    point, calls = searched(lambda amount: 0.7 * amount, 0.4, rounds=10)
    assert calls == 10
    assert point.amount == pytest.approx(0.4 / 0.7, abs=2 * FARTHEST / 2**10)
    assert point.distance >= 0.4


def test_a_few_rounds_are_near_already():
    point, calls = searched(lambda amount: 0.7 * amount, 0.4)
    assert calls == strength.ROUNDS
    assert 0.4 <= point.distance <= 0.4 + 0.7 * FARTHEST / 2**strength.ROUNDS


def test_strength_zero_is_the_start_and_costs_nothing():
    assert searched(lambda amount: amount, 0.0) == (Point(0.0, 0.0), 0)


def test_out_of_reach_is_the_end():
    point, calls = searched(lambda amount: 0.3 * amount, 0.6)
    assert point == Point(FARTHEST, 0.3 * FARTHEST) and calls == 0


@pytest.mark.parametrize("seed", range(200))
def test_a_higher_strength_is_never_closer(seed):
    """On paths that turn back wherever they like."""
    rng = np.random.default_rng(seed)
    places, values = np.linspace(0, FARTHEST, 17), np.append(0, rng.uniform(0, 1, 16))
    found = [
        searched(lambda amount: float(np.interp(amount, places, values)), wanted, 4)[0]
        for wanted in np.linspace(0, 1, 41)
    ]
    distances = [point.distance for point in found]
    assert distances == sorted(distances)


def test_all_paths_are_searched_together():
    slopes, rounds = [0.5, 0.7, 0.9, 0.1], []

    def measure(paths, amounts):
        rounds.append(list(paths))
        return [slopes[i] * amount for i, amount in zip(paths, amounts, strict=True)]

    ends = [Point(FARTHEST, slope * FARTHEST) for slope in slopes]
    points = strength.search(ends, 0.5, measure)
    assert rounds == [[0, 1, 2]] * strength.ROUNDS  # the fourth cannot reach it
    for slope, point in zip(slopes, points, strict=True):
        alone = searched(lambda amount, slope=slope: slope * amount, 0.5)[0]
        assert point == alone


# --- the set ---------------------------------------------------------------------------


def apart(a, b):
    return float(np.linalg.norm(a - b))


@pytest.mark.parametrize("seed", range(20))
def test_farthest_point_choice_against_brute_force(seed):
    rng = np.random.default_rng(seed)
    points = list(rng.normal(size=(12, 3)))
    chosen = [points[0]]
    left = points[1:]
    while left:
        order = diversity.farthest_first(left, chosen, apart)
        scores = [min(apart(p, c) for c in chosen) for p in left]
        assert scores[order[0]] == max(scores)
        assert [scores[i] for i in order] == sorted(scores, reverse=True)
        chosen.append(left.pop(order[0]))


def test_greedy_choice_is_within_twice_of_the_best_set():
    """Gonzalez' guarantee, against every set of four."""
    from itertools import combinations

    rng = np.random.default_rng(3)
    points = list(rng.normal(size=(10, 2)))

    def least(group):
        return min(apart(a, b) for a, b in combinations(group, 2))

    chosen, left = [points[0]], points[1:]
    while len(chosen) < 4:
        chosen.append(left.pop(diversity.farthest_first(left, chosen, apart)[0]))
    best = max(least(group) for group in combinations(points, 4))
    assert least(chosen) >= best / 2


def test_the_first_keep_their_order():
    points = [np.array([5.0]), np.array([1.0]), np.array([9.0])]
    assert diversity.farthest_first(points, [], apart) == [0, 1, 2]


def test_the_table_of_distances():
    table = diversity.between([np.zeros(2), None, np.array([3.0, 4.0])], apart)
    assert table == [[0, None, 5], [None, None, None], [5, None, 0]]
