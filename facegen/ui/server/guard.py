"""Wipes the private folder when the server that made it is gone: after kill -9, too.

A process of its own that sleeps until the pipe from the server closes, as the system does for every
dead process. Run as a file (it needs nothing of this package): python -I guard.py FOLDER
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path


def start(folder: Path) -> subprocess.Popen:
    """Watch over the folder until the process that calls this ends."""
    return subprocess.Popen(
        [sys.executable, "-I", __file__, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in a terminal is for the server; this one outlives it
    )


def stop(guard: subprocess.Popen) -> None:
    """The folder is wiped already."""
    assert guard.stdin is not None
    guard.stdin.close()
    guard.wait(10)


def watch(folder: Path) -> None:
    """Sleep until standard input ends, then wipe the folder, unless the next server has it."""
    from filelock import FileLock, Timeout

    sys.stdin.buffer.read()
    if not folder.exists():
        return
    lock = FileLock(folder.with_suffix(".lock"), timeout=0, mode=0o600, fallback_to_soft=False)
    try:
        with lock:
            if not folder.is_symlink():
                shutil.rmtree(folder, ignore_errors=True)
            Path(lock.lock_file).unlink(missing_ok=True)
    except (Timeout, OSError):
        pass  # its start has wiped the folder


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
