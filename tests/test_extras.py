"""With the least installed: what needs no extra works, what needs one says in a line which."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from facegen.errors import EXTRAS, MissingExtraError, missing, require

ROOT = Path(__file__).parents[1]
# imported for its modules -> the name it is installed by
DISTRIBUTIONS = {"c2pa": "c2pa-python"}

# Runs each command of argv[1], a JSON list, where no extra's modules can be imported.
BLOCKED = """
import contextlib, importlib.abc, io, json, sys
from facegen import errors

gone = {module for names in errors.EXTRAS.values() for module in names}

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in gone:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
from facegen.cli.main import main

for words in json.loads(sys.argv[1]):
    out, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
        code = main(words)
    print(json.dumps([code, out.getvalue(), told.getvalue()]))
"""
LIBRARY = """
from skimage.data import astronaut
from facegen import FacegenError, Studio

studio = Studio.load("bundled", "cpu")
inversion = studio.invert(studio.align(astronaut()))
(variant,) = studio.vary(inversion, count=1, strength=0.5, seed=7)
portrait = studio.render(variant, style="cel")
print(portrait.pixels.shape, portrait.stylized.shape, sorted(variant.identity))
try:
    portrait.save(sys.argv[2])
except FacegenError as error:
    print(error)
"""


def run(script: str, *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def answers(astronaut, tmp_path_factory):
    """(exit code, standard output, standard error) of each command with no extra installed."""
    from facegen import images

    folder, made = tmp_path_factory.mktemp("bare"), tmp_path_factory.mktemp("made")
    photo = folder / "photo.png"
    photo.write_bytes(images.encode_png(astronaut))
    out, here = str(made / "out"), str(folder)
    commands = {
        "generate": [str(photo), "--out", out, "--model", "bundled"],
        "random": ["--out", out, "--model", "bundled"],
        "page": ["--model", "bundled"],
        "batch": [here, "--out", out, "--job", "align"],
        "evaluate": ["--references", here, "--out", out, "--model", "bundled"],
        "walk": ["--out", out, "--model", "bundled"],
        "check": [str(photo)],
        "train": ["stylegan2", "--data", here, "--out", out],
        "doctor": ["--offline", "--model", "bundled"],
        "weights": ["list"],
        "align": [str(photo), "--out", str(made / "crops")],
        "prepare": [here, "--out", str(made / "set"), "--size", "64"],
    }
    told = [[name, *words] for name, words in commands.items()]
    lines = run(BLOCKED, json.dumps(told))
    assert not Path(out).exists()
    return {name: json.loads(line) for name, line in zip(commands, lines, strict=True)}


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("generate", "marks"),
        ("random", "marks"),
        ("check", "marks"),
        ("page", "page"),
        ("batch", "batch"),
        ("evaluate", "evaluate"),
        ("walk", "evaluate"),
        ("train", "train"),
    ],
)
def test_a_command_names_the_extra_that_it_lacks(answers, command, extra):
    code, said, error = answers[command]
    assert code == 2 and not said
    (line,) = error.splitlines()
    assert line.startswith("facegen: ") and f'call: pip install "facegen[{extra}]"' in line


@pytest.mark.parametrize("command", ["weights", "align", "prepare"])
def test_what_needs_no_extra_works(answers, command):
    code, said, error = answers[command]
    assert code == 0 and said, error


def test_doctor_says_what_is_missing_and_how_to_get_it(answers):
    code, said, _ = answers["doctor"]
    assert code == 0
    for name, modules in EXTRAS.items():
        told = f'not installed: {name} ({", ".join(modules)}); pip install "facegen[{name}]"'
        assert told in said


def test_the_library_alone_draws_people_and_does_not_save_them_unsigned(tmp_path):
    commands = "[]"
    said = run(BLOCKED + LIBRARY, commands, str(tmp_path / "out"))
    assert said[0].startswith("(128, 128, 3) (512, 512, 3) ['dlib'")
    assert said[1].endswith('call: pip install "facegen[marks]"')
    assert not list(tmp_path.rglob("*.png"))


def test_nothing_is_missing_here():
    for name in EXTRAS.keys() - {"ray"}:  # whose tests are skipped without it
        assert not missing(name)
        require(name)


def test_require_names_all_that_is_missing(monkeypatch):
    monkeypatch.setitem(EXTRAS, "marks", ("no_such_module", "numpy", "nor_this"))
    with pytest.raises(MissingExtraError, match="not installed: no_such_module, nor_this; call"):
        require("marks")


# -- the lists of dependencies ----------------------------------------------------------------


def name_of(requirement: str) -> str:
    return re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-")


def listed(file: str) -> dict[str, str]:
    """The requirements of a file, by name."""
    lines = [line.partition("#")[0].strip() for line in (ROOT / file).read_text().splitlines()]
    return {name_of(line): line for line in lines if line and not line.startswith("-r")}


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def brought(project: dict, extra: str) -> dict[str, str]:
    """The requirements of an extra and of those that it names, by name."""
    found = {}
    for requirement in project["optional-dependencies"][extra]:
        if inner := re.fullmatch(r"facegen\[(.+)\]", requirement):
            for name in inner[1].split(","):
                found |= brought(project, name)
        else:
            found[name_of(requirement)] = requirement
    return found


def test_requirements_are_the_package_with_all_extras(project):
    core = {name_of(one): one for one in project["dependencies"]}
    assert listed("requirements.txt") == core | brought(project, "all")


@pytest.mark.parametrize("extra", ["ray", "docs"])
def test_an_extra_of_its_own_file(project, extra):
    beside = brought(project, extra).items() - brought(project, "all").items()
    assert dict(beside) == listed(f"requirements-{extra}.txt")


def test_the_extras_that_are_looked_for_are_those_that_there_are(project):
    for name, modules in EXTRAS.items():
        distributions = {DISTRIBUTIONS.get(module, module).lower() for module in modules}
        assert distributions == set(brought(project, name))
    assert {*EXTRAS, "all", "docs"} == set(project["optional-dependencies"])
