"""prepare: exact counts on a messy source, the same bytes however often it was interrupted."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from facegen import images
from facegen.datasets.prepare import prepare
from facegen.datasets.sources import UNFINISHED
from facegen.errors import DataError, OptionError, OutputError
from facegen.options.prepare import AUGMENTATIONS, PrepareOptions


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def reasons(out: Path) -> Counter:
    with (out / "removed.csv").open(newline="") as file:
        return Counter(row["reason"] for row in csv.DictReader(file))


def described(out: Path) -> dict:
    return json.loads((out / "dataset.json").read_text(encoding="utf-8"))


def smooth(seed: int, side: int = 96) -> np.ndarray:
    """A picture like no other: soft random blobs."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return images.resize(coarse, side)


@pytest.fixture
def blobs(tmp_path) -> PrepareOptions:
    """Twelve pictures without faces, to be prepared without alignment."""
    source = tmp_path / "blobs"
    source.mkdir()
    for seed in range(12):
        Image.fromarray(smooth(seed)).save(source / f"{seed:02d}.png")
    return PrepareOptions(
        str(source), str(tmp_path / "out"), size=32, align=False, augment=AUGMENTATIONS, workers=1
    )


@pytest.fixture(scope="module")
def mess(tmp_path_factory, astronaut) -> Path:
    """One real face in every state that a file can be in."""
    folder = tmp_path_factory.mktemp("mess")
    photo = Image.fromarray(astronaut)
    photo.save(folder / "a.jpg", quality=95)
    (folder / "sub").mkdir()
    (folder / "sub" / "copy.jpg").write_bytes((folder / "a.jpg").read_bytes())
    photo.resize((360, 360)).save(folder / "near.jpg", quality=40)
    photo.transpose(Image.Transpose.ROTATE_90).save(folder / "turned.png")
    both = np.hstack([astronaut, astronaut[:, ::-1]])
    Image.fromarray(both).save(folder / "two.png")
    (folder / "broken.jpg").write_bytes((folder / "a.jpg").read_bytes()[:20_000])
    (folder / "notes.txt").write_text("no picture")
    (folder / "manifest.json").write_text("{}")  # of a run of ours: it does not count
    (folder / "empty.png").write_bytes(b"")
    Image.fromarray(smooth(0, 256)).save(folder / "none.png")
    photo.resize((128, 128)).save(folder / "small.png")
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / "link.jpg").symlink_to(folder / "a.jpg")
    return folder


@pytest.fixture(scope="module")
def prepared(mess, tmp_path_factory) -> PrepareOptions:
    out = tmp_path_factory.mktemp("prepared") / "out"
    options = PrepareOptions(str(mess), str(out), size=64, augment=("flip",), workers=1)
    summary = prepare(options)
    assert (summary.original, summary.cleaned, summary.augmented) == (11, 2, 2)
    return options


def test_a_messy_folder_gives_the_exact_counts(prepared):
    out = Path(prepared.out)
    assert reasons(out) == {
        "exact duplicate": 1,  # sub/copy.jpg
        "near duplicate": 3,  # near.jpg, turned.png, and the face of two.png that is a.jpg's
        "unreadable": 3,  # broken.jpg, notes.txt, empty.png
        "no face": 1,  # none.png
        "face too small": 1,  # small.png
        "link": 1,
    }
    facts = described(out)
    assert [one["file"] for one in facts["pictures"]] == ["images/000001.png", "images/000002.png"]
    assert {one["source"] for one in facts["pictures"]} <= {"a.jpg", "two.png", "turned.png"}
    assert any(one["faces_found"] == 2 for one in facts["pictures"])
    assert [one["augmentation"] for one in facts["augmented"]] == ["flip", "flip"]
    first = images.load(out / "images/000001.png")
    assert first.shape == (64, 64, 3)
    assert np.array_equal(images.load(out / "images/000001-flip.png"), first[:, ::-1])
    assert images.load(out / "contact-sheet.png").shape[1] == 2 * 96 + 6
    assert not (out / UNFINISHED).exists()


def test_interrupted_half_way_it_goes_on_and_ends_the_same(prepared, tmp_path):
    again = replace(prepared, out=str(tmp_path / "again"))

    def stop(done, whole):
        if done == whole // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(again, stop)
    assert not (tmp_path / "again" / "dataset.json").exists()
    before = {
        p.name: p.stat().st_mtime_ns for p in (tmp_path / "again" / UNFINISHED).glob("*.json")
    }
    assert len(before) > 1
    prepare(again)
    assert contents(tmp_path / "again") == contents(Path(prepared.out))


def test_real_photographs(shared, tmp_path):
    source = tmp_path / "photos"
    source.mkdir()
    photos = [images.load(shared / "photos" / f"face-0{i}.jpg") for i in (1, 3, 4, 5)]
    Image.fromarray(photos[0]).save(source / "1.jpg")
    Image.fromarray(photos[0]).resize((400, 400)).save(source / "1-again.jpg", quality=50)
    Image.fromarray(np.rot90(photos[1], 2)).save(source / "2.jpg")
    Image.fromarray(np.hstack(photos[2:])).save(source / "two.jpg")
    (source / "none.jpg").write_bytes((shared / "photos" / "none-02.jpg").read_bytes())
    options = PrepareOptions(str(source), str(tmp_path / "out"), size=64, workers=1)
    summary = prepare(options)
    assert (summary.original, summary.cleaned) == (5, 4)
    assert summary.removed == {"near duplicate": 1, "no face": 1}
    largest = replace(options, out=str(tmp_path / "largest"), faces="largest")
    summary = prepare(largest)
    assert summary.cleaned == 3 and summary.removed["not the largest face"] == 1


def test_killed_in_processes_and_run_again_in_one(blobs, tmp_path):
    for seed in range(12, 300):
        Image.fromarray(smooth(seed)).save(Path(blobs.source) / f"{seed:03d}.png")
    killed = tmp_path / "killed"
    command = [sys.executable, "-m", "facegen", "prepare", blobs.source, "--out", str(killed)]
    command += ["--size", "32", "--no-align", "--augment", "--workers", "2"]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(command, cwd=root, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(list(killed.glob(f"{UNFINISHED}/*.json"))) < 20:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "dataset.json").exists(), "too late to kill it"
    prepare(replace(blobs, out=str(killed)))
    prepare(blobs)
    assert contents(killed) == contents(Path(blobs.out))
    assert described(killed)["counts"]["cleaned"] == 300


def test_ended_while_it_clears_up_and_again_before_the_end(blobs, monkeypatch):
    def end(*_):
        raise KeyboardInterrupt

    out = Path(blobs.out)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("facegen.datasets.prepare.shutil", SimpleNamespace(rmtree=end))
        prepare(blobs)
    finished = contents(out)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("facegen.datasets.writer._sheet", end)
        prepare(blobs)
    assert not (out / "dataset.json").exists(), "its pictures are not all there yet"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("facegen.datasets.prepare.shutil", SimpleNamespace(rmtree=end))
        prepare(blobs)
    assert contents(out) == finished
    (out / UNFINISHED / "options.json").unlink()
    with pytest.raises(OutputError, match="holds a finished data set"):
        prepare(blobs)
    assert not (out / UNFINISHED).exists()


def test_the_sharpest_of_several_copies_stays(blobs):
    Image.fromarray(smooth(3, 200)).save(Path(blobs.source) / "zz-large.png")
    summary = prepare(blobs)
    assert summary.removed == {"near duplicate": 1} and summary.cleaned == 12
    sources = [one["source"] for one in described(Path(blobs.out))["pictures"]]
    assert "zz-large.png" in sources and "03.png" not in sources


def test_a_folder_in_other_use_is_left_alone(blobs, tmp_path):
    def half(done, whole):
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(blobs, half)
    with pytest.raises(OutputError, match="unfinished data set with size 32, not 48; go on"):
        prepare(replace(blobs, size=48))
    prepare(blobs)
    before = contents(Path(blobs.out))
    with pytest.raises(OutputError, match="holds a finished data set"):
        prepare(blobs)
    assert contents(Path(blobs.out)) == before
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("keep")
    with pytest.raises(OutputError, match="is not an empty folder"):
        prepare(replace(blobs, out=str(other)))
    with pytest.raises(OutputError, match="lies in the source"):
        prepare(replace(blobs, out=str(Path(blobs.source) / "out")))


def test_unusable_sources(blobs, tmp_path):
    with pytest.raises(DataError, match="nowhere is not there"):
        prepare(replace(blobs, source=str(tmp_path / "nowhere")))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="holds no files"):
        prepare(replace(blobs, source=str(empty)))
    (empty / "a.txt").write_text("text")
    with pytest.raises(DataError, match="no picture is left of 1 file: 1 unreadable"):
        prepare(replace(blobs, source=str(empty)))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_and_links_to_folders_are_not_opened(blobs, tmp_path):
    source = Path(blobs.source)
    os.mkfifo(source / "pipe.png")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    Image.fromarray(smooth(99)).save(elsewhere / "secret.png")
    (source / "door").symlink_to(elsewhere)
    summary = prepare(blobs)
    assert summary.removed == {"no regular file": 1, "link": 1}
    assert summary.cleaned == 12


@pytest.mark.skipif(os.name == "nt", reason="needs names of any bytes")
def test_a_source_with_a_name_of_any_bytes_is_described(blobs, tmp_path):
    source = Path(blobs.source).rename(tmp_path / os.fsdecode(b"\xff"))
    prepare(replace(blobs, source=str(source)))
    assert described(Path(blobs.out))["source"] == source.name


def test_a_formula_in_a_name_stays_a_word(blobs):
    (Path(blobs.source) / "=cmd()|x.txt").write_text("text")
    prepare(blobs)
    assert "\n'=cmd()" in (Path(blobs.out) / "removed.csv").read_text()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("size", 16, "size is 16"),
        ("threshold", 128, "threshold is 128"),
        ("enlarge", 0.5, "enlarge is 0.5"),
        ("faces", "some", "faces is 'some'; it must be all or largest"),
        ("augment", ("flip", "mirror"), "augment is 'mirror'; it must be flip,"),
    ],
)
def test_options_are_checked(name, value, message):
    with pytest.raises(OptionError, match=message):
        PrepareOptions("a", "b", **{name: value})


def test_which_faces_is_no_question_without_alignment():
    with pytest.raises(OptionError, match="without alignment none is looked for"):
        PrepareOptions("a", "b", align=False, faces="largest")


def test_on_the_command_line(blobs, tmp_path, capsys):
    from facegen.cli.main import main

    arguments = ["prepare", blobs.source, "--out", str(tmp_path / "cli"), "--size", "32"]
    arguments += ["--no-align", "--augment", "--workers", "1", "--licence", "CC0"]
    assert main(arguments) == 0
    table = capsys.readouterr().out
    assert "original files" in table and "12" in table
    assert "near duplicates: 24 of 255 bits" in table
    assert described(tmp_path / "cli")["licence"] == "CC0"
    prepare(replace(blobs, licence="CC0"))
    assert contents(tmp_path / "cli") == contents(Path(blobs.out))
    assert main(arguments) == 2
    assert "holds a finished data set" in capsys.readouterr().err
