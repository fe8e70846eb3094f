"""The photos of a command: as many as its job takes, read and handed on."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from ..jobs.job import Job, Source
from ..options import face_index
from .flags import decode
from .progress import say


def add(parser: argparse.ArgumentParser, job: Job, words: str) -> None:
    """Add a job's photos, and which face of each, where it takes one of it."""
    most = job.photos[-1]
    if most == 1:
        wanted = None if job.photos[0] else "?"  # or may be left out
        parser.add_argument("photo", metavar="PHOTO", nargs=wanted, help=words)
        if job.model:
            parser.add_argument("--face", type=int, default=1, metavar="K", help="1 is the largest")
    elif most == 2:
        parser.add_argument(
            "photos", nargs="+", metavar="PHOTO", help=f"{words}, A, and another, B"
        )
        for name in ("a", "b"):
            parser.add_argument(
                f"--face-{name}",
                type=int,
                default=1,
                metavar="K",
                help=f"which face of {name.upper()}; 1 is the largest",
            )
    elif most:
        parser.add_argument("photos", nargs="+", metavar="PHOTO", help=f"{words}, or several")


def first(arguments: argparse.Namespace) -> str | None:
    """Return the first photo's path; None without a photo."""
    paths: list[str | None] = [getattr(arguments, "photo", None), *getattr(arguments, "photos", [])]
    return next(filter(None, paths), None)


def read_all(arguments: argparse.Namespace, job: Job) -> list[Source]:
    """Read a command's photos. Raises OptionError and ImageError."""
    paths = getattr(arguments, "photos", [])
    if hasattr(arguments, "photo"):
        paths = [arguments.photo] if arguments.photo else []
    job.check_photos(len(paths))
    flags = ("face",) if hasattr(arguments, "face") else ("face_a", "face_b")
    faces = [_index(f"--{flag.replace('_', '-')}", getattr(arguments, flag, 1)) for flag in flags]
    if not job.model:
        from .. import images

        return [Source(decode(path, images.read_file(path))) for path in paths]
    return [replace(read(path), face=face) for path, face in zip(paths, faces, strict=False)]


def _index(flag: str, number: int) -> int:
    if number == 0:
        say(f"{flag} is 0; faces are counted from 1, and this is taken as 1, the largest")
    return face_index(number, flag)


def read(path: str) -> Source:
    """Read a photo; report its marks of origin. Raises ImageError."""
    import hashlib

    from .. import images

    data = images.read_file(path)
    pixels: Any = decode(path, data)
    if (frames := images.frames(data)) > 1:
        say(f"{path} has {frames} frames; the first one is taken")

    from ..output import check, provenance  # after the photo: it takes long to import

    if marks := check.marks_entry(data, pixels):
        say(check.marks_in_words(marks))
    sha256, facts = hashlib.sha256(data).hexdigest(), provenance.facts_in(data)
    return Source(pixels, sha256, marks, facts, data=data)
