"""A run's results folder: all of its files arrive, or none."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import filelock

from .. import process
from ..errors import ImageError, OutputError, counted
from ..files import remedy, replacing
from .manifest import MANIFEST

STAGING = ".facegen-"  # prefix of the folder in which a run's files wait until all are there
LOCK = f"{STAGING}lock"  # a file that one run at a time holds


def check_file(path: Path) -> None:
    """Raise OutputError if no file can be written there; checked before work that takes hours."""
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a file")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path.parent} is not a folder that can be written to; make it first")


def zip_folder(
    folder: Path,
    path: Path,
    patterns: Sequence[str] = ("*.png", "*.webp", MANIFEST),
    changed: Mapping[str, bytes | None] | None = None,
) -> Path:
    """Zip the files of a run that match the patterns, uncompressed (PNG is compressed).

    changed: name -> other bytes for a file, or None to leave it out. All of it or nothing, also
    where two of these write it at once. Raises OutputError."""
    with (
        replacing(path) as part,
        zipfile.ZipFile(part, "x", zipfile.ZIP_STORED) as archive,
    ):
        for file in sorted(file for pattern in patterns for file in folder.glob(pattern)):
            content = (changed or {}).get(file.name, b"")
            if content:
                archive.writestr(file.name, content)
            elif content is not None:
                archive.write(file, file.name)
    return path


def check_empty(out: Path, overwrite: bool = False) -> None:
    """Raise OutputError if the folder `out` holds anything, unless it may be overwritten."""
    if overwrite or not out.is_dir():
        return
    there = sum(1 for entry in out.iterdir() if not entry.name.startswith(STAGING))
    if there:
        raise OutputError(
            f"{out} is not empty ({counted(there, 'item')}), and a run never replaces another's "
            "files unasked; name a new folder, or add --overwrite"
        )


@contextlib.contextmanager
def finished_only(
    out: Path,
    photo: str | None = None,
    pictures: Sequence[str] = (),
    overwrite: bool = False,
) -> Iterator[Path]:
    """Yield a folder whose files move into `out` at the end: all of them, or none after an error.

    A folder with something in it is refused unless `overwrite`. Then files of an earlier run of the
    same kind in `out` are replaced: by a run with a manifest, those the earlier manifest names; by
    one without, those pictures of this project that match `pictures` (patterns). All else stays.
    photo: the input, which is never overwritten. Leftovers of a killed run are deleted, as they
    contain a crop of a photo. Raises OutputError, before the work begins where files cannot be
    written to `out`, or another run is working in it."""
    check_empty(out, overwrite)
    made: list[Path] = []
    try:
        _make(out, made)
        with _alone(out):
            staging = _begin(out)
            try:
                yield staging
                check_empty(out, overwrite)  # another process may have written there
                _move(staging, out, photo, pictures)
            finally:
                with process.undisturbed():
                    shutil.rmtree(staging, ignore_errors=True)
    except BaseException:
        for folder in reversed(made):
            with contextlib.suppress(OSError):  # somebody else has put something there
                folder.rmdir()
        raise


def _make(out: Path, made: list[Path]) -> None:
    """Make the folder; adds to `made` what was missing, the outermost first."""
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file; name a folder for the results")
    if out.is_symlink() and not out.exists():
        raise OutputError(f"{out} is a link that leads nowhere; name a folder for the results")
    try:
        for folder in [parent for parent in (out, *out.parents) if not parent.exists()][::-1]:
            folder.mkdir()
            made.append(folder)
    except OSError as error:
        raise OutputError(f"cannot make {out} ({error.strerror}); {remedy(error)}") from error


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Lock the folder for one run, as far as its disk supports locks. Raises OutputError."""
    path = out / LOCK
    lock = filelock.FileLock(path, timeout=0, fallback_to_soft=False, thread_local=False)
    try:
        lock.acquire()
        if not path.exists():  # its last holder deleted it under our hands
            lock.release()
            raise filelock.Timeout(str(path))
    except filelock.Timeout as error:
        raise OutputError(
            f"another run is at work in {out}; wait until it has ended, or name another folder"
        ) from error
    except (OSError, NotImplementedError) as error:
        if getattr(error, "errno", None) in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC):
            raise _nothing_into(out, error) from error
    if not lock.is_locked:  # a disk without locks
        yield
        return
    try:
        for left in out.glob(f"{STAGING}*"):  # of a run that was killed: all others hold the lock
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        if os.name != "nt":  # while it is held: afterwards it may be somebody else's
            with contextlib.suppress(OSError):
                path.unlink()
        lock.release()


def _begin(out: Path) -> Path:
    """Make the staging folder within `out`."""
    try:
        return Path(tempfile.mkdtemp(prefix=STAGING, dir=out))
    except OSError as error:
        raise _nothing_into(out, error) from error


def _nothing_into(out: Path, error: Exception) -> OutputError:
    reason = getattr(error, "strerror", None) or str(error)
    return OutputError(
        f"nothing can be written into {out} ({reason}); name a folder that you may write to"
    )


def _move(staging: Path, out: Path, photo: str | None, pictures: Sequence[str]) -> None:
    """Move all files of staging into out, the manifest last, or put everything back."""
    files = sorted(staging.iterdir(), key=lambda file: (file.name == MANIFEST, file.name))
    targets = [out / file.name for file in files]
    for target in targets:
        if target.is_dir():
            raise OutputError(f"{target} is a folder; remove it or name another folder")
        if photo and target.exists() and os.path.samefile(target, photo):
            raise OutputError(f"{target} is the photo itself; name another folder")
    aside = staging / "old"
    moved: list[tuple[Path, Path]] = []
    try:
        aside.mkdir()
        earlier = _named(out) if targets[-1:] == [out / MANIFEST] else _alike(out, pictures)
        if photo:
            earlier = {path for path in earlier if not os.path.samefile(path, photo)}
        for old in {*earlier, *(t for t in targets if t.exists())}:
            moved.append((old, aside / old.name))
            os.replace(old, aside / old.name)
        for file, target in zip(files, targets, strict=True):
            moved.append((file, target))
            os.replace(file, target)
    except BaseException as error:
        with process.undisturbed():
            for source, target in reversed(moved):
                with contextlib.suppress(OSError):
                    os.replace(target, source)
        if isinstance(error, OSError):
            raise OutputError(
                f"{out} cannot be written ({error.strerror}); {_remedy(error)}"
            ) from error
        raise


def _remedy(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM, errno.EBUSY):
        return "close what has its files open, or name another folder"
    return remedy(error)


def _named(out: Path) -> set[Path]:
    """List the files of the previous run in this folder, as far as its manifest names them."""
    try:
        told = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        entries = told["photos"] if "photos" in told else told["variants"]
        kinds = ("file", "anime_file", "overlay_file")
        names = [entry.get(key) for entry in entries for key in kinds]
        paths = {out / name for name in names if name and Path(name).name == name}
        return {path for path in paths if path.is_file()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()


def _alike(out: Path, pictures: Sequence[str]) -> set[Path]:
    """List pictures in this folder that match the patterns and were written by this project."""
    from . import provenance  # which needs what takes long to import

    found = set()
    for path in (found for pattern in pictures for found in out.glob(pattern)):
        with contextlib.suppress(ImageError, OSError):
            if str(provenance.read(path).get("software", "")).startswith(provenance.NAME):
                found.add(path)
    return found
