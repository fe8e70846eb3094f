"""Faces of a set, sorted by person: both recognisers have to agree, one photo's are stricter."""

import numpy as np
import pytest

from facegen import limits
from facegen.measure.identity import clustering
from facegen.measure.identity.clustering import Seen, cluster, limit


class Line:
    """A recogniser whose vectors are places on a line."""

    threshold = 0.6

    def __init__(self, name):
        self.name = name

    def distance(self, first, second):
        return float(abs(first - second).max())


BOTH = (Line("one"), Line("two"))


def face(photo: int, one: float, two: float | None = None) -> Seen:
    return Seen(photo, {"one": np.array([one]), "two": np.array([one if two is None else two])})


def test_one_person_in_several_photos_and_a_stranger():
    faces = [face(0, 0.0), face(0, 5.0), face(1, 0.2), face(2, 5.1), face(3, 9.0), face(4, 0.1)]
    assert cluster(faces, BOTH, 256) == [[0, 2, 5], [1, 3], [4]]


def test_both_have_to_agree():
    assert cluster([face(0, 0.0, 0.0), face(1, 0.1, 5.0)], BOTH, 256) == [[0], [1]]
    assert cluster([face(0, 0.0, 0.0), face(1, 0.1, 5.0)], BOTH[:1], 256) == [[0, 1]]


def test_who_is_not_seen_by_a_recogniser_is_alone():
    blind = Seen(1, {"one": np.array([0.0])})
    assert cluster([face(0, 0.0), blind], BOTH, 256) == [[0], [1]]
    assert cluster([face(0, 0.0), face(1, 0.0)], (), 256) == [[0], [1]]


@pytest.fixture
def strict(monkeypatch):
    """Within a photo a third of the distance that is allowed between photos."""
    share = {limits.BETWEEN_PHOTOS: 1.0, limits.IN_ONE_PHOTO: 1 / 3}
    monkeypatch.setattr(clustering, "limit", lambda one, rate, _: share[rate] * one.threshold)


def test_two_in_one_photo_are_two_unless_they_are_nearly_the_same(strict):
    assert cluster([face(0, 0.0), face(0, 0.4)], BOTH, 256) == [[0], [1]]
    assert cluster([face(0, 0.0), face(1, 0.4)], BOTH, 256) == [[0, 1]]
    assert cluster([face(0, 0.0), face(0, 0.1)], BOTH, 256) == [[0, 1]], "a mirror"
    # a third photo is as near to both: it joins one of them, and they stay two
    assert cluster([face(0, 0.0), face(0, 0.4), face(1, 0.2)], BOTH, 256) == [[0, 2], [1]]


def test_two_halves_of_one_person_become_one():
    """The first two are too far apart; the third lies between them."""
    faces = [face(0, 0.0), face(1, 0.65), face(2, 0.3)]
    assert cluster(faces, BOTH, 256) == [[0, 1, 2]]


def test_limits_are_the_calibrations_and_never_above_the_threshold():
    named = Line("dlib")
    assert limit(named, 0.1, 256) < limit(named, 1.0, 256) < named.threshold
    named.threshold = 0.2
    assert limit(named, 1.0, 256) == 0.2
    assert limit(Line("nobody's"), 0.1, 256) == 0.6
