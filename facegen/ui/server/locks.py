"""A file that one process at a time holds; whoever dies lets go of it, however it died."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt


def hold(path: Path) -> int | None:
    """Make the file and hold it; None if somebody else does. Raises OSError."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            if not _lock(lock):
                os.close(lock)
                return None
            if _is_at(lock, path):
                return lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)  # its holder ended just now and took the file along


def release(lock: int, path: Path) -> None:
    """Let go of what `hold` gave, and remove the file."""
    if fcntl:
        with contextlib.suppress(OSError):
            path.unlink()  # while it is held: afterwards it may be somebody else's
        fcntl.flock(lock, fcntl.LOCK_UN)  # closing is not enough where a fork has it open, too
        os.close(lock)
    else:
        os.close(lock)
        with contextlib.suppress(OSError):  # refused while somebody else has it open
            path.unlink()


def _lock(lock: int) -> bool:
    if fcntl:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    else:
        try:
            msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
    return True


def _is_at(lock: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(lock), os.lstat(path))
    except FileNotFoundError:
        return False
