"""The selection report in words."""

import pytest

from facegen.types import SelectionReport

SIX = {"asked": 6, "made": 6, "different": 6, "tried": 8, "measured": True, "alike_pairs": 0}


@pytest.mark.parametrize(
    ("more", "kept", "words"),
    [
        ({}, True, "6 new people, none of them the person in the photo."),
        ({"different": None}, True, "6 new people."),
        ({"measured": False}, True, ""),
        (
            {"alike_pairs": 2},
            False,
            "6 new people, none of them the person in the photo. 2 of 15 pairs of them look like "
            "one person.",
        ),
        ({"asked": 1, "made": 1, "different": None}, True, "1 new person."),
        (
            {"made": 4, "different": 4, "passed_over": {"another age": 1, "glasses differ": 3}},
            False,
            "4 of 6 were found: of 8 people tried nobody else fits the photo (most often: glasses "
            "differ).",
        ),
        (
            {"made": 1, "different": 1, "passed_over": {"another age": 7}},
            False,
            "1 of 6 was found: of 8 people tried nobody else fits the photo (most often: another "
            "age).",
        ),
        (
            {"made": 0, "different": 0, "passed_over": {"no eyes": 8}},
            False,
            "None of 6 were found: of 8 people tried nobody else fits the photo (most often: no "
            "eyes).",
        ),
        (
            {"unseen": ("glasses", "skin")},
            True,
            "6 new people, none of them the person in the photo. The photo does not show clearly "
            "enough: glasses, skin.",
        ),
        ({"note": "One picture"}, True, "One picture."),
    ],
)
def test_in_words(more, kept, words):
    report = SelectionReport(**SIX | more)
    assert report.in_words() == words
    assert report.kept is kept
