"""The selection report in words."""

import pytest

from facegen.types import CHANGED, MOVED, SelectionReport

SIX = {"asked": 6, "made": 6, "different": 6, "tried": 8, "search_recogniser": "dlib"}


@pytest.mark.parametrize(
    ("more", "kept", "words"),
    [
        ({}, True, "All 6 were found, every one of them a different person (8 seeds tried)."),
        ({"different": None}, True, "All 6 were found (8 seeds tried)."),
        ({"search_recogniser": None}, True, ""),
        (
            {"alike_pairs": 2},
            False,
            "All 6 were found, every one of them a different person (8 seeds tried). "
            "2 of 15 pairs of them are one person to a recogniser.",
        ),
        (
            {"unreached": 3, "moved": 1, "last_resorts": {MOVED: 1}},
            True,
            "All 6 were found, every one of them a different person (8 seeds tried). "
            "3 of 6 stay nearer than the strength asks for. 1 of 6 moved in pose or geometry.",
        ),
        (
            {"made": 4, "different": 3, "passed_over": {"no face": 2}},
            False,
            "4 of 6 were found and only 3 of 4 are a different person: the budget of 8 seeds ran "
            "out: 2 no face.",
        ),
        (
            {"different": 5, "last_resorts": {"too close to the reference": 1}},
            False,
            "Only 5 of 6 are a different person: the budget of 8 seeds ran out. Last resorts among "
            "them: 1 too close to the reference.",
        ),
    ],
)
def test_in_words(more, kept, words):
    report = SelectionReport(**SIX | more)
    assert report.in_words() == words
    assert report.kept is kept


def test_what_is_not_kept_is_said_once():
    report = SelectionReport(**SIX, last_resorts={CHANGED: 2}, changed=2)
    assert report.in_words().endswith("2 of 6 differ in age, gender or skin tone.")
