"""The job of one person's pictures: its files, its manifest, and whose person it is."""

import json

import numpy as np
import pytest

from facegen import Studio, images
from facegen.cli.main import main
from facegen.jobs.catalogue import run
from facegen.jobs.job import Finished, Picture, Source
from facegen.latent.codes import to_text
from facegen.options import (
    GenerateOptions,
    PersonaOptions,
    PersonaRun,
    SampleOptions,
    VaryOptions,
)
from facegen.output import provenance

BUNDLED = ["--model", "bundled", "--device", "cpu"]


@pytest.fixture(scope="module")
def bundled():
    return Studio.load("bundled", "cpu")


def test_the_command_writes_a_sheet_and_says_what_each_picture_shows(tmp_path, capsys):
    out = tmp_path / "out"
    words = ["persona", "--like", "man, 40", "--set", "expressions", "--seed", "5"]
    assert main([*words, "--out", str(out), *BUNDLED]) == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["job"] == "persona" and manifest["reference"] is None
    made = [one["file"] for one in manifest["variants"]]
    assert made[0] == "front.png" and set(made) == {path.name for path in out.glob("*.png")}
    assert {*made} | {f"{one['look']}.png" for one in manifest["left_out"]} == {
        "front.png", "smile.png", "serious.png",
    }  # fmt: skip
    assert (out / "sheet.jpg").is_file()
    facts = provenance.facts_in((out / "front.png").read_bytes())
    assert facts["persona"] == "front" and facts["seed"] == "5"
    assert manifest["person"]["in_words"].startswith("a man of about ")
    assert len(made) > 1
    assert f"{len(made)} pictures of one person and sheet.jpg" in capsys.readouterr().out


def test_count_ends_it(bundled, tmp_path):
    options = PersonaRun(PersonaOptions(count=1, set="expressions", like="woman, 30", seed=3))
    events = list(run(bundled, "persona", [], tmp_path, options))
    assert [event.path.name for event in events if isinstance(event, Picture)] == ["front.png"]
    assert isinstance(events[-1], Finished) and len(events[-1].manifest["variants"]) == 1


def test_a_picture_of_ours_shows_the_person_and_a_photo_a_stranger(bundled, tmp_path, astronaut):
    (drawn,) = bundled.draw(SampleOptions(1, 8, 0.7))
    (path,) = drawn.save(tmp_path / "ours")
    source = Source(drawn.pixels, facts=provenance.facts_in(path.read_bytes()))
    options = PersonaRun(PersonaOptions(count=1, set="looks"))
    for name, one in (("own", source), ("photo", Source(astronaut))):
        folder = tmp_path / name
        folder.mkdir()
        *_, last = run(bundled, "persona", [one], folder, options)
        front = images.load(folder / "front.png")
        assert front.shape[:2] == (bundled.resolution,) * 2
        compared = bundled.compare(one.pixels if name == "own" else bundled.align(astronaut).pixels)
        identity = compared.measure(front).identity
        assert last.manifest["reference"]["faces_found"] == 1
        assert identity
        same = [found.same_person for found in identity.values()]
        assert all(same) if name == "own" else not any(same)


def test_a_variant_and_a_persona_carry_their_exact_codes(bundled, tmp_path, astronaut):
    """Only where nothing of the photo's code is in it."""
    vary = VaryOptions(count=1, seed=3)
    list(run(bundled, "generate", [Source(astronaut)], tmp_path, GenerateOptions(vary=vary)))
    facts = provenance.facts_in((tmp_path / "variant-01.png").read_bytes())
    pixels = images.load(tmp_path / "variant-01.png")
    own = bundled.code_of_own(pixels, facts)
    assert np.abs(own.pixels.astype(int) - pixels).mean() < 3  # the invisible mark's

    options = PersonaRun(PersonaOptions(count=2, set="looks", seed=1), background="#204080")
    folder = tmp_path / "persona"
    folder.mkdir()
    source = Source(pixels, facts=facts)
    *_, last = run(bundled, "persona", [source], folder, options)
    path = folder / last.manifest["variants"][-1]["file"]
    shot = bundled.code_of_own(images.load(path), provenance.facts_in(path.read_bytes()))
    assert shot is not None  # before another background it is still that person

    near = tmp_path / "near"
    near.mkdir()
    vary = VaryOptions(count=1, seed=3, strength=0.7)
    list(run(bundled, "generate", [Source(astronaut)], near, GenerateOptions(vary=vary)))
    assert "code" not in provenance.facts_in((near / "variant-01.png").read_bytes())


def test_a_forged_code_is_not_believed(bundled, astronaut):
    other = to_text(bundled.model.code_of(1, 0.7))
    face = bundled.align(astronaut).pixels
    facts = {"model": bundled.info.name, "code": other}
    assert bundled.code_of_own(face, facts) is None
    for code in ("", "AAAA", "é", "A" * 10**6, to_text(bundled.model.code_of(1, 0.7) * np.nan)):
        assert bundled.code_of_own(face, facts | {"code": code}) is None


@pytest.mark.parametrize("words", [["--like", "nobody"], ["--set", "nothing"], ["--count", "0"]])
def test_what_cannot_be_is_refused_before_anything_is_made(words, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["persona", *words, "--out", str(out), *BUNDLED]) == 2
    assert not out.exists()
    assert words[1] in capsys.readouterr().err


def test_captions_are_what_trainers_read(bundled, tmp_path):
    options = PersonaRun(PersonaOptions(set="expressions", like="woman, 30", seed=3, captions=True))
    *_, last = run(bundled, "persona", [], tmp_path, options)
    rows = [json.loads(line) for line in (tmp_path / "metadata.jsonl").read_text().splitlines()]
    assert [row["file_name"] for row in rows] == [one["file"] for one in last.manifest["variants"]]
    for row in rows:
        text = (tmp_path / row["file_name"]).with_suffix(".txt").read_text()
        assert text == row["text"] + "\n" and text.startswith("a photo of a woman of about ")
    assert rows[1]["text"].endswith(", smiling")


def test_a_persons_own_picture_gives_the_same_person_again(bundled, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir(), second.mkdir()
    asked = PersonaOptions(set="expressions", like="woman, 30", seed=3)
    list(run(bundled, "persona", [], first, PersonaRun(asked)))
    data = (first / "smile.png").read_bytes()
    source = Source(images.load(data), facts=provenance.facts_in(data))
    assert source.facts["like"] == "woman, 30"
    again = PersonaRun(PersonaOptions(count=1, set="looks"))
    list(run(bundled, "persona", [source], second, again))
    one, other = (images.load(folder / "front.png").astype(int) for folder in (first, second))
    assert abs(one - other).mean() < 4  # but for each file's invisible mark
