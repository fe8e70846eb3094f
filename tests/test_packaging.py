"""What `pip install .` puts on a machine."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from conftest import checkout, copied_checkout

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
def wheel(tmp_path_factory) -> set[str]:
    """The members of the wheel, built from a copy: setuptools leaves folders behind."""
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    copied_checkout(copy, ("tests/", "docs/"))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    done = subprocess.run([*command, str(copy)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (path,) = out.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        (entries,) = (n for n in archive.namelist() if n.endswith("entry_points.txt"))
        assert "facegen = facegen.__main__:run" in archive.read(entries).decode()
        return set(archive.namelist())


def test_the_wheel_has_what_it_needs_at_run_time(files, wheel):
    wanted = [name for name in files if name.startswith("facegen/")]
    wanted += [
        f"facegen/bundled/{Path(name).name}" for name in files if name.startswith("weights/")
    ]
    assert [name for name in wanted if name not in wheel] == []


def test_the_wheel_has_nothing_else(wheel):
    tops = {name.partition("/")[0] for name in wheel}
    assert {top.partition("-")[0] for top in tops} == {"facegen"}
