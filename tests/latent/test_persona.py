"""One person in many pictures: who it is, which pictures, and what makes one not hold."""

import numpy as np
import pytest

from facegen import Studio, limits
from facegen.errors import OptionError
from facegen.latent import persona
from facegen.latent.persona import LOOKS, Look
from facegen.options import PersonaOptions
from facegen.options.edit import NAMES, check_known
from facegen.options.persona import SETS
from facegen.types import Progress, drained


def test_words_say_who_it_is():
    assert PersonaOptions().wanted() == {}
    said = PersonaOptions(like=" Woman, 30 years old,glasses , dark skin").wanted()
    assert said == {"gender": 85.0, "age": 30.0, "glasses": True, "skin": 78.0}
    assert PersonaOptions(like="man, no beard, no glasses").wanted()["beard"] is False


@pytest.mark.parametrize(
    ("like", "told"),
    [
        ("a nice person", "'a nice person'; the words are: an age in years, woman"),
        ("woman, man", "two things of gender"),
        ("child, 40", "two things of age"),
        ("120", "the age 120; it must be 1 to 90"),
    ],
)
def test_a_word_that_is_not_known_and_two_that_contradict_are_refused(like, told):
    with pytest.raises(OptionError, match=told):
        PersonaOptions(like=like)


def test_looks_are_of_known_sliders_and_sets_and_have_a_file_each():
    assert len({look.name for look in LOOKS}) == len(LOOKS)
    assert {look.group for look in LOOKS} <= {"front", *SETS}
    for look in LOOKS:
        assert look.caption and look.name.replace("-", "").isalnum()
        for name in look.sliders:
            check_known(name)
    assert {name for look in LOOKS for name in look.sliders} <= set(NAMES)


@pytest.fixture(scope="module")
def bundled():
    return Studio.load("bundled", "cpu")


@pytest.fixture(scope="module")
def person_of(bundled):
    options = PersonaOptions(like="woman, 30", set="expressions", seed=3)
    tools = bundled.persona_tools(options)
    return options, tools, drained(persona.find(options, tools))


def test_a_person_is_as_asked_and_the_seeds_own(person_of, bundled):
    options, tools, person = person_of
    assert abs(person.trait("age") - 30) <= limits.TRAITS["age"]
    assert person.trait("gender") > limits.MIDDLE_GENDER
    again = drained(persona.find(options, tools))
    assert np.array_equal(again.pixels, person.pixels)
    others = [
        drained(persona.find(PersonaOptions(like="woman, 30", seed=seed), tools))
        for seed in (4, 5, 6)
    ]
    for one in bundled.recognisers:  # a small model's people resemble each other
        front = person.seen.vectors[one.name]
        apart = [one.distance(front, other.seen.vectors[one.name]) for other in others]
        assert min(apart) > 0 and max(apart) > one.threshold


def test_a_model_makes_the_looks_that_it_has_sliders_for(person_of):
    options, tools, person = person_of
    names = [look.name for look in persona.looks_of(options, tools.directions, person)]
    assert names == ["front", "smile", "serious"]  # the bundled model has no slider of the mouth


def test_shots_show_one_person(person_of):
    options, tools, person = person_of
    looks = persona.looks_of(options, tools.directions, person)
    front, *moved = persona.shots(person, looks, tools)
    assert np.array_equal(front.pixels, person.pixels) and not front.why
    assert len(moved) == 2
    for shot in moved:
        assert not shot.why and not np.array_equal(shot.pixels, person.pixels)
        assert shot.identity and all(found.same_person for found in shot.identity.values())


def test_what_makes_another_person_is_tried_with_less_and_left_out_in_the_end(person_of):
    _, tools, person = person_of
    far = Look("far", "expressions", {"gender": -40.0, "skin_tone": 40.0}, "another person")
    (shot,) = persona.shots(person, [far], tools)
    assert shot.why and shot.share < 1
    near = Look("near", "expressions", {"skin_tone": 0.1}, "a little darker")
    (shot,) = persona.shots(person, [near], tools)
    assert not shot.why and shot.share == 1


def test_nobody_who_is_as_asked_ends_in_a_line(person_of, monkeypatch):
    _, tools, _ = person_of
    monkeypatch.setattr(persona, "TRIES", 1)
    monkeypatch.setattr(persona.Wanted, "broken", lambda self, seen: "another age")
    options = PersonaOptions(like="child", seed=1)
    seen = []
    with pytest.raises(persona.NoFaceError, match=r"nobody is like 'child' .*another age"):
        drained(persona.find(options, tools), seen.append)
    assert all(isinstance(one, Progress) and one.stage == persona.FINDING for one in seen)
