"""What `pip install .` puts on a machine."""

import os
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest
from conftest import checkout, copied_checkout, look_at_page
from PIL import Image

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def settings() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "setuptools"
    ]


def test_every_package_is_named(settings):
    there = {
        ".".join(p.parent.relative_to(ROOT).parts) for p in ROOT.glob("facegen/**/__init__.py")
    }
    assert set(settings["packages"]) == there | {"facegen.bundled"}


@pytest.fixture(scope="module")
def files() -> list[str]:
    """All that is in the repository."""
    return checkout()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy: setuptools leaves folders behind."""
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    copied_checkout(copy, ("tests/", "docs/"))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    done = subprocess.run([*command, str(copy)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def members(wheel) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        (entries,) = (n for n in archive.namelist() if n.endswith("entry_points.txt"))
        assert "facegen = facegen.__main__:run" in archive.read(entries).decode()
        return set(archive.namelist())


def test_the_wheel_has_what_it_needs_at_run_time(files, members):
    wanted = [name for name in files if name.startswith("facegen/")]
    wanted += [
        f"facegen/bundled/{Path(name).name}" for name in files if name.startswith("weights/")
    ]
    assert [name for name in wanted if name not in members] == []


def test_the_wheel_has_nothing_else(members):
    tops = {name.partition("/")[0] for name in members}
    assert {top.partition("-")[0] for top in tops} == {"facegen"}


def test_what_is_installed_generates_and_serves_the_page(wheel, astronaut, tmp_path):
    """Away from the checkout; the dependencies are those of the tests' own environment."""
    there, folder = tmp_path / "there", tmp_path / "folder"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, "--target", there, wheel], check=True)
    folder.mkdir()
    Image.fromarray(astronaut).save(folder / "photo.jpg")
    paths = os.pathsep.join([str(there), sysconfig.get_path("purelib")])
    environment = os.environ | {"PYTHONPATH": paths}
    facegen = [sys.executable, "-m", "facegen"]
    where = [sys.executable, "-c", "import facegen; print(facegen.__file__)"]
    told = subprocess.run(where, cwd=folder, env=environment, capture_output=True, text=True)
    assert Path(told.stdout.strip()).is_relative_to(there)
    words = ["generate", "photo.jpg", "--out", "people", "--count", "1", "--model", "bundled"]
    done = subprocess.run(
        [*facegen, *words], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "people/variant-01.png").is_file()
    page = [*facegen, "page", "--model", "bundled"]
    look_at_page(page, folder, environment, tmp_path / "log.txt")
