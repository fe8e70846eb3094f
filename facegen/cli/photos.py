"""The photos that a command is given: read, told of, and handed on."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from typing import Any

from ..errors import OptionError
from ..options import check_face
from .flags import decode, say, show


@dataclass(frozen=True)
class Photo:
    """A file that was read. pixels: uint8 [H, W, 3]. marks: of origin, see check.marks_entry."""

    pixels: Any
    sha256: str
    marks: dict | None
    data: bytes = field(repr=False)

    def source(self, face: int = 0):
        """What a job begins with, as jobs.source.Source."""
        from ..jobs.source import Source  # after the photos: it takes long to import
        from ..output.provenance import facts_in

        return Source(self.pixels, self.sha256, self.marks, facts_in(self.data), face)


def read(path: str) -> Photo:
    """Read a photo; marks of origin on it are told. Raises ImageError."""
    import hashlib

    from .. import images

    data = images.read_file(path)
    pixels = decode(path, data)
    if (frames := images.frames(data)) > 1:
        say(f"{path} has {frames} frames; the first one is taken")

    from ..output import check  # after the photo: it takes long to import

    if marks := check.marks_entry(data, pixels):
        say(check.marks_in_words(marks))
    return Photo(pixels, hashlib.sha256(data).hexdigest(), marks, data)


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


def load_sources(arguments: argparse.Namespace):
    """Both photos as jobs.source.Source."""
    faces = (arguments.face_a, arguments.face_b)
    for name, face in zip("ab", faces, strict=True):
        check_face(face, f"--face-{name}")
    photos = [read(path) for path in arguments.photos]
    return [photo.source(face) for photo, face in zip(photos, faces, strict=True)]


def tell(bar, event) -> None:
    """How far the search for both faces has come."""
    from ..jobs.parents import Feeling, Searching
    from ..types import Loading

    if isinstance(event, Loading):
        show(bar, "loading", event.done, event.of, event.what)
    elif isinstance(event, Searching):
        words = f"distance {event.distance:.3f}"
        done = event.face * event.steps + event.step
        show(bar, "refining both faces", done, 2 * event.steps, words)
    elif isinstance(event, Feeling):
        show(bar, "measuring the regions, once: per cent", round(100 * event.share), 100)
