"""The job of `edit`: what lies in its folder, and that a random face is drawn from its code."""

import json

import numpy as np
import pytest
import torch

from facegen.errors import OptionError
from facegen.jobs import edit as job
from facegen.jobs.edit import edit
from facegen.jobs.job import CROP, INVERSION, RESULT, Source
from facegen.latent.edit import editor
from facegen.latent.edit.directions import EditDirections
from facegen.options import EditRun, InvertOptions, SampleOptions
from facegen.options.edit import EditOptions
from facegen.output import provenance
from facegen.types import drained

SHA = "0" * 64


@pytest.fixture
def studio(tiny_studio, monkeypatch):
    config = tiny_studio.model.generator.config
    torch.manual_seed(0)
    steps = {name: torch.randn(config.num_ws, config.w_dim) for name in ("smile", "age")}
    made = EditDirections(tiny_studio.info.name, steps)
    monkeypatch.setattr(editor, "directions_of", lambda model: made)
    return tiny_studio


def run(studio, source, folder, **options):
    what = EditRun(EditOptions(**options), InvertOptions(steps=0))
    return list(edit(studio, [source], folder, what))


def test_a_photo_becomes_an_edited_face_and_a_manifest(studio, astronaut, tmp_path):
    events = run(studio, Source(astronaut, SHA), tmp_path, smile=0.5)
    assert [one.kind for one in events if hasattr(one, "kind")] == [CROP, INVERSION, RESULT]
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"aligned.png", "inversion.png", "edited.png", "manifest.json"}
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["options"]["edit"] == {"smile": 0.5} and manifest["reference"]["sha256"] == SHA
    (entry,) = manifest["variants"]
    assert entry["edit"] == "smile=+0.5" and 0 < entry["given"] <= 1


def test_only_a_refined_face_is_given_more_than_was_asked(studio, astronaut, tmp_path, monkeypatch):
    facts = {"smile": {"deviation": 0.3, "measure": 0.35}}
    made = EditDirections(studio.info.name, editor.directions_of(None).steps, facts)
    monkeypatch.setattr(editor, "directions_of", lambda model: made)
    tried = iter([0.0, 0.0525, 0.105, 0.0, 0.0])  # half of what was asked; the last two: finished
    monkeypatch.setattr(
        editor.answers,
        "measure_with",
        lambda detector: lambda pixels: dict.fromkeys(editor.answers.STEERED, next(tried, 0.0)),
    )
    entries = []
    for steps in (2, 0):
        folder = tmp_path / str(steps)
        folder.mkdir()
        what = EditRun(EditOptions(smile=0.5), InvertOptions(steps))
        *_, done = edit(studio, [Source(astronaut, SHA)], folder, what)
        entries += done.manifest["variants"]
    assert [entry["gains"] for entry in entries] == [{"smile": 2.0}, {}]
    assert entries[0]["reached"] == {"smile": 0.0}


def test_a_preview_comes_at_once_and_again_when_the_face_needs_more(
    studio, astronaut, tmp_path, monkeypatch
):
    what = EditRun(EditOptions(), InvertOptions(2))
    inversion = drained(job.begin(studio, Source(astronaut, SHA), tmp_path, what))
    asked = EditOptions(smile=0.5)
    needed = {("smile", True): 2.0}
    monkeypatch.setattr(editor.Editor, "gains", lambda *_: needed)
    first, second = studio.editor.previews(inversion, asked, {})
    assert first[1] == {} and second[1] == needed
    assert not np.array_equal(first[0], second[0])
    ((only, known),) = studio.editor.previews(inversion, asked, needed)
    assert known == needed and np.array_equal(only, second[0])


def test_the_picture_tells_its_recipe_and_nothing_of_the_photo(studio, astronaut, tmp_path):
    run(studio, Source(astronaut, SHA), tmp_path, smile=0.5)
    data = (tmp_path / "edited.png").read_bytes()
    told = provenance.read(data)
    assert told["synthetic"] and told["edit"] == "smile=+0.5" and SHA.encode() not in data


def test_another_amount_gives_another_picture(studio, astronaut, tmp_path):
    pictures = []
    for amount in (0.1, 1.0):
        folder = tmp_path / str(amount)
        folder.mkdir()
        *_, made, _ = run(studio, Source(astronaut, SHA), folder, smile=amount)
        pictures.append(made.pixels)
    assert (pictures[0] != pictures[1]).any()


def test_a_random_face_of_ours_is_known_by_its_seed(studio, tmp_path):
    (portrait,) = studio.draw(SampleOptions(count=1, seed=7))
    path, *_ = portrait.save(tmp_path, "random")
    source = Source(portrait.pixels, SHA, None, provenance.facts_in(path.read_bytes()))
    folder = tmp_path / "out"
    folder.mkdir()
    events = run(studio, source, folder, age=3)
    (found,) = [one.payload for one in events if getattr(one, "kind", "") == INVERSION]
    assert torch.equal(found.ws, studio.model.code_of(7, 0.7).float())
    assert (found.pixels == portrait.pixels).all()


def test_a_file_that_claims_another_seed_is_taken_for_a_photo(studio, astronaut, tmp_path):
    facts = {"model": studio.info.name, "seed": "7", "truncation_psi": "0.7"}
    facts["noise_mode"] = "const"
    events = run(studio, Source(astronaut, SHA, None, facts), tmp_path, age=3)
    (found,) = [one.payload for one in events if getattr(one, "kind", "") == INVERSION]
    assert not torch.equal(found.ws, studio.model.code_of(7, 0.7).float())


def test_nothing_asked_for_and_an_unknown_slider_end_before_anything_is_made(
    studio, astronaut, tmp_path
):
    with pytest.raises(OptionError, match="nothing is asked for"):
        run(studio, Source(astronaut, SHA), tmp_path)
    with pytest.raises(OptionError, match="has no slider 'beard'"):
        run(studio, Source(astronaut, SHA), tmp_path, beard=1)
    assert not list(tmp_path.iterdir())
    with pytest.raises(OptionError, match="face is -1"):
        Source(astronaut, SHA, face=-1)
