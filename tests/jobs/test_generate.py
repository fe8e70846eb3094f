"""The main job's events and what lies in its folder meanwhile."""

import json
from dataclasses import replace

import torch

from facegen import Studio
from facegen.jobs.generate import generate
from facegen.jobs.job import INVERSION, REFINING, RESULT, Finished, Source
from facegen.options import GenerateOptions, InvertOptions, SampleOptions, VaryOptions
from facegen.output.manifest import MANIFEST

OPTIONS = GenerateOptions(VaryOptions(count=2, seed=3, noise_mode="none"), InvertOptions(steps=0))


def test_whoever_stops_has_a_manifest_of_what_was_made(tiny_studio, astronaut, tmp_path):
    seen = []
    for event in generate(tiny_studio, [Source(astronaut, "0" * 64)], tmp_path, OPTIONS):
        if getattr(event, "kind", "") == RESULT:
            seen.append(json.loads((tmp_path / MANIFEST).read_text()))
    assert isinstance(event, Finished)
    whole = json.loads((tmp_path / MANIFEST).read_text())
    assert [len(one["variants"]) for one in seen] == [1, 2]
    assert [one["promise"] for one in seen] == [None, None] and whole["promise"]["made"] == 2
    assert seen[1]["variants"] == whole["variants"] == event.manifest["variants"]
    assert seen[0]["options"]["noise_mode"] == "none" and seen[0]["options"]["steps"] == 0
    assert set(seen[0]) == set(whole)


def test_at_strength_zero_there_is_one_picture_and_a_sentence(tiny_studio, astronaut, tmp_path):
    options = GenerateOptions(VaryOptions(count=4, strength=0.0), InvertOptions(steps=0))
    *_, done = generate(tiny_studio, [Source(astronaut, "0" * 64)], tmp_path, options)
    assert len(done.manifest["variants"]) == 1 and done.manifest["options"]["count"] == 4
    assert len(list(tmp_path.glob("variant-*.png"))) == 1
    noisy = GenerateOptions(
        VaryOptions(count=2, strength=0.0, noise_mode="random"), InvertOptions(steps=0)
    )
    *_, done = generate(tiny_studio, [Source(astronaut, "0" * 64)], tmp_path, noisy)
    assert len(done.manifest["variants"]) == 2, "each has noise of its own"


def test_our_own_picture_says_which_code_it_has(tmp_path):
    """Nothing is searched for; a picture that only says so is met as any photo."""
    studio = Studio.load("bundled", "cpu")
    (own,) = studio.draw(SampleOptions(count=1, seed=3))
    facts = {key: str(value) for key, value in own.facts.items()}
    options = GenerateOptions(VaryOptions(count=1, strength=0.0), InvertOptions(steps=2))
    source = Source(own.pixels, "0" * 64, facts=facts)
    events = [*generate(studio, [source], tmp_path, options)]
    (found,) = (one.payload for one in events if getattr(one, "kind", "") == INVERSION)
    assert found.distance == 0 and not any(
        getattr(event, "stage", "") == REFINING for event in events
    )
    assert torch.equal(found.ws, studio.model.code_of(3, SampleOptions.truncation_psi).cpu())
    lying = replace(source, facts=facts | {"seed": "4"})
    events = [*generate(studio, [lying], tmp_path, options)]
    assert any(getattr(event, "stage", "") == REFINING for event in events)
