"""Whole batches: killed and gone on with, in parallel, another job's folder, workers that die."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dying
import pyarrow.parquet as pq
import pytest
from PIL import Image

from facegen.batch import run as batch
from facegen.batch.options import BatchOptions
from facegen.batch.run import Ended, Finished, Listed, run
from facegen.cli.main import main
from facegen.errors import DataError, OutputError
from facegen.output import installation

ROOT = Path(__file__).parents[2]


def table(out: Path) -> list[dict]:
    return pq.read_table(out / "manifest.parquet").to_pylist()


def files(out: Path) -> dict[str, bytes]:
    pictures = out / "pictures"
    return {
        str(path.relative_to(pictures)): path.read_bytes()
        for path in pictures.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def source(tmp_path_factory, astronaut) -> Path:
    folder = tmp_path_factory.mktemp("source")
    (folder / "deep").mkdir()
    face = Image.fromarray(astronaut[:280, 100:380])
    for index in range(40):
        place = folder / "deep" if index % 3 == 0 else folder
        face.resize((200 + index, 200 + index)).save(place / f"{index:02d}.jpg")
    (folder / "13.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    return folder


def test_killed_in_the_middle_it_goes_on_and_nothing_differs(source, tmp_path):
    """Two workers that are killed, then one, against three that are left alone."""
    command = [sys.executable, "-m", "facegen", "batch", str(source), "--job", "align"]
    out, whole = tmp_path / "out", tmp_path / "whole"
    killed = subprocess.Popen([*command, "--out", str(out), "--workers", "2"], cwd=ROOT)
    rows = out / "rows.jsonl"
    deadline = time.monotonic() + 240
    while not rows.exists() or rows.read_bytes().count(b"\n") < 5:
        assert killed.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = rows.read_bytes().count(b"\n")
    assert before < 41, "it has to be killed before its end"
    with rows.open("ab") as file:
        file.write(b'{"id": "cut o')  # as a kill in the middle of a line leaves it

    subprocess.run([*command, "--out", str(out), "--workers", "1"], cwd=ROOT, check=True)
    subprocess.run([*command, "--out", str(whole), "--workers", "3"], cwd=ROOT, check=True)
    assert table(out) == table(whole) and len(table(out)) == 41
    assert files(out) == files(whole) and len(files(out)) == 40
    ids = [json.loads(line)["id"] for line in rows.read_bytes().splitlines()]
    assert len(ids) == len(set(ids)) == 41, "none was done twice"
    assert not (out / ".parts").exists()


@pytest.fixture
def quick(monkeypatch):
    """Workers that do nothing, but die of a picture called bomb."""
    monkeypatch.setattr(batch, "begin", dying.begin)
    monkeypatch.setattr(batch, "do", dying.do)


@pytest.fixture
def names(tmp_path) -> Path:
    folder = tmp_path / "names"
    folder.mkdir()
    for name in ("a", "b", "bomb", "c", "d"):
        (folder / f"{name}.jpg").write_bytes(name.encode())
    return folder


def test_a_picture_that_kills_its_worker_has_a_row_and_ends_nothing(quick, names, tmp_path):
    options = BatchOptions("align", workers=2)
    *events, ended = run(names, tmp_path / "out", options)
    assert isinstance(events[0], Listed) and events[0].pictures == 5
    assert {event.item.id: event.row["status"] for event in events if isinstance(event, Finished)} \
        == {"a.jpg": "done", "b.jpg": "done", "bomb.jpg": "crashed", "c.jpg": "done",
            "d.jpg": "done"}  # fmt: skip
    assert isinstance(ended, Ended) and ended.statuses == {"done": 4, "crashed": 1}
    # called again, there is nothing to do; a picture that has changed is done again
    first, _ = run(names, tmp_path / "out", options)
    assert first.before == 5
    (names / "c.jpg").write_bytes(b"changed")
    _, finished, ended = run(names, tmp_path / "out", options)
    assert finished.item.id == "c.jpg" and sum(ended.statuses.values()) == 5


def test_stopped_by_its_reader_it_leaves_a_manifest_and_goes_on(quick, names, tmp_path):
    events = run(names, tmp_path / "out", BatchOptions("align", workers=1))
    next(events), next(events)
    events.close()
    assert 1 <= len(table(tmp_path / "out")) < 5
    *_, ended = run(names, tmp_path / "out", BatchOptions("align", workers=2))
    assert len(table(tmp_path / "out")) == sum(ended.statuses.values()) == 5


def test_folders_that_are_not_this_jobs(quick, names, tmp_path):
    out = tmp_path / "out"
    list(run(names, out, BatchOptions("align", workers=1)))
    with pytest.raises(OutputError, match="holds another job .seed 0 there, 7 now"):
        list(run(names, out, BatchOptions("align", seed=7, workers=1)))
    with pytest.raises(OutputError, match="is not empty and holds no batch"):
        list(run(out, names, BatchOptions("align")))
    with pytest.raises(OutputError, match="lies in"):
        list(run(names, names / "out", BatchOptions("align")))
    with pytest.raises(DataError, match="is not a folder"):
        list(run(tmp_path / "none", out, BatchOptions("align")))
    events = run(names, tmp_path / "held", BatchOptions("align", workers=1))
    next(events)
    with pytest.raises(OutputError, match="another batch is at work"):
        list(run(names, tmp_path / "held", BatchOptions("align")))
    events.close()


def test_on_the_command_line(names, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["batch", str(names), "--out", str(out), "--job", "align", "--workers", "1"]
    assert main(command) == 0
    assert "5 files (5 unreadable)" in capsys.readouterr().out
    assert main([*command, "--size", "99999"]) == 2
    assert "size is 99999" in capsys.readouterr().err
    assert os.path.exists(out / "manifest.parquet")


def test_ones_own_certificate_signs_in_the_workers(source, tmp_path, capsys):
    made, one = installation.made(), tmp_path / "one"
    one.mkdir()
    (one / "a.jpg").write_bytes((source / "01.jpg").read_bytes())
    pair = {"--c2pa-cert": made.chain, "--c2pa-key": made.key}
    words = ["batch", str(one), "--out", str(tmp_path / "out"), "--job", "random"]
    words += ["--model", "bundled", "--workers", "1"]
    for flag, text in pair.items():
        (tmp_path / flag[2:]).write_text(text)
        words += [flag, str(tmp_path / flag[2:])]
    assert main([*words[:-1], str(tmp_path / "none.pem")]) == 2
    assert "c2pa-key is" in capsys.readouterr().err and not (tmp_path / "out").exists()
    before = installation.current()
    try:
        assert main(words) == 0
        installation.use(before)  # another than the one that signed
        capsys.readouterr()
        main(["check", str(tmp_path / "out" / "pictures" / "a.jpg" / "face.png")])
    finally:
        installation.use(before)
    assert "it cannot say whose that is" in capsys.readouterr().out
