"""One file: decoded, its faces found and aligned, written to the work folder under its hash.

WORK/HASH.json           what was found; written last, so whatever it names is there
WORK/HASH-FACE.png       the picture of one face
WORK/HASH-FACE-KIND.png  the same, augmented
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from .. import images
from ..errors import ImageError
from ..face import align, detect, landmarks
from ..files import write_file
from .augment import augment
from .duplicates import perceptual_hash, to_hex
from .options import PrepareOptions
from .sources import UNREADABLE, Entry, open_source

NO_FACE, TOO_SMALL, NOT_LARGEST = "no face", "face too small", "not the largest face"


@lru_cache(1)
def _source(path: str) -> Any:
    return open_source(path)


@lru_cache(1)
def _detector() -> detect.Detector:
    return detect.Detector()


def examine(options: PrepareOptions, work: Path, entry: Entry) -> tuple[str | None, str]:
    """(the file's sha256, "") once its record is in the work folder, or (None, what is wrong)."""
    try:
        data = _source(options.source).read(entry)
    except ImageError as error:
        return None, str(error)
    sha256 = hashlib.sha256(data).hexdigest()
    record = work / f"{sha256}.json"
    if not record.exists():
        found = _look(options, work, sha256, data)
        write_file(record, json.dumps(found).encode())
    return sha256, ""


def _look(options: PrepareOptions, work: Path, sha256: str, data: bytes) -> dict:
    """The record: width, height, pictures [{face, side, hash}], left_out [(face, reason, detail)].

    face is None where nobody looked for one. side: of the crop in the source's pixels.
    """
    try:
        pixels = images.load(data)
    except ImageError as error:
        return {"left_out": [(None, UNREADABLE, str(error))], "pictures": []}
    height, width = pixels.shape[:2]
    record: dict[str, Any] = {
        "width": width,
        "height": height,
        "faces_found": None,
        "pictures": [],
        "left_out": [],
    }
    if options.align:
        found = _faces(options, pixels, record)
    else:
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = np.ascontiguousarray(pixels[top : top + side, left : left + side])
        found = [(None, float(side), images.resize(square, options.size))]
        if side * options.enlarge < options.size:
            found = []
            record["left_out"].append((None, "too small", _too_small(options, side)))
    for face, side, picture in found:
        stem = f"{sha256}-{face or 0}"
        write_file(work / f"{stem}.png", images.encode_png(picture))
        for kind in options.augment:
            more = augment(picture, kind, options.seed)
            write_file(work / f"{stem}-{kind}.png", images.encode_png(more))
        bits = to_hex(perceptual_hash(picture))
        record["pictures"].append({"face": face, "side": round(side, 1), "hash": bits})
    return record


def _faces(options: PrepareOptions, pixels: np.ndarray, record: dict) -> Any:
    """(index, side of the crop, aligned picture) of each face that is wanted and large enough."""
    faces = _detector().detect(pixels, detect.MIN_FACE)
    record["faces_found"] = len(faces)
    left_out = record["left_out"]
    if not faces:
        left_out.append((None, NO_FACE, "no whole face was found"))
    for index, face in enumerate(faces):
        if index and options.faces == "largest":
            left_out.append((index, NOT_LARGEST, "take every face with --faces all"))
            continue
        high = landmarks.eyes_to_chin(face.landmarks)
        if high < detect.MIN_FACE:
            detail = f"{high:.0f} pixels from the eyes to the chin, {detect.MIN_FACE} are needed"
            left_out.append((index, TOO_SMALL, detail))
            continue
        quad = align.ffhq_quad(face.landmarks)
        side = float(np.linalg.norm(quad[3] - quad[0]))
        if side * options.enlarge < options.size:
            left_out.append((index, TOO_SMALL, _too_small(options, side)))
            continue
        yield index, side, align.crop(pixels, quad, options.size)


def _too_small(options: PrepareOptions, side: float) -> str:
    return (
        f"{side:.0f} pixels would be enlarged {options.size / side:.1f} times, "
        f"the limit is {options.enlarge:g}"
    )
