"""Who is nearer to a new face than its photo."""

import numpy as np
import pytest

from facegen.limits import LEAST_LIKE
from facegen.measure.decoys import Decoys, Nearer, spread_evenly


class Line:
    name, threshold = "line", 1.0

    def distance(self, first, second):
        return float(np.linalg.norm(first - second))

    def distances(self, one, many):
        return np.linalg.norm(many - one, axis=1)


@pytest.fixture
def decoys():
    """At 0, 1, 2 … 99; the even ones are forty, the odd ones seventy."""
    places = np.arange(100.0)[:, None]
    ages = np.where(np.arange(100) % 2, 70.0, 40.0)
    return Decoys({"line": places}, np.stack([ages, 0 * ages, 0 * ages], axis=1))


def test_the_share_that_is_nearer(decoys):
    assert decoys.nearer(Line(), np.array([50.2]), np.array([52.4])).share == 0.04
    assert decoys.nearer(Line(), np.array([50.2]), np.array([50.3])).share == 0


def test_of_those_like_the_photo(decoys):
    told = decoys.nearer(Line(), np.array([50.2]), np.array([54.4]), np.array([42.0, 0, 0]))
    assert told.like == 4, "48, 50, 52, 54"
    unknown = decoys.nearer(Line(), np.array([50.2]), np.array([54.4]), np.full(3, np.nan))
    assert unknown.like == 8
    nobody = decoys.nearer(Line(), np.array([50.2]), np.array([50.3]), np.array([10.0, 0, 0]))
    assert nobody.like == LEAST_LIKE, "too few to ask"


def test_a_recogniser_without_decoys_is_not_asked(decoys):
    class Other(Line):
        name = "other"

    assert decoys.nearer(Other(), np.zeros(1), np.ones(1)) == Nearer(1.0, LEAST_LIKE)


def test_groups_are_evened_out():
    group = np.array([0] * 90 + [1] * 10)
    chosen = spread_evenly([group], 20)
    assert (group[chosen] == 1).sum() == 10 and len(chosen) == 20
    assert (np.diff(chosen) > 0).all()
    assert len(spread_evenly([group], 1000)) == 100
