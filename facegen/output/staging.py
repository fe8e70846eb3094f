"""A run's folder of results: all of its files arrive, or none."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .. import signals
from ..errors import ImageError, OutputError
from ..files import replacing
from .manifest import MANIFEST

STAGING = ".facegen-"  # prefix of the folder in which a run's files wait until all are there


def check_file(path: Path) -> None:
    """Raises OutputError if no file can be written there; asked before work that takes hours."""
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a file")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path.parent} is no folder that can be written to; make it first")


def zip_folder(
    folder: Path,
    path: Path,
    patterns: Sequence[str] = ("*.png", MANIFEST),
    changed: Mapping[str, bytes | None] | None = None,
) -> Path:
    """The files of a run that are named so, in one ZIP, stored as they are (PNG is compressed).

    changed: name -> other bytes for a file, or None to leave it out.

    All of it or nothing, also where two of these write it at once. Raises OutputError.
    """
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
    """Raises OutputError if the folder `out` holds anything, unless it may be overwritten."""
    if overwrite or not out.is_dir():
        return
    there = sum(1 for entry in out.iterdir() if not entry.name.startswith(STAGING))
    if there:
        raise OutputError(
            f"{out} is not empty ({there} entries), and a run never replaces another's files "
            "unasked; name a new folder, or add --overwrite"
        )


@contextlib.contextmanager
def finished_only(
    out: Path,
    photo: str | None = None,
    pictures: Sequence[str] = (),
    overwrite: bool = False,
) -> Iterator[Path]:
    """A folder whose files move into `out` at the end: all of them, or none after an error.

    A folder with something in it is refused unless `overwrite`. Then what an earlier run of the
    same kind left in `out` gives way: to a run with a manifest, what the earlier one's manifest
    names; to one without, those pictures of this project that are named like its own (`pictures`,
    patterns). All else stays. photo: the input, which is never overwritten. Raises OutputError,
    before the work begins where `out` is no place for files.
    """
    check_empty(out, overwrite)
    made: list[Path] = []
    try:
        staging = _begin(out, made)
        try:
            yield staging
            _move(staging, out, photo, pictures)
        finally:
            with signals.undisturbed():
                shutil.rmtree(staging, ignore_errors=True)
    except BaseException:
        for folder in reversed(made):
            with contextlib.suppress(OSError):  # somebody else has put something there
                folder.rmdir()
        raise


def _begin(out: Path, made: list[Path]) -> Path:
    """The staging folder within `out`; adds to `made` what was missing, the outermost first."""
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file; name a folder for the results")
    if out.is_symlink() and not out.exists():
        raise OutputError(f"{out} is a link that leads nowhere; name a folder for the results")
    try:
        for folder in [parent for parent in (out, *out.parents) if not parent.exists()][::-1]:
            folder.mkdir()
            made.append(folder)
        return Path(tempfile.mkdtemp(prefix=STAGING, dir=out))
    except OSError as error:
        what = "nothing can be written into" if out.is_dir() else "cannot make"
        raise OutputError(
            f"{what} {out} ({error.strerror}); name a folder that you may write to"
        ) from error


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
        with signals.undisturbed():
            for source, target in reversed(moved):
                with contextlib.suppress(OSError):
                    os.replace(target, source)
        if isinstance(error, OSError):
            raise OutputError(
                f"{out} cannot be written ({error.strerror}); close what has its files open, "
                "free some space, or name another folder"
            ) from error
        raise


def _named(out: Path) -> set[Path]:
    """The files of the run before in this folder, as far as its manifest names them."""
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
    """Pictures in this folder that are named so and say that this project wrote them."""
    from . import provenance  # which needs what takes long to import

    found = set()
    for path in (found for pattern in pictures for found in out.glob(pattern)):
        with contextlib.suppress(ImageError, OSError):
            if str(provenance.read(path).get("software", "")).startswith(provenance.NAME):
                found.add(path)
    return found
