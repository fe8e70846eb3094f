"""Files and folders: written whole or not at all, under names of any bytes; the user's cache."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from .errors import OutputError


def cache_folder() -> Path:
    """Return the project's folder in the user's cache, for reproducible files; it may be missing.

    Raises RuntimeError for users without a home."""
    folder = platformdirs.user_cache_path("facegen", appauthor=False)
    if not folder.is_absolute():
        raise RuntimeError(f"{folder} is not a place for a cache: this user has no home")
    return folder


def config_folder() -> Path:
    """Return the project's folder for the user's own, irreplaceable files; it may be missing.

    Raises RuntimeError for users without a home."""
    folder = platformdirs.user_config_path("facegen", appauthor=False)
    if not folder.is_absolute():
        raise RuntimeError(f"{folder} is not a place for settings: this user has no home")
    return folder


def writable(name: str) -> str:
    """Convert a name to text that any file can hold; bytes that are not UTF-8 become escapes.

    Python keeps such bytes of a name as lone surrogates (PEP 383), which no encoder takes."""
    return name.encode("utf-8", "backslashreplace").decode()


def make_folder(path: Path) -> None:
    """Make a folder and its parents. Raises OutputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OutputError(f"{path} is there and is not a folder; name another one") from error
    except OSError as error:
        raise OutputError(f"cannot make {path} ({error.strerror}); {remedy(error)}") from error


def write_file(path: str | Path, data: bytes) -> None:
    """Write a file atomically. Raises OutputError."""
    with replacing(path) as part:
        part.write_bytes(data)


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary name for a file; it is renamed at the end, or deleted after an error.

    Turns an OSError into OutputError."""
    path = Path(path)
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        raise OutputError(f"cannot write {path} ({error.strerror}); {remedy(error)}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def remedy(error: OSError) -> str:
    """Say what to do where something could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full: free some space or choose another folder"
    if error.errno == errno.ENAMETOOLONG:
        return "the name is too long for this disk: choose a shorter one"
    if error.errno == errno.ENOENT:
        return "the folder does not exist: create it or choose another one"
    if error.errno == errno.ENOTDIR:
        return "a part of it is a file: name another folder"
    return "choose a folder that you may write to"
