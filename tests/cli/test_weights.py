"""`python -m facegen weights …`, against a Hub that runs here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import fakehub
import golden
import pytest
import torch

from facegen import weights
from facegen.cli.main import main

ROOT = Path(__file__).parents[2]
SOURCE = weights.find("face-paint").sources[0]


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "face_paint.pt"
    torch.save(golden.state_dict("animeganv2_generator"), path)
    with fakehub.running() as running:
        running.serve(SOURCE.repo, SOURCE.file, path.read_bytes())
        yield running


@pytest.fixture
def run(hub, tmp_path, monkeypatch, capsys):
    """In this process: each of its own would load torch again."""
    fakehub.point_at(monkeypatch, hub.url, tmp_path / "cache")

    def run(*arguments, code=0):
        assert main(["weights", *map(str, arguments)]) == code
        return capsys.readouterr()

    return run


def rows(done) -> dict[str, dict]:
    return {row["name"]: row for row in json.loads(done.out)}


def test_list_fetch_use_verify_convert_remove(run, tmp_path):
    before = rows(run("list", "--json"))
    assert before["face-paint"]["at_hand"] is False and before["bundled"]["at_hand"] is True
    assert before["ffhq-1024"]["licence_meaning"].startswith("research and evaluation only")
    for row in before.values():
        assert row["bundled"] or row["sources"][0]["repo"] or row["sources"][0]["package"]

    done = run("fetch", "face-paint")
    assert "non-commercial" in done.out and "face-paint is at " in done.out
    assert done.err == "facegen: fetching face-paint (8.6 MB)\n"
    assert rows(run("fetch", "face-paint", "--json"))["face-paint"]["path"]
    assert "fetched" in next(
        line for line in run("list").out.splitlines() if line.startswith("face-paint")
    )
    verified = rows(run("verify", "face-paint", "--json"))
    assert len(verified["face-paint"]["sha256"]) == 64

    out = tmp_path / "paint.safetensors"
    run("convert", "face-paint", out)
    content, metadata = weights.read(out)
    assert "non-commercial" in metadata["licence"]
    for key, value in golden.state_dict("animeganv2_generator").items():
        assert torch.equal(content[key], value)

    assert "removed" in run("remove", "face-paint").out
    assert "was not here" in run("remove", "face-paint").out
    assert rows(run("list", "--json"))["face-paint"]["at_hand"] is False


def test_mistakes_are_one_line(run, tmp_path):
    for arguments, words in (
        (("fetch", "nonsense"), "no model is called 'nonsense'"),
        (("fetch", "bundled", "nonsense"), "no model is called 'nonsense'"),
        (("fetch", "ffhq-1024"), "AIRI-Institute/HairFastGAN: has no such file"),
        (("verify", "ffhq-1024"), "ffhq-1024 is not available"),
        (("remove", "bundled"), "is part of the project"),
        (("convert", tmp_path, tmp_path / "x.safetensors"), "is a folder"),
        (("convert", tmp_path / "absent.pt", tmp_path / "x.safetensors"), "cannot be read"),
    ):
        lines = run(*arguments, code=2).err.strip().splitlines()
        assert len(lines) == 1 and lines[0].startswith("facegen: "), lines
        assert words in lines[0]


def test_the_environment_decides_where_the_hub_is(hub, tmp_path):
    environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "facegen", "weights", "fetch", "face-paint", "--json"],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert Path(json.loads(done.stdout)[0]["path"]).is_relative_to(tmp_path)
