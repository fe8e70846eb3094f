"""Signals that end a program: they unwind the stack as Ctrl-C does, so that all is cleaned up."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

_ENDING = ("SIGTERM", "SIGHUP")  # how containers end, how a closing terminal ends what runs in it


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


def _present(names: tuple[str, ...]) -> list[signal.Signals]:
    """Return the signals that this system has."""
    return [getattr(signal, name) for name in names if hasattr(signal, name)]
