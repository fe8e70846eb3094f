"""The one folder that visitors' pictures ever lie in, and how they leave it again.

Gradio keeps uploads and results as files and forgets to delete most of them. Here everything
it writes goes into a folder of this server's own, which is wiped at start, when the server
ends, and file by file KEEP_SECONDS after each was written.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from ..errors import OutputError

KEEP_SECONDS = 1800
SWEEP_SECONDS = 300
_VARIABLE = "GRADIO_TEMP_DIR"  # read by Gradio, some of it at import: set before that


@contextlib.contextmanager
def folder(port: int) -> Iterator[Path]:
    """An empty folder for the server on that port, only its user can read. Raises OutputError.

    Named by the port, because two servers cannot have the same: a start wipes what a killed
    server left behind, and never what a living one needs.
    """
    above = Path(os.environ.get(_VARIABLE) or tempfile.gettempdir())
    path = above.resolve() / f"facegen-{_user()}-{port}"
    try:
        _wipe(path)
        path.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise OutputError(
            f"the folder {path} cannot be made empty ({error.strerror}); delete it, or set "
            f"{_VARIABLE} to another place"
        ) from error
    os.environ[_VARIABLE] = str(path)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _wipe(path: Path) -> None:
    if path.is_symlink():  # somebody else's trick in a shared folder: never follow it
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "user"


# --- one folder a run --------------------------------------------------------------------


def new_run() -> Path:
    """An empty folder that nobody can guess the name of."""
    path = Path(os.environ[_VARIABLE]) / "runs" / secrets.token_urlsafe(16)
    path.mkdir(parents=True)
    return path


def discard(run: Path | None) -> None:
    if run is not None:
        shutil.rmtree(run, ignore_errors=True)


# --- the sweep ---------------------------------------------------------------------------


def keep_swept(path: Path) -> None:
    """From now on, delete each file KEEP_SECONDS after it was written.

    What lies there now, the example faces, stays.
    """
    keep = {file for file in path.rglob("*") if file.is_file()}

    def sweep_for_ever():
        while True:
            time.sleep(SWEEP_SECONDS)
            sweep(path, keep, time.time() - KEEP_SECONDS)

    threading.Thread(target=sweep_for_ever, daemon=True, name="sweep").start()


def sweep(path: Path, keep: set[Path], before: float) -> None:
    """Delete the files in `path` that are older than `before`, and then the empty folders."""
    for file in sorted(path.rglob("*"), reverse=True):  # what lies in a folder before the folder
        with contextlib.suppress(OSError):  # gone already, or just being written
            # The change time: copying keeps the modification time of the original.
            if file.lstat().st_ctime >= before or file in keep:
                continue
            if file.is_dir() and not file.is_symlink():
                file.rmdir()
            else:
                file.unlink()
