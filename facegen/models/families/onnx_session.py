"""An ONNX graph, run by onnxruntime in a process of its own (onnx_child.py).

onnxruntime is native code and the file may come from anywhere. So it runs where a crash, endless
work or a want of memory ends nothing but that process, and what comes back is not trusted either:
a header of fixed size, and as many float32 numbers as were sent.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from . import onnx_child
from .onnx_child import COMPLAINT, DONE, DRAW, HEADER, LOAD, MAGIC

# Wall time: the process may have a small share of a busy machine.
LOADING_SECONDS = 60.0
DRAWING_SECONDS = (60.0, 0.5e-3)  # and more for each pixel; AnimeGANv2 takes 6e-6 on one core
MAX_WORDS = 200  # characters of a complaint
# What libraries need to be found and loaded; tokens and the like do not concern that process.
KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "SYSTEMROOT",
        "TEMP", "TMP", "HOME", "USERPROFILE", "APPDATA", "VIRTUAL_ENV")  # fmt: skip


class SessionError(Exception):
    """The graph cannot be loaded or run; the message says why in one line, without the file."""


class Session:
    """Runs one graph.

    The process is started with the first picture, stays for the next ones, and ends with `close`,
    with this object or with the program; after an error it is started anew.

    data: an ONNX file's bytes. threads: how many it may compute with.
    """

    def __init__(self, data: bytes, threads: int):
        self._data = data
        self._threads = threads
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def load(self) -> None:
        """Start the process and load the graph, unless that is done. Raises SessionError."""
        with self._lock, self._closed_after_errors():
            self._start()

    def run(self, x: np.ndarray) -> np.ndarray:
        """x: float32, four axes, of three numbers a pixel. Returns float32 of the same shape.

        Raises SessionError.
        """
        base, more = DRAWING_SECONDS
        with self._lock, self._closed_after_errors():
            self._start()
            body = self._ask(DRAW, x.astype("<f4").tobytes(), x.shape, base + more * x.size / 3)
        return np.frombuffer(body, "<f4").astype(np.float32).reshape(x.shape)

    def close(self) -> None:
        """End the process. The next picture starts another one."""
        if self._process is not None:
            self._end()
            self._process = None

    @contextlib.contextmanager
    def _closed_after_errors(self) -> Iterator[None]:
        """Close after an error: a late answer would be taken for that to the next question."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        if self._process is not None and self._owner == os.getpid():
            return  # after a fork the process is the parent's
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        try:
            self._process = subprocess.Popen(
                [sys.executable, onnx_child.__file__, str(self._threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=Path(sys.executable).parent,  # not where a file called numpy.py could lie
                env=kept | {"MALLOC_ARENA_MAX": "2"},
            )
        except OSError as error:
            raise SessionError(f"no process can be started for it ({error.strerror})") from error
        self._owner = os.getpid()
        self._end = weakref.finalize(self, _end, self._process, self._owner)
        self._ask(LOAD, self._data, (0, 0, 0, 0), LOADING_SECONDS)

    def _ask(self, kind: int, body: bytes, shape: tuple[int, ...], seconds: float) -> bytes:
        """Return the answer: nothing to LOAD, as many bytes as `body` to DRAW."""
        process, late = self._process, threading.Event()
        assert process is not None and process.stdin is not None and process.stdout is not None

        def stop() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(seconds, stop)
        timer.daemon = True
        timer.start()
        try:
            process.stdin.write(HEADER.pack(MAGIC, kind, len(body), *shape) + body)
            process.stdin.flush()
            return _answer(process.stdout, len(body) if kind == DRAW else 0)
        except (OSError, EOFError) as error:
            if late.is_set():
                raise SessionError(f"it takes more than {seconds:.0f} s") from error
            process.kill()
            raise SessionError(
                f"the process that runs it ended ({process.wait()}); get the file again, and see "
                "whether 'python -c \"import onnxruntime\"' works here"
            ) from error
        finally:
            timer.cancel()


def _answer(pipe: IO[bytes], wanted: int) -> bytes:
    """Read the answer. Raises EOFError where the process ended, SessionError for complaints."""
    magic, kind, length, *_ = HEADER.unpack(_exactly(pipe, HEADER.size))
    if magic == MAGIC and kind == COMPLAINT and length < 1 << 20:
        text = _exactly(pipe, length).decode("utf-8", "replace")
        raise SessionError("".join(c for c in text if c.isprintable())[:MAX_WORDS])
    if (magic, kind, length) != (MAGIC, DONE, wanted):
        raise SessionError("the process that runs it answers nonsense")
    return _exactly(pipe, wanted)


def _exactly(pipe: IO[bytes], count: int) -> bytes:
    data = pipe.read(count)
    if len(data) < count:
        raise EOFError
    return data


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() != owner:
        return
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):  # a broken pipe with something still in it
            if pipe is not None:
                pipe.close()
