"""The process that runs an ONNX graph: it is reused, it ends, and what befalls it is one line."""

import gc
import itertools
import os
import subprocess
import sys
import time

import numpy as np
import onnx_files
import pytest
from onnx_files import node, style, tensor

from facegen.models.families import onnx_child, onnx_session
from facegen.models.families.onnx_session import Session, SessionError

X = np.linspace(-1, 1, 3 * 8 * 12, dtype=np.float32).reshape(1, 3, 8, 12)
LINUX = sys.platform == "linux"


@pytest.fixture
def session():
    session = Session(onnx_files.negative(), 1)
    yield session
    session.close()


def test_one_process_draws_all_pictures(session):
    assert session._process is None  # nothing is started for a style that is never used
    assert np.array_equal(session.run(X), -X)
    process = session._process
    assert np.array_equal(session.run(X[:, :, :4]), -X[:, :, :4])
    assert session._process is process and process.poll() is None


def test_the_process_ends_with_its_session():
    sessions = [Session(onnx_files.negative(), 1) for _ in range(2)]
    for one in sessions:
        one.load()
    first, second = (one._process for one in sessions)
    sessions[0].close()
    assert first.poll() is not None and first.stdin.closed
    del sessions, one
    gc.collect()
    assert second.poll() is not None


@pytest.mark.skipif(not LINUX, reason="looks into /proc")
@pytest.mark.parametrize("end", ["", "os._exit(1)", "os.kill(os.getpid(), 9)"])
def test_the_process_ends_with_the_program_however_that_ends(end):
    program = f"""
import os, sys
sys.path[:0] = {[os.getcwd(), os.path.dirname(onnx_files.__file__)]!r}
import onnx_files
from facegen.models.families.onnx_session import Session
session = Session(onnx_files.negative(), 1)
session.load()
print(session._process.pid, flush=True)
{end}
"""
    child = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE).stdout
    deadline = time.monotonic() + 20
    while os.path.exists(f"/proc/{int(child)}"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_after_a_crash_another_one_is_started(session):
    session.load()
    session._process.kill()
    session._process.wait()
    with pytest.raises(SessionError, match="the process that runs it ended"):
        session.run(X)
    assert np.array_equal(session.run(X), -X)


def test_a_complaint_is_one_line_and_the_next_picture_is_drawn():
    session = Session(onnx_files.fails_on_low_pictures(), 1)
    with pytest.raises(SessionError) as caught:
        session.run(X)
    assert "\n" not in str(caught.value) and len(str(caught.value)) <= onnx_session.MAX_WORDS
    assert session.run(np.zeros((1, 3, 16, 16), np.float32)).shape == (1, 3, 16, 16)


def test_endless_work_is_ended(monkeypatch):
    wide = np.zeros((512, 512, 3, 3), np.float32)
    session = Session(
        style(
            node("Conv", "x in", "t0"),
            *(node("Conv", f"t{i} w", f"t{i + 1}", pads=[1, 1, 1, 1]) for i in range(1000)),
            node("Conv", "t1000 out", "y"),
            tensors=[
                tensor("in", wide[:, :3, :1, :1]),
                tensor("w", wide),
                tensor("out", wide[:3, :, :1, :1]),
            ],
        ),
        1,
    )
    session.load()
    monkeypatch.setattr(onnx_session, "DRAWING_SECONDS", (0.5, 0.0))
    with pytest.raises(SessionError, match="it takes more than 0 s"):
        session.run(np.zeros((1, 3, 256, 256), np.float32))
    assert session._process is None


@pytest.mark.skipif(not LINUX, reason="memory is limited on Linux")
def test_memory_is_given_for_a_picture_and_no_more():
    """Concatenated with itself again and again: no number in the file says how large it gets."""
    names = "xabcdefghijklmny"
    nodes = [node("Concat", f"{a} {a}", b, axis=1) for a, b in itertools.pairwise(names)]
    session = Session(style(*nodes), 1)
    with pytest.raises(SessionError, match="more memory than a picture needs"):
        session.run(np.zeros((1, 3, 64, 64), np.float32))


def child_says(monkeypatch, tmp_path, program: str) -> None:
    path = tmp_path / "child.py"
    path.write_text(program)
    monkeypatch.setattr(onnx_child, "__file__", str(path))


@pytest.mark.parametrize(
    "answer",
    [
        onnx_child.HEADER.pack(b"EVIL", onnx_child.DONE, 0, 0, 0, 0, 0),
        onnx_child.HEADER.pack(onnx_child.MAGIC, 9, 0, 0, 0, 0, 0),
        onnx_child.HEADER.pack(onnx_child.MAGIC, onnx_child.DONE, 2**60, 0, 0, 0, 0),
        onnx_child.HEADER.pack(onnx_child.MAGIC, onnx_child.COMPLAINT, 2**60, 0, 0, 0, 0),
    ],
)
def test_what_comes_back_is_not_trusted(monkeypatch, tmp_path, answer):
    writing = f"sys.stdout.buffer.write({answer!r}); sys.stdout.flush()"
    child_says(monkeypatch, tmp_path, f"import sys, time; {writing}; time.sleep(60)")
    with pytest.raises(SessionError, match="answers nonsense"):
        Session(b"", 1).load()


def test_a_process_that_cannot_work_is_told_of(monkeypatch, tmp_path):
    child_says(monkeypatch, tmp_path, "import no_such_library")
    with pytest.raises(SessionError, match=r"ended \(1\); get the file again"):
        Session(b"", 1).load()


def test_it_knows_no_secrets(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", "secret")
    out = tmp_path / "environment"
    child_says(monkeypatch, tmp_path, f"import os; open({str(out)!r}, 'w').write(str(os.environ))")
    with pytest.raises(SessionError):
        Session(b"", 1).load()
    assert "PATH" in out.read_text() and "secret" not in out.read_text()


@pytest.mark.skipif(not LINUX, reason="files are forbidden on Linux")
def test_it_opens_no_file(tmp_path):
    """Given the library's own numbers in another file, which the reader refuses before."""
    (tmp_path / "w").write_bytes(bytes(12))
    place = onnx_files.field(1, "location") + onnx_files.field(2, str(tmp_path / "w"))
    weight = (
        b"".join(onnx_files.field(1, n) for n in (1, 3, 1, 1))
        + onnx_files.field(2, 1)
        + onnx_files.field(8, "w")
        + onnx_files.field(13, place)
        + onnx_files.field(14, 1)
    )
    session = Session(style(node("Mul", "x w", "y"), tensors=[weight]), 1)
    with pytest.raises(SessionError):
        session.load()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_has_a_process_of_its_own(session):
    session.load()
    if (pid := os.fork()) == 0:
        right = np.array_equal(session.run(X), -X)
        session.close()
        os._exit(0 if right else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert session._process.poll() is None and np.array_equal(session.run(X), -X)
