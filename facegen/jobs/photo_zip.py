"""The photos in a ZIP archive that somebody sent. Nothing is unpacked to the disk.

An archive is hostile until shown otherwise: how much it holds is asked before a byte of it is
decompressed, names lead nowhere since no file is called by them, and what cannot be read ends
in a row of its own (photo_set.py), never the run.
"""

from __future__ import annotations

import stat
import zipfile
from functools import partial
from pathlib import Path, PurePosixPath

from .. import images
from ..errors import ImageError
from .photo_set import SetPhoto

MAX_PHOTOS = 50
MAX_UNPACKED = 200 * 2**20  # bytes, of all photos together
MAX_PARTS = 2_000  # of an archive, folders and all
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_FAILURES = (OSError, ValueError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile)
# What the systems that pack add of their own.
_NOT_MEANT = ("__MACOSX", "Thumbs.db", "desktop.ini")


def photos_of(path: Path) -> list[tuple[str, SetPhoto]]:
    """(its name in the archive, the photo) in the order of the names; folders, hidden files and
    what systems add are left out. New files are called photo-01 and so on.

    Raises ImageError for what is no ZIP, has no files, more than MAX_PHOTOS, or unpacks to more
    than MAX_UNPACKED. A part that is encrypted, a link or damaged raises it when it is read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            listed = archive.infolist()
    except _FAILURES as error:
        raise ImageError("the file is no ZIP archive, or is damaged; pack it again") from error
    if len(listed) > MAX_PARTS:
        raise ImageError(f"the ZIP has {len(listed):,} parts, the limit is {MAX_PARTS:,}")
    parts = sorted((part for part in listed if _meant(part)), key=lambda part: part.filename)
    if not parts:
        raise ImageError("the ZIP has no files in it; put photos into it")
    if len(parts) > MAX_PHOTOS:
        raise ImageError(
            f"the ZIP has {len(parts):,} files, the limit is {MAX_PHOTOS}; send it in parts, or "
            "use 'facegen batch'"
        )
    size = sum(part.file_size for part in parts)
    if size > MAX_UNPACKED:
        raise ImageError(
            f"the ZIP unpacks to {size / 2**20:,.0f} MB, the limit is {MAX_UNPACKED // 2**20}; "
            "send it in parts, or use 'facegen batch'"
        )
    return [
        (part.filename, SetPhoto(f"photo-{number:02d}", partial(_read, path, part)))
        for number, part in enumerate(parts, start=1)
    ]


def _meant(part: zipfile.ZipInfo) -> bool:
    names = PurePosixPath(part.filename.replace("\\", "/")).parts
    left_out = any(name in _NOT_MEANT or (name.startswith(".") and name != "..") for name in names)
    return bool(names) and not part.is_dir() and not left_out


def _read(path: Path, part: zipfile.ZipInfo) -> bytes:
    """The bytes of a part. Raises ImageError."""
    if stat.S_ISLNK(part.external_attr >> 16):
        raise ImageError("it is a link in the ZIP; put the photo itself into it")
    if part.flag_bits & _ENCRYPTED:
        raise ImageError("it is encrypted; pack it without a password")
    if part.compress_type not in _COMPRESSIONS:
        raise ImageError("it is compressed in an unusual way; pack it as an ordinary ZIP")
    try:
        with zipfile.ZipFile(path) as archive, archive.open(part) as opened:
            return images.read_file(opened)
    except ImageError:
        raise
    except _FAILURES as error:
        raise ImageError("it is damaged in the ZIP; pack it again") from error
    except Exception as error:  # zlib.error among them: zipfile has no list of what it raises
        raise ImageError("it is damaged in the ZIP; pack it again") from error
