"""What places that run the page read: the Dockerfile, packages.txt, a Space's front matter."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import gradio
import pytest
import yaml

from facegen.ui.server import flags
from facegen.weights import registry

ROOT = Path(__file__).parent.parent


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def front() -> dict:
    return yaml.safe_load(read("README.md").split("---\n", 2)[1])


def test_a_linter_has_nothing_to_say_of_the_dockerfile():
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if hadolint is None:
        pytest.skip("no hadolint for this system")
    said = subprocess.run([hadolint, "--no-color", ROOT / "Dockerfile"], capture_output=True)
    assert said.returncode == 0, said.stdout.decode()


def test_the_container_is_what_it_promises():
    file = read("Dockerfile")
    assert re.search(r"^FROM python:3\.1[1-4]-slim$", file, re.M)
    assert "--uid 1000" in file and "\nUSER 1000" in file and "EXPOSE 7860" in file
    assert "HEALTHCHECK" in file and '"--port", "7860"' in file
    copied = re.findall(r"^COPY --chown=user (.+) \S+$", file, re.M)
    assert all((ROOT / name).exists() for line in copied for name in line.split())


def test_the_container_and_the_space_have_what_opencv_needs():
    packages = read("packages.txt").split()
    assert packages == ["libgl1", "libglib2.0-0"]
    assert " ".join(packages) in read("Dockerfile") and " ".join(packages) in read(".ci/run")


def test_a_clean_clones_run_has_the_weights_that_tests_ask_for():
    """Without them the default model would have no reference numbers there: a test that finds none
    is skipped on a desk, and fails in CI."""
    (line,) = re.findall(r"^\$bin/python -m facegen weights fetch (.+?) +#", read(".ci/run"), re.M)
    tests = [path.read_text() for path in (ROOT / "tests").rglob("test_*.py")]
    asked = {name for text in tests for name in re.findall(r'needs_weights\("([\w-]+)"\)', text)}
    assert asked | {registry.DEFAULT, "mediapipe"} == set(line.split())
    assert "export CI=true" in read(".ci/run") and "run: .ci/run" in read(
        ".github/workflows/test.yml"
    )


def test_without_a_gpu_its_tests_run_on_the_cpu_in_ci():
    assert re.search(r"^FACEGEN_TEST_DEVICE=cpu .+ tests/test_cuda\.py$", read(".ci/run"), re.M)


def test_a_space_is_told_what_it_has_to_know(front):
    assert re.search(r'^python_version: "3\.12\.\d+"$', read("README.md"), re.M)  # quoted
    assert front["sdk"] == "gradio" and (ROOT / front["app_file"]).is_file()
    assert front["license"] == "apache-2.0" and len(front["short_description"]) <= 60
    wanted = re.search(r">=(\d+)\.(\d+),<(\d+)", read("requirements.txt")).groups()
    major, minor, _ = map(int, front["sdk_version"].split("."))
    assert (major, minor) >= (int(wanted[0]), int(wanted[1])) and major < int(wanted[2])
    assert int(gradio.__version__.split(".")[0]) == major


def test_a_space_builds_without_the_large_model_and_fetches_the_default_at_its_start(front):
    assert "preload_from_hub" not in front
    assert flags.parse([]).model == "auto"


def test_the_container_fetches_the_default_when_it_is_built_as_the_one_who_runs_it():
    file = read("Dockerfile")
    fetched = file.index(f"RUN python -m facegen weights fetch {registry.DEFAULT} mediapipe\n")
    assert file.index("USER 1000") < file.index("COPY --chown=user weights") < fetched
    assert "\nUSER" not in file[fetched:] and "CACHE_HOME" not in file
