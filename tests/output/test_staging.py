"""A run's folder: everything or nothing, and what an earlier run left there."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from facegen import process
from facegen.cli.main import main
from facegen.errors import OutputError
from facegen.files import make_folder, write_file
from facegen.output import provenance
from facegen.output.manifest import MANIFEST
from facegen.output.staging import STAGING, check_file, finished_only, zip_folder

PIXELS = np.zeros((4, 4, 3), dtype=np.uint8)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def generated(out, *variants):
    """Like a run of generate."""
    with finished_only(out, overwrite=True) as folder:
        for name in variants:
            provenance.save_png(folder / name, PIXELS, {})
        entries = [{"file": name, "anime_file": None} for name in variants]
        (folder / MANIFEST).write_text(json.dumps({"variants": entries}))


def drawn(out, count):
    """Like a run of random."""
    with finished_only(out, pictures=["random-*.png"], overwrite=True) as folder:
        for index in range(count):
            provenance.save_png(folder / f"random-{index}.png", PIXELS, {})


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "mine.txt").touch()
    words = r"not empty \(1 item\).* --overwrite"
    with pytest.raises(OutputError, match=words), finished_only(tmp_path):
        pytest.fail("the work began")
    assert names(tmp_path) == ["mine.txt"]


def test_a_run_of_the_same_kind_gives_way(tmp_path):
    generated(tmp_path, "variant-01.png", "variant-02.png")
    generated(tmp_path, "variant-01.png")
    drawn(tmp_path, 3)
    drawn(tmp_path, 1)
    assert names(tmp_path) == [MANIFEST, "random-0.png", "variant-01.png"]


def test_a_run_of_another_kind_stays(tmp_path):
    generated(tmp_path, "variant-01.png")
    drawn(tmp_path, 1)
    generated(tmp_path, "variant-02.png")
    assert names(tmp_path) == [MANIFEST, "random-0.png", "variant-02.png"]


def test_somebody_elses_picture_stays(tmp_path):
    (tmp_path / "random-holiday.png").write_bytes(b"no PNG")
    drawn(tmp_path, 1)
    assert names(tmp_path) == ["random-0.png", "random-holiday.png"]


def test_a_manifest_cannot_name_files_elsewhere(tmp_path):
    """Whoever gives somebody a folder with a manifest wrote it."""
    out = tmp_path / "out"
    generated(out, "variant-01.png")
    (tmp_path / "mine.png").touch()
    listed = [{"file": "../mine.png"}, {"file": str(tmp_path / "mine.png")}, {"file": 7}]
    for entries in (listed[:2], listed, 7):
        (out / MANIFEST).write_text(json.dumps({"variants": entries}))
        generated(out, "variant-01.png")
        assert names(tmp_path) == ["mine.png", "out"]


def test_the_photo_is_never_taken_away(tmp_path):
    drawn(tmp_path, 2)
    with finished_only(tmp_path, str(tmp_path / "random-1.png"), ["random-*.png"], True) as folder:
        (folder / "face.png").touch()
    assert names(tmp_path) == ["face.png", "random-1.png"]


def test_an_error_leaves_no_folder(tmp_path):
    with pytest.raises(ValueError), finished_only(tmp_path / "a" / "b") as folder:
        (folder / "half.png").touch()
        raise ValueError
    assert names(tmp_path) == []


def test_an_error_leaves_what_was_there(tmp_path):
    generated(tmp_path / "out", "variant-01.png")
    before = names(tmp_path / "out")
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt), finished_only(out, overwrite=True) as folder:
        (folder / MANIFEST).touch()
        raise KeyboardInterrupt
    assert names(tmp_path / "out") == before


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs POSIX signals")
@pytest.mark.parametrize("name", ["shutil.rmtree", "os.replace"])
def test_a_second_signal_does_not_disturb_the_clearing_away(tmp_path, monkeypatch, name):
    """A terminal that closes sends its signal twice."""
    generated(tmp_path, "variant-01.png")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    real = {"shutil.rmtree": shutil.rmtree, "os.replace": os.replace}[name]

    def hang_up():
        os.kill(os.getpid(), signal.SIGHUP)

    calls = []

    def while_it_goes_on(*arguments, **more):
        calls.append(arguments)
        if name == "shutil.rmtree" or len(calls) > 1:  # the old file is aside by then
            hang_up()
        return real(*arguments, **more)

    handlers = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)}
    process.end_like_interrupted()
    try:
        with pytest.raises(KeyboardInterrupt), finished_only(tmp_path, overwrite=True) as folder:
            provenance.save_png(folder / "variant-01.png", PIXELS + 1, {})
            monkeypatch.setattr(name, while_it_goes_on)
            if name == "shutil.rmtree":
                hang_up()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_is_there_is_not_said_to_be_missing(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    words = r"nothing can be written into .* \(Permission denied\); name a folder"
    with pytest.raises(OutputError, match=words), finished_only(tmp_path):
        pytest.fail("the work began")
    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(OutputError, match="cannot make .*new"), finished_only(tmp_path / "new"):
        pytest.fail("the work began")


@pytest.mark.parametrize("kind", ["below a file", "a link to nowhere", "a file"])
def test_no_place_for_files_is_said_before_the_work(tmp_path, kind):
    (tmp_path / "file").touch()
    os.symlink(tmp_path / "nowhere" / "else", tmp_path / "link")
    out = {"below a file": "file/x", "a link to nowhere": "link", "a file": "file"}[kind]
    worked = []
    with pytest.raises(OutputError, match="name a"), finished_only(tmp_path / out):
        worked.append(1)
    assert not worked and names(tmp_path) == ["file", "link"]


def test_two_runs_at_once_never_take_each_others_files(tmp_path):
    """The second is told before it works; the first's files are all there."""
    out = tmp_path / "out"
    for overwrite in (False, True):
        with finished_only(out, overwrite=True) as first:
            (first / "variant-01.png").write_text("the first one's")
            with (
                pytest.raises(OutputError, match="another run is at work in .*name another"),
                finished_only(out, overwrite=overwrite),
            ):
                pytest.fail("the work began")
            assert first.is_dir()
        assert names(out) == ["variant-01.png"]


def test_what_came_meanwhile_is_not_replaced_unasked(tmp_path):
    out = tmp_path / "out"
    with (
        pytest.raises(OutputError, match="not empty"),
        finished_only(out, pictures=["random-*.png"]) as folder,
    ):
        provenance.save_png(folder / "random-0.png", PIXELS, {})
        provenance.save_png(out / "random-1.png", PIXELS, {})  # by a disk that knows no locks
    assert names(out) == ["random-1.png"]


KILLED = """
import sys, time
from pathlib import Path
from facegen.output.staging import finished_only
with finished_only(Path(sys.argv[1])) as folder:
    (folder / "aligned.png").write_text("a crop of the photo")
    print(folder, flush=True)
    time.sleep(600)
"""


def test_what_a_killed_run_left_is_gone_after_the_next(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    left = Path(process.stdout.readline().strip())
    process.kill()
    process.wait()
    assert (left / "aligned.png").exists()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "photo.jpg").touch()
    (tmp_path / f"{STAGING}link").symlink_to(elsewhere)
    with finished_only(tmp_path, overwrite=True) as folder:
        assert not left.exists()
        (folder / "a.png").touch()
    assert names(tmp_path) == [f"{STAGING}link", "a.png", "elsewhere"]
    assert names(elsewhere) == ["photo.jpg"]


def test_a_name_that_is_too_long_is_told_as_that(tmp_path, monkeypatch, capsys):
    name = "n" * 300
    words = "the name is too long for this disk: choose a shorter one"
    for write in (
        lambda: write_file(tmp_path / name, b""),
        lambda: make_folder(tmp_path / name),
    ):
        with pytest.raises(OutputError, match=words):
            write()
    with pytest.raises(OutputError, match=words), finished_only(tmp_path / "out") as folder:
        (folder / "a.png").touch()
        monkeypatch.setattr(os, "replace", too_long)
    assert main(["random", "--model", "bundled", "--out", str(tmp_path / name)]) == 2
    said = capsys.readouterr().err
    assert words in said and "space" not in said and said.count("\n") == 1


def too_long(*_):
    raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))


def test_a_full_disk_is_told_as_that(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with (
        pytest.raises(OutputError, match="No space left on device.*free some space"),
        finished_only(tmp_path / "out") as folder,
    ):
        (folder / "a.png").touch()
        monkeypatch.setattr(os, "replace", full)
    monkeypatch.undo()
    assert not names(tmp_path)


def test_of_an_earlier_run_with_more_pictures_nothing_stays(tmp_path):
    generated(tmp_path, *(f"variant-0{n}.png" for n in range(1, 6)))
    generated(tmp_path, "variant-01.png", "variant-02.png", "variant-03.png")
    assert names(tmp_path) == [MANIFEST, "variant-01.png", "variant-02.png", "variant-03.png"]


def test_a_zip_has_the_files_that_are_named_so_and_what_was_changed(tmp_path):
    for name in ("b.png", "a.png", "sheet.jpg", "crop.png", MANIFEST):
        (tmp_path / name).write_bytes(name.encode())
    changed = {MANIFEST: b"without the photo", "crop.png": None}
    path = zip_folder(tmp_path, tmp_path / "all.zip", changed=changed)
    with zipfile.ZipFile(path) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    assert found == {"a.png": b"a.png", "b.png": b"b.png", MANIFEST: b"without the photo"}
    with zipfile.ZipFile(zip_folder(tmp_path, tmp_path / "j.zip", ("*.jpg",))) as archive:
        assert archive.namelist() == ["sheet.jpg"]


def test_a_place_for_one_file_is_looked_at_before_the_work(tmp_path):
    check_file(tmp_path / "new.png")
    with pytest.raises(OutputError, match="is a folder; name a file"):
        check_file(tmp_path)
    with pytest.raises(OutputError, match="not a folder that can be written to"):
        check_file(tmp_path / "nowhere" / "new.png")
