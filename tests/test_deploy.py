"""What places that run the page read: the Dockerfile, packages.txt, a Space's front matter."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import gradio
import pytest
import yaml

from facegen._version import __version__
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


# -- releases -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def publish() -> dict:
    return yaml.safe_load(read(".github/workflows/publish.yml"))["jobs"]


def test_one_version_everywhere():
    citation = yaml.safe_load(read("CITATION.cff"))
    number, day = re.search(r"^## \[(\d.+)\] - (\S+)$", read("CHANGELOG.md"), re.M).groups()
    assert citation["version"] == number == __version__
    assert citation["date-released"] == day
    project = tomllib.loads(read("pyproject.toml"))["project"]
    assert citation["license"] == project["license"]
    assert citation["keywords"] == project["keywords"]
    assert citation["authors"] == project["authors"]
    assert citation["title"].endswith(project["description"][1:])
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


def test_the_changelog_is_sorted_as_keep_a_changelog_asks():
    text = read("CHANGELOG.md")
    assert text.startswith("# Changelog\n") and "\n## [Unreleased]\n" in text
    kinds = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    for release in text.split("\n## ")[1:]:
        found = re.findall(r"^### (.+)$", release, re.M)
        assert found == [kind for kind in kinds if kind in found]
    assert len(re.findall(r"^## \[\d+\.\d+\.\d+\]", text, re.M)) == text.count("\n## ") - 1


def test_only_the_job_that_publishes_may_ask_for_the_index_s_trust(publish):
    assert [name for name, job in publish.items()
            if "id-token" in job.get("permissions", {})] == ["publish"]  # fmt: skip
    assert publish["publish"]["environment"] == "release"
    assert publish["publish"]["permissions"] == {"id-token": "write"}
    uses = [step.get("uses", "") for step in publish["publish"]["steps"]]
    assert any(name.startswith("pypa/gh-action-pypi-publish@") for name in uses)


def test_the_image_is_made_for_both_processors(publish):
    rows = publish["image"]["strategy"]["matrix"]["include"]
    assert [row["platform"] for row in rows] == ["linux/amd64", "linux/arm64"]
    (last,) = [step["run"] for step in publish["image-of-both"]["steps"] if "run" in step]
    assert all(f"-{row['processor']}" in last for row in rows)


@pytest.mark.parametrize("name", ["test.yml", "publish.yml"])
def test_what_a_workflow_runs_is_shell(name):
    jobs = yaml.safe_load(read(f".github/workflows/{name}"))["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    assert all(("run" in step) != ("uses" in step) for step in steps)
    for run in (step["run"] for step in steps if "run" in step):
        shell = re.sub(r"\$\{\{.*?\}\}", "x", run)
        done = subprocess.run(["bash", "-n", "-c", shell], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    needed = {need for job in jobs.values() for need in [job.get("needs", [])] if need}
    assert needed <= set(jobs)


def test_the_tag_is_compared_with_the_version(publish):
    (step,) = [step for step in publish["package"]["steps"] if "GITHUB_REF_NAME" in str(step)]
    for tag, code in ((f"v{__version__}", 0), ("v0.0.1", 1)):
        run = step["run"].replace("python -c", f"{sys.executable} -c")
        done = subprocess.run(
            ["bash", "-ec", run], cwd=ROOT, env=os.environ | {"GITHUB_REF_NAME": tag}
        )
        assert done.returncode == code
