"""A process that runs one ONNX graph and does nothing else: the other end of onnx_session.py.

It is started as a script and imports numpy and onnxruntime alone. Its standard input brings first
the file's bytes, then pictures; its standard output takes the drawings. It ends when its input
does. Where the system has such limits (Linux has them all) it opens and writes no file, whatever
the graph names, and takes no more memory, counted in address space, than LOADING and DRAWING say.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import struct
import sys
from typing import Any, BinaryIO

MAGIC = b"FGX1"
HEADER = struct.Struct("<4sBQ4I")  # MAGIC, what it is, the bytes that follow, a picture's shape
LOAD, DRAW, DONE, COMPLAINT = range(4)  # the first two to this process, the others from it

LOADING = (256 << 20, 16)  # bytes, and more for each byte of the file
DRAWING = (256 << 20, 8192)  # bytes, and more for each pixel; AnimeGANv2 takes 3400 a pixel
THREAD = 96 << 20  # bytes for each thread: its stack, and what glibc reserves for it


def main(threads: int) -> None:
    """Answer until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of Ctrl-C: whoever started this ends it
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get among the answers
    import numpy as np
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    onnxruntime.disable_telemetry_events()
    pages = _open_pages()
    _forbid_files()
    questions, session = sys.stdin.buffer, None
    while len(header := questions.read(HEADER.size)) == HEADER.size:
        _, kind, length, *shape = HEADER.unpack(header)
        body = questions.read(length)
        try:
            if kind == LOAD:
                _limit_memory(pages, LOADING[0] + LOADING[1] * length + THREAD * threads)
                session, result = _session(body, threads), b""
            else:
                x = np.frombuffer(body, "<f4").reshape(shape)
                _limit_memory(pages, DRAWING[0] + DRAWING[1] * (x.size // 3))
                result = _draw(session, x)
            answers.write(HEADER.pack(MAGIC, DONE, len(result), *shape) + result)
        except Exception as error:
            words = _words(error).encode("utf-8", "replace")
            answers.write(HEADER.pack(MAGIC, COMPLAINT, len(words), 0, 0, 0, 0) + words)
        answers.flush()


def _session(data: bytes, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.use_deterministic_compute = True
    options.add_session_config_entry("session.load_model_format", "ONNX")  # not onnxruntime's own
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _draw(session: Any, x: Any) -> bytes:
    import onnxruntime

    options = onnxruntime.RunOptions()  # what a picture took is given back after it
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    (place,), (output,) = session.get_inputs(), session.get_outputs()
    (drawn,) = session.run([output.name], {place.name: x}, options)
    if drawn.shape != x.shape or drawn.dtype != x.dtype:
        raise ValueError(
            f"it draws {list(drawn.shape)} for {list(x.shape)}; a style keeps the size"
        )
    return drawn.tobytes()


def _words(error: Exception) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) or "alloc" in text:
        return "it takes more memory than a picture needs"
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    text = re.sub(r"\S+\.(cc|h):\d+ .*?\) ", "", text)  # where in its source it stopped
    return text or type(error).__name__


def _open_pages() -> BinaryIO | None:
    """Where Linux tells how much memory this process has; to be read when no file opens."""
    with contextlib.suppress(OSError):
        return open("/proc/self/statm", "rb", buffering=0)
    return None


def _forbid_files() -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_NOFILE):
            resource.setrlimit(limit, (0, 0))


def _limit_memory(pages: BinaryIO | None, more: int) -> None:
    """more: bytes beyond what this process has now."""
    if pages is None:
        return
    import resource

    pages.seek(0)
    taken = int(pages.read(100).split()[0]) * resource.getpagesize()
    highest = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = taken + more if highest == resource.RLIM_INFINITY else min(taken + more, highest)
    resource.setrlimit(resource.RLIMIT_AS, (limit, highest))


if __name__ == "__main__":
    del sys.path[0]  # the modules beside this one are nobody's libraries
    main(int(sys.argv[1]))
