"""The photos that a command is given: read, told of, and handed on."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from ..errors import OptionError
from ..jobs.job import Source
from ..options import check_face
from .flags import decode, say


def read(path: str, face: int = 0) -> Source:
    """Read a photo; marks of origin on it are told. Raises ImageError."""
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
    return Source(pixels, sha256, marks, facts, face, data=data)


def add_face(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--face", type=int, default=0, metavar="K", help="0 is the largest")


# --- two of them, for mix and child ------------------------------------------------------


def add_photos(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "photos", nargs="+", metavar="PHOTO", help="two picture files, A and B, with a face each"
    )
    for name in ("a", "b"):
        parser.add_argument(
            f"--face-{name}",
            type=int,
            default=0,
            metavar="K",
            help=f"which face of {name.upper()}; 0 is the largest",
        )


def check_photos(photos: list[str]) -> None:
    """Raises OptionError unless there are two."""
    if len(photos) != 2:
        raise OptionError(
            f"{len(photos)} photo{'s' * (len(photos) != 1)} given; it takes two faces: name two "
            "photos"
        )


def load_sources(arguments: argparse.Namespace) -> list[Source]:
    """Read both photos."""
    faces = (arguments.face_a, arguments.face_b)
    for name, face in zip("ab", faces, strict=True):
        check_face(face, f"--face-{name}")
    photos = [read(path) for path in arguments.photos]
    return [replace(photo, face=face) for photo, face in zip(photos, faces, strict=True)]
