"""What every manifest holds: its keys, however deep, and the types of their values.

They are a contract: keys are added, never taken away or renamed. After a key was added, write the
new file with `WRITE_MANIFESTS=1 python -m pytest -n 0 tests/jobs/test_manifests.py`.
"""

import json
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facegen import Studio
from facegen.cli.main import main
from facegen.jobs import catalogue
from facegen.options import SampleOptions, SampleRun
from facegen.output.manifest import MANIFEST, without_photo
from facegen.ui.run_state import Run, follow
from facegen.ui.server.model_pool import Studios

KNOWN = Path(__file__).with_name("manifests.json")
BY_CHANCE = ("passed_over", "unseen", "recognised_by")  # what they hold depends on the faces drawn
BUNDLED = ["--model", "bundled", "--device", "cpu"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory, astronaut) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("photos")
    paths = folder / "a.png", folder / "b.png"
    Image.fromarray(astronaut[:320, 60:380]).save(paths[0])
    Image.fromarray(np.ascontiguousarray(astronaut[:320, 380:60:-1])).save(paths[1])
    return str(paths[0]), str(paths[1])


def shape(value: object, name: str = "") -> object:
    """Describe a JSON value by its keys and types; a list by what its entries hold together."""
    if name in BY_CHANCE:
        return type(value).__name__
    if isinstance(value, dict):
        return {key: shape(one, key) for key, one in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(one, dict) for one in value):
            return [{key: shape(one[key], key) for one in value for key in one}]
        kinds = {json.dumps(shape(one)) for one in value}
        return [json.loads(kind) for kind in sorted(kinds)]
    return "null" if value is None else type(value).__name__


JOBS = {
    "generate": ["generate", "{a}", "--count", "1", "--steps", "2", "--overlay", "--anime"],
    "random": ["random", "--count", "1"],
    "edit": ["edit", "{a}", "--set", "smile=+0.5", "--steps", "2"],
    "mix": ["mix", "{a}", "{b}", "--steps", "0", "--steps-between", "1"],
    "child": ["child", "{a}", "{b}", "--steps", "0", "--count", "2"],
    "restore": ["restore", "{a}", "--steps", "3", "--count", "2"],
    "anonymise": ["anonymise", "{a}", "--json"],
    "persona": ["persona", "--set", "expressions", "--like", "woman, 30", "--seed", "3"],
    "photo set": ["anonymise", "{a}", "{b}", "--json"],
}


@pytest.mark.parametrize("name", JOBS)
def test_a_manifest_holds_what_it_held(name, photos, tmp_path, capsys):
    words = [word.format(a=photos[0], b=photos[1]) for word in JOBS[name]]
    out = tmp_path / ("new.png" if name == "anonymise" else "out")
    assert main([*words, "--out", str(out), *BUNDLED]) == 0
    printed = capsys.readouterr().out
    manifest = json.loads(
        printed if name == "anonymise" else (out / MANIFEST).read_text(encoding="utf-8")
    )
    found, known = shape(manifest), json.loads(KNOWN.read_text(encoding="utf-8"))
    if os.environ.get("WRITE_MANIFESTS"):
        KNOWN.write_text(json.dumps(known | {name: found}, indent=1) + "\n", encoding="utf-8")
    else:
        assert found == known[name]


@pytest.mark.parametrize(
    ("words", "closing"),
    [
        (JOBS["mix"], r"\d+ mixtures and board.jpg in OUT after .*"),
        (["align", "{a}"], "1 face in OUT, the largest first"),
        (JOBS["random"], "1 face in OUT after .*"),
    ],
)
def test_the_last_line_counts_and_names_what_was_made(words, closing, photos, tmp_path, capsys):
    words = [word.format(a=photos[0], b=photos[1]) for word in words]
    model = [] if words[0] == "align" else BUNDLED
    assert main([*words, "--out", str(tmp_path / "out"), *model]) == 0
    last = capsys.readouterr().out.splitlines()[-1].replace(str(tmp_path / "out"), "OUT")
    assert re.fullmatch(closing, last), last


def test_the_pages_zip_of_random_faces_has_the_command_lines_manifest(tmp_path):
    studios = Studios(Studio.load("bundled", "cpu"))
    what = SampleRun(SampleOptions(count=1))
    *_, run = follow(Run(tmp_path), studios.run(catalogue.RANDOM, None, [], tmp_path, what))
    with zipfile.ZipFile(run.zip) as archive:
        found = json.loads(archive.read(MANIFEST))
    assert shape(found) == json.loads(KNOWN.read_text(encoding="utf-8"))["random"]
    assert found["model"]["name"] == studios.first.info.name


def test_of_a_photo_that_is_to_be_forgotten_nothing_is_left_in_the_manifest():
    one = {"sha256": "a" * 64, "faces_found": 1, "face": 0, "marks": {"sha256": "b" * 64}}
    told = {"seed": 7, "reference": one, "references": [one, one]}
    left = without_photo(told)
    assert "a" * 64 not in str(left) and "b" * 64 not in str(left)
    assert left["seed"] == 7 and [r["faces_found"] for r in left["references"]] == [1, 1]
    assert "a" * 64 in str(told)
