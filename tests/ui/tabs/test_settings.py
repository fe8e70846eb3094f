"""A picture's settings, back in the fields: checked as if they had been typed."""

import pytest

from facegen.errors import FacegenError
from facegen.ui.tabs.settings import read


def test_what_a_file_says_is_read_as_options_take_it():
    facts = {"seed": "7", "strength": "0.5", "steps": "20", "model": "bundled", "style": "cel"}
    told = {"seed": 7, "strength": 0.5, "steps": 20, "model": "bundled", "style": "cel"}
    assert read(facts) == told
    assert read(facts | {"keep": "age,skin"}) == told | {"keep": ("age", "skin")}
    assert read(facts | {"keep": "none"}) == told | {"keep": ()}


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"seed": "seven"}, "seed is 'seven', which is not a number"),
        ({"seed": "1", "strength": "9"}, "strength is 9"),
        ({"seed": "1", "strength": "nan"}, "strength is nan"),
        ({"seed": "-1"}, "seed is -1"),
        ({"seed": "1", "noise_mode": "<b>"}, "noise_mode is '<b>'"),
        ({"seed": "1", "steps": "999999"}, "steps is 999999"),
        ({"seed": "1", "blend": "2"}, "blend is 2"),
        ({"seed": "1", "strength": "0.5", "keep": "<b>"}, "keep is '<b>'"),
    ],
)
def test_what_nobody_could_have_typed_is_refused(facts, words):
    with pytest.raises(FacegenError, match=words):
        read(facts)
