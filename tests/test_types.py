"""What counts as kept: README's and the manifest's shares rest on it."""

import pytest

from facegen.limits import KEPT_ANGLE, KEPT_NME
from facegen.types import StructureDelta


def moved(nme=0.0, yaw=0.0, pitch=0.0, roll=0.0) -> StructureDelta:
    return StructureDelta(nme, yaw, pitch, roll)


def test_the_limits_are_those_that_the_docs_name():
    assert (KEPT_NME, KEPT_ANGLE) == (0.08, 8.0)


def test_kept_is_all_within_the_limits():
    assert moved().kept and moved(0.08, 8.0, -8.0, 8.0).kept


@pytest.mark.parametrize(
    "one",
    [
        {"nme": 0.081}, {"yaw": 8.1}, {"yaw": -8.1}, {"pitch": 8.1}, {"pitch": -8.1},
        {"roll": 8.1}, {"roll": -8.1},
    ],
)  # fmt: skip
def test_one_beyond_its_limit_is_enough(one):
    assert not moved(**one).kept
