"""Settings of the process, and the signals that end it, which unwind the stack as Ctrl-C does.

The command line and the page call `settle` and `end_like_interrupted`; the library never does: its
importers have a process of their own.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import platform
import signal
import threading
from collections.abc import Iterator

KEEP_BYTES = 256 << 20  # of freed memory that the process may hold on to
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)
_ENDING = ("SIGTERM", "SIGHUP")  # how containers end, how a closing terminal ends what runs in it


def settle() -> None:
    """Keep freed memory for reuse. What the user has set stays."""
    if not any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Stop glibc from returning large blocks at once, which the kernel then clears again.

    That is half the time of a network that makes and drops activations of 67 MB."""
    if libc := _glibc():
        libc.mallopt(_MMAP_THRESHOLD, KEEP_BYTES // 2)
        libc.mallopt(_TRIM_THRESHOLD, KEEP_BYTES)


def give_memory_back() -> None:
    """Return freed memory to the system.

    Each thread of a server keeps its own: after some hundred visitors they keep gigabytes."""
    if libc := _glibc():
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None


def end_like_interrupted() -> None:
    """Let these signals raise KeyboardInterrupt. Ignored ones, as under nohup, stay ignored."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        for number in ending():
            signal.signal(number, interrupt)


def ending() -> list[signal.Signals]:
    """List the signals that end a program here, without those that are ignored."""
    return [sig for sig in _present(_ENDING) if signal.getsignal(sig) is not signal.SIG_IGN]


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Block these signals and Ctrl-C during a cleanup.

    A terminal that closes sends its signal twice."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    for number in _present((*_ENDING, "SIGINT")):
        before[number] = signal.signal(number, signal.SIG_IGN) or signal.SIG_DFL
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_with_parent() -> None:
    """Leave Ctrl-C to this worker's parent, and end with it: killed, it cannot say so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if (parent := multiprocessing.parent_process()) is None:
        return

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _present(names: tuple[str, ...]) -> list[signal.Signals]:
    """Return the signals that this system has."""
    return [getattr(signal, name) for name in names if hasattr(signal, name)]
