"""A guard that wipes the private folder when its server is gone, even after kill -9.

It is a process of its own that sleeps until the pipe from the server closes, as the system does for
every dead process. Run as a file (it needs nothing of this package): python -I guard.py FOLDER
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

# Seconds. The pipe of a dying server may close long before its lock is let go of: the system takes
# its memory back in between. Whoever holds the lock longer is the next server.
PATIENCE = 600.0
_LOOK_EVERY = 0.2


def start(folder: Path, patience: float = PATIENCE) -> subprocess.Popen:
    """Watch over the folder until the calling process ends."""
    return subprocess.Popen(
        [sys.executable, "-I", __file__, str(folder), str(patience)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in a terminal is for the server; this one outlives it
    )


def stop(guard: subprocess.Popen) -> None:
    """Release the guard once the folder is wiped; it tries again if the folder could not be."""
    assert guard.stdin is not None
    guard.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        guard.wait(10)


def watch(folder: Path, patience: float) -> None:
    """Sleep until standard input ends, then wipe the folder, unless the next server has it."""
    from filelock import FileLock, Timeout

    sys.stdin.buffer.read()
    lock = FileLock(folder.with_suffix(".lock"), timeout=0, mode=0o600, fallback_to_soft=False)
    end = time.monotonic() + patience
    while folder.exists() and not folder.is_symlink():
        try:
            with lock:
                if not Path(lock.lock_file).exists():  # its last holder deleted it: ask again
                    continue
                shutil.rmtree(folder, ignore_errors=True)
                Path(lock.lock_file).unlink(missing_ok=True)
        except (Timeout, OSError):
            pass  # still dying, or the next server, whose start has wiped the folder
        if time.monotonic() > end:
            return
        time.sleep(_LOOK_EVERY)


if __name__ == "__main__":
    watch(Path(sys.argv[1]), float(sys.argv[2]))
