"""What is saved of a run."""

import os
import zipfile

import pytest

from facegen.errors import OutputError
from facegen.evaluation import walk
from facegen.output.staging import zip_folder


@pytest.fixture
def run(tmp_path):
    for name in ("variant-01.png", "variant-02.png", "manifest.json", "other.txt"):
        (tmp_path / name).write_text(name)
    return tmp_path


def content(path) -> dict[str, str]:
    with zipfile.ZipFile(path) as opened:
        return {name: opened.read(name).decode() for name in opened.namelist()}


WHOLE = {name: name for name in ("manifest.json", "variant-01.png", "variant-02.png")}


def test_the_zip_has_the_pictures_and_the_manifest(run):
    before = set(run.iterdir())
    assert content(zip_folder(run, run / "all.zip")) == WHOLE
    assert set(run.iterdir()) == before | {run / "all.zip"}


def test_the_zip_of_a_walk_has_its_report_and_what_moves(run):
    for name in ("walk.gif", "walk.html", "strip.png"):
        (run / name).write_text(name)
    path = zip_folder(run, run / "facegen-walk.zip", walk.FILES)
    assert set(content(path)) == {"walk.gif", "walk.html", "strip.png"}


def test_two_zips_written_at_once_are_both_whole(run, monkeypatch):
    path, write = run / "all.zip", zipfile.ZipFile.write

    def meanwhile(*arguments):
        monkeypatch.setattr(zipfile.ZipFile, "write", write)
        (run / "variant-00.png").write_text("more")  # so that the two are not the same
        assert content(zip_folder(run, path)) == WHOLE | {"variant-00.png": "more"}
        write(*arguments)

    monkeypatch.setattr(zipfile.ZipFile, "write", meanwhile)
    assert content(zip_folder(run, path)) == WHOLE


def test_a_failed_zip_leaves_the_old_one_and_nothing_else(run, monkeypatch):
    path = zip_folder(run, run / "all.zip")
    before = set(run.iterdir())

    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(zipfile.ZipFile, "write", full)
    with pytest.raises(OutputError, match="the disk is full"):
        zip_folder(run, path)
    assert content(path) == WHOLE and set(run.iterdir()) == before
    with pytest.raises(OutputError, match="does not exist"):
        zip_folder(run, run / "gone" / "all.zip")
