"""Read the photos in a ZIP archive that somebody sent.

What makes an archive hostile is seen to by sources.py. What cannot be read ends in a row
of its own, never the run.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ..errors import DataError, ImageError
from ..types import Unread
from .sources import Archive, Entry

MAX_PHOTOS = 50
MAX_LIST = 2**18  # bytes of the ZIP's list of files: fifty long names, and what hides beside them


def photos_of(path: Path) -> list[tuple[str, Unread]]:
    """List (its name in the archive, the photo) in the order of the names.

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
