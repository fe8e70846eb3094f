"""README's lines and examples/, run as they stand on a clean copy of the checkout, in order."""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from conftest import copied_checkout, look_at_page, needs_weights, own_cache

from facegen import images
from facegen.output import check, provenance

ROOT = Path(__file__).parents[1]
WEIGHTS = "mobilestylegan-1024", "sface", "efficientnet-lite0"
SERVES = "python app.py"
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```", re.M | re.S)


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    with own_cache():
        needs_weights(*WEIGHTS)
    return copied_checkout(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="module")
def surroundings(clone) -> dict[str, str]:
    """What is installed where the tests run counts as installed: pip fetches none of it anew."""
    kept = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    return kept | {
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "XDG_CACHE_HOME": os.environ["FACEGEN_TESTS_USERS_CACHE"],
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }


def blocks() -> list[tuple[str, str]]:
    """README's code, but for the tests' own command."""
    found = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    return [(language, text) for language, text in found if "pytest" not in text]


def lines() -> list[str]:
    told = "".join(text for language, text in blocks() if language == "bash")
    return [line for line in told.splitlines() if line.strip()]


def test_no_output_is_named_twice():
    outs = re.findall(r"--out (\S+)|save\(\"(\w+)\"", "".join(text for _, text in blocks()))
    named = [(a or b).rstrip("/") for a, b in outs]
    assert len(named) == len(set(named)) >= 4


def test_the_tests_command_is_what_ci_runs():
    (told,) = [text for _, text in BLOCK.findall((ROOT / "README.md").read_text())
               if "pytest" in text]  # fmt: skip
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    for part in ("-r requirements-dev.txt", "facegen weights fetch mediapipe", "-m pytest"):
        assert part in told and part in script


@pytest.mark.skipif(os.name == "nt", reason="the lines are for a POSIX shell")
def test_readme_is_followed_line_by_line(clone, surroundings, tmp_path):
    assert SERVES in lines()
    for line in lines():
        enter = ". .venv/bin/activate; " if (clone / ".venv").exists() else ""
        command = ["bash", "-c", f"set -e; {enter}{line}"]
        if line == SERVES:
            look_at_page(command, clone, surroundings, tmp_path / "log.txt")
            continue
        done = subprocess.run(command, cwd=clone, env=surroundings, capture_output=True, text=True)
        assert done.returncode == 0, f"{line}\n{done.stdout[-1500:]}{done.stderr[-1500:]}"
    for name in ("people/variant-06.png", "people/manifest.json", "others.jpg"):
        assert (clone / name).is_file()
    assert len(list(clone.glob("faces/random-*.png"))) == 4

    (told,) = [text for language, text in blocks() if language == "python"]
    assert len(told.splitlines()) <= 12
    python = clone / ".venv/bin/python"
    done = subprocess.run(
        [python, "-c", told], cwd=clone, env=surroundings, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("True {'dlib'") == len(list(clone.glob("portraits/seed-*-anime.png")))


def run(clone: Path, surroundings: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=clone,
        env=surroundings | {"PYTHONPATH": str(clone)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_six_people(clone, surroundings):
    said = run(clone, surroundings, "examples/six_people.py").splitlines()
    files = sorted((clone / "six").glob("*.png"))
    assert 4 <= len(files) == len(said)
    assert all("another person: True" in line for line in said)
    assert all(provenance.read(path)["synthetic"] for path in files)


def test_a_folder_and_again(clone, surroundings):
    photos = clone / "photos"
    photos.mkdir()
    for name in ("astronaut.jpg", "group.jpg"):
        (photos / name).write_bytes((clone / "examples" / name).read_bytes())
    said = run(clone, surroundings, "examples/folder.py", "photos", "new")
    assert "2 pictures, 0 of them done before" in said and said.count(": done") == 2
    for name in ("astronaut.jpg", "group.jpg"):
        before = images.load(photos / name)
        (path,) = (path for path in (clone / "new").rglob(f"*{name}") if path.is_file())
        assert images.load(path).shape == before.shape
    again = run(clone, surroundings, "examples/folder.py", "photos", "new")
    assert "2 pictures, 2 of them done before" in again


def test_a_character_stays_one_person(clone, surroundings):
    said = run(clone, surroundings, "examples/character.py").splitlines()
    assert len(said) == 5 and len(list((clone / "character").glob("*.png"))) == 6
    assert all("another person" not in line and line.count("the same person") == 2 for line in said)


def test_the_notebook_runs(clone, surroundings, monkeypatch):
    """The cells, in order, in a kernel of their own."""
    if not os.environ.get("CI"):
        pytest.importorskip("nbclient", reason="needs nbclient and ipykernel")
    import nbformat
    from nbclient import NotebookClient

    for name in ("XDG_CACHE_HOME",):
        monkeypatch.setenv(name, surroundings[name])
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(clone), os.environ.get("PYTHONPATH", "")])
    )
    notebook = nbformat.read(clone / "examples/tour.ipynb", as_version=4)
    nbformat.validate(notebook)
    resources = {"metadata": {"path": str(clone / "examples")}}
    NotebookClient(notebook, timeout=300, resources=resources).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [out for cell in cells for out in cell.outputs if "image/png" in out.get("data", {})]
    assert len(shown) == 6
    files = sorted((clone / "examples/notebook-out").glob("*.png"))
    assert len(files) == 2 and all(check.check(path.read_bytes()) for path in files)


def test_pictures_say_where_they_come_from():
    told = (ROOT / "examples/README.md").read_text(encoding="utf-8")
    for path in sorted((ROOT / "examples").iterdir()):
        assert path.name == "README.md" or f"`{path.name}`" in told
    assert "NASA" in told and "public domain" in told
    report = check.check((ROOT / "examples/group.jpg").read_bytes())
    assert "Facegen" in report.in_words()


def test_the_notebook_is_kept_without_results():
    text = (ROOT / "examples/tour.ipynb").read_text(encoding="utf-8")
    assert '"image/png"' not in text and '"execution_count": null' in text
