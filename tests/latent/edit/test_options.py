"""What may be asked of a face, and in which words it is refused."""

import pytest

from facegen.errors import OptionError
from facegen.options.edit import NAMES, EditOptions, parse


def test_settings_are_read_with_their_units():
    found = parse(["smile=+0.5", "age=+10y", "yaw=-5°", "hair-length=20%"])
    assert found == EditOptions(smile=0.5, age=10, yaw=-5, hair_length=0.2)
    assert found.asked == {"age": 10, "smile": 0.5, "yaw": -5, "hair_length": 0.2}


def test_what_it_says_of_itself_is_read_back():
    told = EditOptions(age=-7.5, smile=0.25, pitch=3)
    assert parse(told.in_words().split()) == told


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["nose=1"], "no slider 'nose'; there are: age, gender, smile"),
        (["age=80"], "age is 80.0; it must lie between -25 and 25"),
        (["smile=nan"], "NAME=AMOUNT"),
        (["smile"], "NAME=AMOUNT"),
        (["smile=much"], "NAME=AMOUNT"),
        (["age=5", "age=6"], "age is set twice"),
        (["smile=1y"], "smile is in 'y'; it is counted in a share of 1"),
        (["age=5%"], "age is in '%'; it is counted in years"),
    ],
)
def test_a_mistake_is_told_in_a_line(settings, words):
    with pytest.raises(OptionError) as caught:
        parse(settings)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_every_slider_has_words_and_starts_at_nothing():
    fields = EditOptions.__dataclass_fields__
    assert all(fields[name].metadata["help"] and fields[name].default == 0 for name in NAMES)
    assert EditOptions().asked == {}
