"""Read pictures from a folder or a ZIP, neither of which is trusted.

Nothing of a ZIP is ever unpacked to the disk: its names are only words, so "../x" leads nowhere.
Links are not followed, pipes and devices are not opened, and no more of a file is read than a
picture may have, whatever size it claims.
"""

from __future__ import annotations

import io
import json
import os
import stat
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .. import images
from ..errors import DataError, ImageError
from ..files import writable
from ..images import SUFFIXES
from ..output.manifest import MANIFEST
from ..types import Unread

MAX_FILES = 1_000_000
# All of a ZIP's files together over the ZIP's own size. Pictures hardly shrink; ten thousand
# times as large is a bomb.
MAX_EXPANSION = 200
_LEAST_LIST = 2**17  # bytes: zipfile looks for a ZIP's end in its last 64 kB
LINK, SPECIAL, UNREADABLE = "link", "no regular file", "unreadable"
MAX_PHOTOS = 50
MAX_LIST = 2**18  # bytes of the ZIP's list of files: fifty long names, and what hides beside them
DATASET = "dataset.json"  # describes the pictures; with it the data set is complete
UNFINISHED = ".prepare"  # the folder in it where `prepare` works until then


@dataclass(frozen=True)
class Entry:
    """One file of a source."""

    name: str  # to show, from the source's root on
    key: str | int
    problem: tuple[str, str] | None = None  # reason, detail


class Folder:
    """All files below a folder, sorted by name. Hidden ones do not count."""

    def __init__(self, path: Path):
        self.path = path

    def entries(self) -> list[Entry]:
        entries: list[Entry] = []

        def refused(error: OSError) -> None:
            name = os.path.relpath(error.filename, self.path)
            entries.append(Entry(_shown(name), name, (UNREADABLE, error.strerror or "")))

        for folder, folders, files in os.walk(self.path, onerror=refused):
            folders[:] = sorted(name for name in folders if not hidden(name))
            linked = [n for n in folders if os.path.islink(os.path.join(folder, n))]
            for name in (*(n for n in files if not hidden(n)), *linked):
                entries.append(self._entry(os.path.join(folder, name)))
                _check_count(len(entries))
        return sorted(entries, key=lambda entry: entry.name)

    def _entry(self, path: str) -> Entry:
        key = os.path.relpath(path, self.path)
        return Entry(_shown(key.replace(os.sep, "/")), key, _problem(os.lstat(path).st_mode))

    def read(self, entry: Entry) -> bytes:
        """Read a file. Raises ImageError."""
        return images.read_file(self.path / str(entry.key))


class Archive:
    """All files of a ZIP, sorted by name.

    most_list: bytes that its list of files may have, hidden ones included; each takes 46 and its
    name there, and twenty times as much in memory. None: as many as MAX_FILES.
    """

    def __init__(self, path: Path, most_list: int | None = None):
        self.path = path
        try:
            listed = _Listed(path, most_list)
            self._zip = zipfile.ZipFile(listed)
            listed.most = None
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise DataError(f"{path} cannot be read as a ZIP ({error}); get it again") from error
        self._parts = self._zip.infolist()
        _check_count(len(self._parts))
        self._check_expansion()

    def _check_expansion(self) -> None:
        size = self.path.stat().st_size
        packed = sum(part.compress_size for part in self._parts)
        if packed > size:
            raise DataError(
                f"{self.path} has {size:,} bytes and files that take {packed:,} of them: they "
                "overlap, as in a ZIP bomb; pack the pictures anew"
            )
        whole = sum(part.file_size for part in self._parts)
        if whole > MAX_EXPANSION * size:
            raise DataError(
                f"{self.path} unpacks to {whole / size:,.0f} times its size, the limit is "
                f"{MAX_EXPANSION}: unpack it yourself and name the folder"
            )

    def entries(self) -> list[Entry]:
        entries = []
        for index, part in enumerate(self._parts):
            names = part.filename.split("/")
            if part.is_dir() or any(hidden(name) for name in names if name not in (".", "..")):
                continue
            entries.append(Entry(_shown(part.filename), index, _problem(part.external_attr >> 16)))
        return sorted(entries, key=lambda entry: (entry.name, entry.key))

    def read(self, entry: Entry) -> bytes:
        """Read a file. Raises ImageError."""
        part = self._parts[int(entry.key)]
        try:
            with self._zip.open(part) as file:
                return images.read_file(file)
        except (
            zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError,
            ValueError,
        ) as error:  # fmt: skip
            reason = " ".join(str(error).split())[:120] or type(error).__name__
            raise ImageError(f"it cannot be unpacked ({reason}); pack it anew") from error


class _Listed(io.BufferedReader):
    """A ZIP of which no more than `most` bytes are read at once; zipfile reads its list in one."""

    def __init__(self, path: Path, most: int | None):
        super().__init__(io.FileIO(path))
        self.path, self.most = path, most

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as a file does. Raises DataError."""
        if self.most is not None and size is not None and size > max(self.most, _LEAST_LIST):
            raise DataError(
                f"{self.path} has a list of files of {size / 2**20:.1f} MB, hidden ones included, "
                f"the limit is {self.most / 2**20:.1f}; pack the photos alone, or in parts"
            )
        return super().read(size)


def open_source(path: str | Path) -> Folder | Archive:
    """Open a folder or a ZIP. Raises DataError for anything else."""
    path = Path(path)
    if path.is_dir():
        return Folder(path)
    if path.is_file() and zipfile.is_zipfile(path):
        return Archive(path)
    what = "no folder or ZIP" if path.exists() else "not there"
    raise DataError(f"{path} is {what}; name a folder of pictures or a ZIP of them")


def hidden(name: str) -> bool:
    """Say whether it is what file managers, and our own runs, leave beside pictures."""
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini", MANIFEST)


def _problem(mode: int) -> tuple[str, str] | None:
    """Say what is wrong with a file's mode; 0: of a ZIP packed where files have none."""
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFLNK:
        return LINK, "links are not followed"
    if kind not in (0, stat.S_IFREG):
        return SPECIAL, "a folder, pipe or device"
    return None


def _shown(name: str) -> str:
    """Escape a name so that JSON, CSV and a terminal can carry it, whatever bytes it had."""
    text = writable(name)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _check_count(count: int) -> None:
    if count > MAX_FILES:
        raise DataError(f"the source has more than {MAX_FILES:,} files; prepare it in parts")


def photos_of(path: Path) -> list[tuple[str, Unread]]:
    """List the photos of a ZIP that somebody sent: (name in the archive, the photo), by name.

    Folders and hidden files are left out. New files are called photo-01 and so on. Raises
    ImageError for what is not a ZIP, has no files, or more than MAX_PHOTOS. A part that is
    encrypted, a link or damaged raises it when it is read.
    """
    try:
        entries = Archive(path, MAX_LIST).entries()
    except DataError as error:  # a visitor knows nothing of the server's path
        raise ImageError(str(error).replace(str(path), "the file")) from error
    if not entries:
        raise ImageError("the ZIP has no files in it; put photos into it")
    if len(entries) > MAX_PHOTOS:
        raise ImageError(
            f"the ZIP has {len(entries):,} files, the limit is {MAX_PHOTOS}; send it in parts, or "
            "use 'facegen batch'"
        )
    return [
        (entry.name, Unread(f"photo-{number:02d}", partial(_read, path, entry)))
        for number, entry in enumerate(entries, start=1)
    ]


def _read(path: Path, entry: Entry) -> bytes:
    """Read the bytes of a part, with an archive of its own: workers must not inherit an open one.

    Raises ImageError."""
    if entry.problem:
        reason, detail = entry.problem
        raise ImageError(f"it is a {reason} in the ZIP ({detail}); put the photo itself into it")
    return Archive(path, MAX_LIST).read(entry)


def list_pictures(folders: Sequence[Path | str]) -> list[Path]:
    """List all pictures below the folders, sorted, so that the order never depends on the disk.

    Of a data set the files that its dataset.json names; of other folders all pictures, with or
    without a subfolder for each class as torchvision has them. Raises DataError.
    """
    paths: list[Path] = []
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise DataError(f"{folder} is not a folder; name one that holds aligned face pictures")
        paths += _of_dataset(folder) if (folder / DATASET).is_file() else _below(folder)
    return paths


def _below(folder: Path) -> list[Path]:
    paths = [p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES]
    if any(UNFINISHED in p.relative_to(folder).parts for p in paths):
        raise DataError(
            f"{folder} holds a data set that 'prepare' has not finished; call it again "
            f"with the same options, or delete the folder {UNFINISHED}"
        )
    # what lies beside a dataset.json further down is its contact sheet, no picture of it
    return sorted(p for p in paths if not (p.parent / DATASET).is_file())


def _of_dataset(folder: Path) -> list[Path]:
    """List what a data set's dataset.json names, augmented pictures included, in its order."""
    path = folder / DATASET
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        names = [entry["file"] for entry in (*facts["pictures"], *facts["augmented"])]
        paths = [folder / name for name in names]
        inside = all(p.resolve().is_relative_to(folder.resolve()) for p in paths)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is not a data set's description ({type(error).__name__}); prepare the data "
            "set again, or delete this file to read every picture in the folder"
        ) from error
    if not inside:
        raise DataError(f"{path} names files outside its folder; prepare the data set again")
    return paths


def list_pictures_in(folder: Path) -> list[Path]:
    """List the pictures in a folder itself, by name. Raises DataError if there are none."""
    paths = _directly_in(folder)
    if not paths:
        raise DataError(f"{folder} holds no pictures; put some in or name another folder")
    return paths


def list_pairs(folder: Path) -> list[tuple[Path, Path]]:
    """List photo and drawing of each pair in a folder, by name: NAME-photo and NAME-drawn.

    Each may have any format. Raises DataError for a folder without pairs, or a photo without its
    drawing.
    """
    photos = [path for path in _directly_in(folder) if path.stem.endswith("-photo")]
    if not photos:
        raise DataError(
            f"{folder} holds no pairs; it needs at least two, named NAME-photo.jpg and "
            "NAME-drawn.jpg"
        )
    return [(photo, _drawing_of(photo)) for photo in photos]


def _directly_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; name one that holds pictures")
    return sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES)


def _drawing_of(photo: Path) -> Path:
    name = photo.stem.removesuffix("-photo")
    beside = [photo.with_name(f"{name}-drawn{s}") for s in (photo.suffix, *SUFFIXES)]
    drawing = next((file for file in beside if file.is_file()), None)
    if drawing is None:
        raise DataError(f"{photo.name} has no drawing; put {beside[0].name} beside it")
    return drawing
