"""The options of whole photos: new faces in them, and the crop of each face."""

from __future__ import annotations

from dataclasses import dataclass

from ._field import MAX_FACES, MAX_SEED, Options, option
from .generate import HOW_DIFFERENT, label_option

RESTS = ("cover", "keep")


def _faces(help: str, flag: str | None = "") -> tuple[int, ...]:
    numbers: tuple[int, ...] = option((), 1, MAX_FACES, help, flag=flag, metavar="K,K")
    return numbers


@dataclass(frozen=True)
class AnonymiseOptions(Options):
    """New faces in a whole photo.

    keep: these stay, whether or not they could be replaced. keep_exif: see output/photo_file.py.
    consistent: strength and seed then apply to those who are in the photos once.
    """

    faces: tuple[int, ...] = _faces(
        "only these faces, as numbers from 1 with commas, the largest first; else all"
    )
    strength: float = option(1.0, 0.1, 1.0, HOW_DIFFERENT, "How different?")
    seed: int = option(0, 0, MAX_SEED, "the same seed gives the same people")
    steps: int = option(
        16,
        0,
        2000,
        "refinement steps of each face's inversion, below strength 1",
        "Refinement steps",
    )
    keep_exif: bool = option(
        False, help="facts of the camera stay: exposure, lens, time; no place, names or thumbnails"
    )
    label: bool = label_option()
    consistent: bool = option(
        False,
        help="who is in the photos more than once has the same new face in all of them",
    )
    cover: tuple[int, ...] = _faces("cover these in place of replacing them")
    keep: tuple[int, ...] = _faces("these stay as they are", None)
    rest: str = option(
        RESTS[0],
        help="what becomes of faces that cannot be replaced; with keep the exit code is 3 if "
        "there are any",
        choices=RESTS,
    )
    aligned: bool = option(False, help="the photos are aligned crops of one face")


@dataclass(frozen=True)
class AlignOptions(Options):
    """The crop of each face."""

    size: int = option(256, 16, 4096, "pixels of a crop")
