"""The files below a folder: never through a link, in an order that the disk does not decide."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Item:
    """A file below the folder, or what could not be read there."""

    relative: str  # the path below the folder, of any bytes (PEP 383)
    size: int = 0  # bytes
    changed: int = 0  # mtime in ns; with the size it shows whether a file was changed
    problem: str = ""  # why it is not read, or ""

    @property
    def id(self) -> str:
        """The path as text that any file can hold, different for each path."""
        escaped = self.relative.replace("\\", "\\\\").replace(os.sep, "/")
        return escaped.encode("utf-8", "backslashreplace").decode()


def walk(folder: Path) -> Iterator[Item]:
    """List every file, folder by folder, each sorted by name.

    A link, what is not a file, and a folder that cannot be opened come with their problem. The kind
    of a file is found from its bytes (work.passed_over).
    """
    open_folders = [""]
    while open_folders:
        below = open_folders.pop()
        try:
            with os.scandir(os.path.join(folder, below)) as entries:
                found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
        except OSError as error:
            yield Item(below or ".", problem=f"cannot be opened ({error.strerror})")
            continue
        deeper = []
        for entry in found:
            relative = os.path.join(below, entry.name)
            if entry.is_symlink():
                # Whatever it leads to: a picture that lies elsewhere, or a folder above this one.
                yield Item(relative, problem="a link, which is not followed")
            elif entry.is_dir():
                deeper.append(relative)
            else:
                yield _file(entry, relative)
        open_folders += reversed(deeper)


def _file(entry: os.DirEntry[str], relative: str) -> Item:
    try:
        stat = entry.stat(follow_symlinks=False)
    except OSError as error:
        return Item(relative, problem=f"cannot be read ({error.strerror})")
    if not entry.is_file(follow_symlinks=False):
        return Item(relative, problem="no file (a pipe, a socket or a device)")
    return Item(relative, stat.st_size, stat.st_mtime_ns)
