"""Who is in a photo, and what becomes of each face: replaced, covered or kept, and why.

Faces are numbered from 1: the whole ones, the largest first, then those that no mesh fits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import NoFaceError, OptionError
from ..face import paste
from ..face.detect import Detector, Glimpse, numbered
from ..face.landmarks import eyes_to_chin
from ..options import AnonymiseOptions
from ..types import Face
from . import consistent
from .bench import Bench

REPLACED, COVERED, KEPT = "replaced", "covered", "kept"
SPARED, AS_ASKED = "spared", "as asked"
TOO_SMALL, HIDDEN = "too small", "half hidden or turned far aside"
UNSEEN, NO_STRANGER = "no face is seen in its crop", "no stranger was drawn"
RECOGNISED, NO_LONGER_A_FACE = "still recognised", "not seen as a face"
NOBODY = (
    "no face was found in the photo (0 faces), so nothing was changed; look at it yourself, and "
    "name what was missed with --boxes"
)

Someone = Face | Glimpse
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels
Vectors = Mapping[str, np.ndarray]  # by each recogniser's name


@dataclass(frozen=True)
class Fate:
    """What is to become of a face. why: "" for one that is replaced."""

    what: str
    why: str = ""


def find(
    detector: Detector, pixels: np.ndarray, options: AnonymiseOptions, boxes: Sequence[Box] | None
) -> list[Someone]:
    """Find everybody in a photo, uint8 [H, W, 3], in the order of their numbers.

    boxes: another detector's faces, used instead of ours. Raises NoFaceError for an aligned crop
    without a face, OptionError for a box outside the photo."""
    if options.aligned:
        face = detector.landmarks_of_crop(pixels)
        if face is None:
            raise NoFaceError(
                "no face is seen in the aligned crop, so nothing was changed; leave --aligned out "
                "for a whole photo"
            )
        return [face]
    if boxes is None:
        faces, glimpses = detector.find(pixels)
        return [*faces, *glimpses]
    height, width = pixels.shape[:2]
    for left, top, right, bottom in boxes:
        if min(right, width) - max(left, 0) < 2 or min(bottom, height) - max(top, 0) < 2:
            raise OptionError(
                f"the box {left:g},{top:g},{right:g},{bottom:g} lies outside the photo, which has "
                f"{width} x {height} pixels; boxes are left, top, right, bottom"
            )
    found = detector.fit(pixels, boxes)
    return sorted(found, key=lambda one: (isinstance(one, Glimpse), -size(one)))


def size(face: Someone) -> float:
    """Return the pixels from the eyes to the chin; approximate for a Glimpse."""
    return face.size if isinstance(face, Glimpse) else eyes_to_chin(face.landmarks)


def plan(
    faces: Sequence[Someone], options: AnonymiseOptions, spared: Collection[int] = ()
) -> dict[int, Fate]:
    """Decide what becomes of each number. Raises NoFaceError for a number that does not exist."""
    if not faces:
        raise NoFaceError(NOBODY)
    for number in (*options.faces, *options.cover, *options.keep):
        if number > len(faces):
            raise NoFaceError(
                f"there is no face {number}: the photo has {len(faces)}, counted from 1, the "
                "largest first"
            )
    named = (set(options.faces) or set(range(1, len(faces) + 1))) - set(options.keep)
    rest = COVERED if options.rest == "cover" else KEPT
    fates = {}
    for number, face in enumerate(faces, start=1):
        if number in options.cover:
            fates[number] = Fate(COVERED, AS_ASKED)
        elif number not in named:
            fates[number] = Fate(KEPT, AS_ASKED)
        elif number in spared:
            fates[number] = Fate(KEPT, SPARED)
        elif size(face) < paste.LEAST_FACE:
            fates[number] = Fate(rest, TOO_SMALL)
        elif isinstance(face, Glimpse):
            fates[number] = Fate(rest, HIDDEN)
        else:
            fates[number] = Fate(REPLACED)
    return fates


def entry(number: int, face: Someone) -> dict[str, Any]:
    """Begin a face's manifest entry."""
    return {
        "face": number,
        "box": [round(edge) for edge in face.box],
        "pixels_eyes_to_chin": round(size(face), 1),
    }


def left(entries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """List those who may still be recognised although nobody asked for that."""
    return [
        one
        for one in entries
        if one["status"] not in (REPLACED, COVERED) and one.get("why") not in (SPARED, AS_ASKED)
    ]


def summary(entries: Sequence[Mapping[str, Any] | Fate]) -> str:
    """Count what becomes of everybody: "27 faces: 25 replaced, 2 covered (too small)"."""
    told = [(one.what, one.why) if isinstance(one, Fate) else (one["status"], one.get("why"))
            for one in entries]  # fmt: skip
    words = []
    kinds = Counter(status for status, _ in told)
    for status in sorted(kinds, key=lambda kind: (kind != REPLACED, kind != COVERED)):
        why = Counter(why for one, why in told if one == status and why)
        reasons = ", ".join(
            reason if len(why) == 1 else f"{count} {reason}" for reason, count in why.most_common()
        )
        words.append(f"{kinds[status]} {status}{f' ({reasons})' if reasons else ''}")
    return f"{len(entries)} face{'s' * (len(entries) != 1)}: {', '.join(words)}"


# --- who is spared -----------------------------------------------------------------------


def vectors_of(studio: Bench, pixels: np.ndarray) -> Vectors:
    """Measure the largest face of a photo of a person to spare.

    Raises NoFaceError, and OptionError where there is only one recogniser."""
    if len(studio.recognisers) < 2:
        raise OptionError(
            "--spare needs both recognisers to agree, and only one is here; 'python -m facegen "
            "weights fetch sface' gets the other"
        )
    face = numbered(studio.detect(pixels), 0)
    looks = consistent.look_at(studio, 0, pixels, [face])
    vectors: Vectors = looks[0].vectors if looks else {}
    if len(vectors) < len(studio.recognisers):
        raise NoFaceError("the face is too small to be known again; take a larger photo")
    return vectors


def spared_in(
    studio: Bench, pixels: np.ndarray, faces: Sequence[Someone], people: Sequence[Vectors]
) -> set[int]:
    """Find the numbers of those faces that all recognisers take for one of these people."""
    spared: set[int] = set()
    for number, face in enumerate(faces, start=1) if people else ():
        if isinstance(face, Glimpse):
            continue
        for look in consistent.look_at(studio, 0, pixels, [face]):
            if any(_same(studio, look.vectors, person) for person in people):
                spared.add(number)
    return spared


def _same(studio: Bench, vectors: Vectors, person: Vectors) -> bool:
    return all(
        one.name in vectors and one.distance(vectors[one.name], person[one.name]) < one.threshold
        for one in studio.recognisers
    )
