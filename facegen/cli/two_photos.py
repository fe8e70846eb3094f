"""What `mix` and `child` share: two photos of a face each."""

from __future__ import annotations

import argparse

from ..errors import OptionError
from .flags import decode, say, show


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
    """Both photos as jobs.parents.Source."""
    faces = (arguments.face_a, arguments.face_b)
    for name, face in zip("ab", faces, strict=True):
        if face < 0:
            raise OptionError(f"--face-{name} is {face}; 0 is the largest, 1 the second largest")
    import hashlib

    from .. import images

    data = [images.read_file(photo) for photo in arguments.photos]
    pixels = [decode(photo, one) for photo, one in zip(arguments.photos, data, strict=True)]

    from ..jobs.parents import Source
    from ..output import check

    sources = []
    for one, shown, face in zip(data, pixels, faces, strict=True):
        if marks := check.marks_entry(one, shown):
            say(check.marks_in_words(marks))
        sources.append(Source(shown, hashlib.sha256(one).hexdigest(), marks, face))
    return sources


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
