"""Mixtures and children from end to end, on a miniature."""

import json

import pytest

from facegen.errors import OptionError
from facegen.jobs import catalogue
from facegen.jobs.child import child
from facegen.jobs.job import INVERSION, REFINING, RESULT, Finished, Source
from facegen.jobs.mix import BOARD, mix
from facegen.options import ChildRun, InvertOptions, MixRun, SampleOptions
from facegen.options.mix import ChildOptions, MixOptions
from facegen.output import provenance
from facegen.output.manifest import MANIFEST

NO_STEPS = InvertOptions(steps=0)


@pytest.fixture(scope="module")
def sources(astronaut):
    return [Source(astronaut, "a" * 64), Source(astronaut[:, ::-1].copy(), "b" * 64)]


def test_a_board_of_mixtures(tiny_studio, sources, tmp_path):
    options = MixRun(MixOptions(steps_between=2), NO_STEPS)
    *events, done = mix(tiny_studio, sources, tmp_path, options)
    made = [event for event in events if getattr(event, "kind", "") == RESULT]
    assert isinstance(done, Finished) and (tmp_path / BOARD).is_file()
    assert [one.path.name for one in made] == [one["file"] for one in done.manifest["variants"]]
    rows = [one["mix"]["row"] for one in done.manifest["variants"]]
    assert rows.count("arc") == 2 and rows.count("regions-a") == rows.count("regions-b") == 5
    assert json.loads((tmp_path / MANIFEST).read_text()) == done.manifest
    assert [one["sha256"] for one in done.manifest["references"]] == ["a" * 64, "b" * 64]
    told = provenance.read(made[0].path)
    assert told["synthetic"] and told["mix"] == "33% of the way to B"
    assert b"a" * 64 not in made[0].path.read_bytes(), "nothing of the photo is in the picture"


def test_our_own_pictures_are_not_searched_for(tiny_studio, sources, tmp_path):
    (own,) = tiny_studio.draw(SampleOptions(count=1, seed=3))
    facts = {key: str(value) for key, value in own.facts.items()}
    both = [Source(own.pixels, "c" * 64, facts=facts), sources[1]]
    events = [*mix(tiny_studio, both, tmp_path, MixRun(MixOptions(), InvertOptions(steps=2)))]
    found = [one.payload for one in events if getattr(one, "kind", "") == INVERSION]
    assert [one.distance == 0 for one in found] == [True, False]
    steps = [event.done for event in events if getattr(event, "stage", "") == REFINING]
    assert steps and min(steps) == 2, "only the second is refined"


def test_one_face_is_refused_before_anything_is_written(tiny_studio, sources, tmp_path):
    with pytest.raises(OptionError, match="1 given; mix takes 2 photos"):
        list(catalogue.run(tiny_studio, "mix", sources[:1], tmp_path, MixRun()))
    assert not list(tmp_path.iterdir())


def test_children_with_their_genes(tiny_studio, sources, tmp_path):
    options = ChildRun(ChildOptions(count=2, seed=3), NO_STEPS)
    *events, done = child(tiny_studio, sources, tmp_path, options)
    made = [event for event in events if getattr(event, "kind", "") == RESULT]
    assert isinstance(done, Finished) and len(made) == 2
    assert [one.path.name for one in made] == ["child-01.png", "child-02.png"]
    assert all(
        set(one["genes"].values()) <= {"first", "second", "stranger"}
        for one in done.manifest["variants"]
    )
    assert provenance.read(made[0].path)["mix"] == "child of two faces"


def test_an_age_that_the_model_does_not_know_is_refused(tiny_studio, sources, tmp_path):
    with pytest.raises(OptionError, match="age and sex are not known"):
        list(child(tiny_studio, sources, tmp_path, ChildRun(ChildOptions(age=8.0), NO_STEPS)))
    with pytest.raises(OptionError, match="must be 0 or more"):
        ChildOptions(age=-0.5)
    assert not list(tmp_path.iterdir())
