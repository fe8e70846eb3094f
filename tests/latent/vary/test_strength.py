"""What a strength promises, and the search for it: right, rising, and in few pictures."""

import numpy as np
import pytest

from facegen.latent.vary import strength
from facegen.latent.vary.strength import Point, reached


def searched(curve, wanted, rounds=strength.ROUNDS):
    """(the point found, how many places were measured) on a way with this strength(amount)."""
    calls = []

    def measure(amount):
        calls.append(amount)
        return curve(amount)

    return strength.search(Point(1.0, curve(1.0)), wanted, measure, rounds), len(calls)


@pytest.mark.parametrize(
    ("distance", "nearer", "amount", "wanted"),
    [
        (0.0, 0.0, 0.0, 0.0),
        (0.63, 0.02, 0.4, 0.5),
        (0.9, 0.1, 0.4, 0.85),
        (0.9, 0.1, 1.0, 1.0),
        (0.9, np.sqrt(0.02 * 0.1), 0.4, 0.625),
    ],
)
def test_what_a_point_has_reached(distance, nearer, amount, wanted):
    assert reached([distance], [0.6], [nearer], amount) == pytest.approx(wanted, abs=0.005)


def test_one_half_needs_somebody_else_and_decoys_to_every_recogniser():
    assert reached([0.59], [0.6], [0.5], 1.0) < 0.5, "the same person"
    assert reached([0.9], [0.6], [0.019], 1.0) < 0.5, "the photo is among the nearest"
    assert reached([0.9, 0.40], [0.6, 0.45], [0.5, 0.5], 1.0) < 0.5, "to the second"
    assert reached([0.9, 0.60], [0.6, 0.45], [0.5, 0.03], 1.0) < 0.75


def test_it_rises_with_distance_and_decoys():
    for values in ([reached([d], [0.6], [0.01], 0.5) for d in np.linspace(0, 1, 30)],
                   [reached([0.7], [0.6], [q], 0.5) for q in np.linspace(0, 0.5, 60)]):  # fmt: skip
        assert values == sorted(values)


def test_without_recognisers_it_is_the_share_of_the_way():
    assert reached([], [], [], 0.3) == 0.3


def test_it_finds_the_nearest_place_that_is_far_enough():
    point, calls = searched(lambda amount: amount, 0.4, rounds=10)
    assert calls == 10 and point.reached >= 0.4
    assert point.amount == pytest.approx(0.4, abs=2 / 2**10)


def test_strength_zero_is_the_start_and_one_the_end():
    assert searched(lambda amount: amount, 0.0) == (Point(0.0, 0.0), 0)
    assert searched(lambda amount: 0.6 * amount, 1.0) == (Point(1.0, 1.0), 0), "somebody else"
    assert searched(lambda amount: 0.4 * amount, 1.0) == (Point(1.0, 0.4), 0), "not somebody else"
    assert searched(lambda amount: 0.6 * amount, 0.75) == (Point(1.0, 0.6), 0), "out of reach"


def test_a_higher_strength_is_never_nearer():
    rng = np.random.default_rng(0)
    for _ in range(200):
        heights = rng.uniform(0, 1, 9)
        heights[0], heights[-1] = 0, heights.max()

        def curve(amount, heights=heights):
            return float(np.interp(amount, np.linspace(0, 1, 9), heights))

        found = [searched(curve, wanted)[0] for wanted in np.linspace(0, curve(1.0), 15)]
        assert [p.amount for p in found] == sorted(p.amount for p in found)
        assert [p.reached for p in found] == sorted(p.reached for p in found)
        wanted = np.linspace(0, curve(1.0), 15)
        assert all(p.reached >= w for p, w in zip(found, wanted, strict=True))
