"""The sources of an evaluation: photos in a folder, or crops that are aligned already."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import images
from ..errors import DataError
from ..face import detect
from ..files import writable
from ..latent.codes import seeds
from ..studio import Studio
from ..types import AlignedFace


def references(folder: Path, first: int | None = None, last: int | None = None) -> list[Path]:
    """List the picture files of a folder, by name; those numbered first to last where told.

    Raises DataError if there is none."""
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; name one with reference photos")
    paths = sorted(
        p for p in folder.iterdir() if p.suffix.lower() in images.SUFFIXES and p.is_file()
    )
    numbered = ""
    if first is not None or last is not None:
        low, high = first or 0, math.inf if last is None else last
        paths = [p for p in paths if p.stem.isdecimal() and low <= int(p.stem) <= high]
        numbered = f" numbered {low} to {'the last' if last is None else last}"
    if not paths:
        raise DataError(
            f"{folder} holds no pictures{numbered}; put some there: {', '.join(images.SUFFIXES)}"
        )
    return paths


def id_of(path: Path) -> str:
    """Return the id of a source's file: its name without the suffix."""
    return writable(path.stem)


def check_ids(paths: Sequence[Path]) -> None:
    """Raise DataError for two sources that would share their files."""
    seen: dict[str, Path] = {}
    for path in paths:
        other = seen.setdefault(id_of(path), path)
        if other is not path:
            raise DataError(
                f"{writable(other.name)} and {writable(path.name)} differ in their suffix alone; "
                "rename one"
            )


def seed_of(source: str, seed: int) -> int:
    """Derive a seed of the source's own, independent of the other sources."""
    digest = hashlib.sha256(source.encode("utf-8", "surrogateescape")).digest()
    return seeds(seed + int.from_bytes(digest[:3], "big"), 1)[0]


def aligned_face(studio: Studio, pixels: np.ndarray, aligned: bool) -> AlignedFace:
    """Align a source's face; aligned: it is an FFHQ crop already. Raises NoFaceError."""
    if not aligned:
        return studio.align(pixels)
    crop = images.resize(pixels, studio.resolution)
    if studio.detector.landmarks_of_crop(crop) is None:
        detect.pick([], 0)
    return AlignedFace(crop, quad=None)
