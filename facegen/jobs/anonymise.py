"""anonymise: every face of a whole photo, or those that are named, becomes a stranger's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._version import __version__
from ..errors import NoFaceError
from ..face import align, paste
from ..face.landmarks import eyes_to_chin
from ..measure.comparison import Comparison, Measurement
from ..options import AnonymiseOptions, VaryOptions
from ..output.label import labelled
from ..studio import Studio
from ..types import AlignedFace, Face, Loading
from .generate import get_ready

LEAST_FACE = 24  # pixels from the eyes' outer corners to the chin
TRIES = 3  # strangers, until one is a stranger in the photo as well
NEXT_TRY = 1_000  # added to the seed for each further one


@dataclass(frozen=True)
class Found:
    """The faces of the photo, the largest first; those of these numbers, from 1, are replaced."""

    faces: Sequence[Face]
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Replacing:
    """Face `number` is being replaced, the `index`-th, from 1, of `count`."""

    number: int
    index: int
    count: int


@dataclass(frozen=True)
class Replaced:
    """pixels: the photo so far. facts: what the manifest says of this face."""

    number: int
    index: int
    count: int
    pixels: np.ndarray
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Done:
    """pixels: uint8 [H, W, 3]. changed: bool [H, W], where they are not the photo's."""

    pixels: np.ndarray
    changed: np.ndarray
    manifest: dict


Event = Loading | Found | Replacing | Replaced | Done


def anonymise(
    studio: Studio,
    pixels: np.ndarray,
    options: AnonymiseOptions,
    faces: Sequence[Face] | None = None,
) -> Iterator[Event]:
    """Run the job on a photo, uint8 [H, W, 3], which stays as it is.

    faces: what studio.detect found, if that was asked already. Each face is replaced by what the
    model makes of a stranger with its pose and expression, pasted into the photo, and then looked
    at once more where it lies now: if a recogniser still knows the person, another stranger is
    tried. Raises NoFaceError for a photo without faces or a number that it has not, OptionError.
    """
    yield from get_ready(studio)
    faces = studio.detect(pixels) if faces is None else faces
    numbers = chosen(faces, options.faces)
    yield Found(faces, numbers)
    result, changed, entries = pixels, np.zeros(pixels.shape[:2], bool), []
    # The smallest first: who stands behind is replaced before who stands in front.
    for index, number in enumerate(sorted(numbers, reverse=True), start=1):
        yield Replacing(number, index, len(numbers))
        face = faces[number - 1]
        result, where, facts = _replaced(studio, pixels, result, face, number, len(faces), options)
        changed |= where
        entries.append(facts)
        yield Replaced(number, index, len(numbers), result, facts)
    if options.label:
        told = labelled(result)
        changed |= (told != result).any(axis=2)
        result = told
    yield Done(result, changed, _manifest(studio, options, faces, entries))


def chosen(faces: Sequence[Face], numbers: tuple[int, ...]) -> tuple[int, ...]:
    """Which faces are replaced: the numbers named, or all. Raises NoFaceError."""
    if not faces:
        raise NoFaceError(
            "no whole face was found in the photo (0 faces), so nothing was changed; faces turned "
            "far aside, cut off or covered are not found: look at the photo yourself"
        )
    wanted = tuple(dict.fromkeys(numbers)) or tuple(range(1, len(faces) + 1))
    for number in wanted:
        if number > len(faces):
            raise NoFaceError(
                f"there is no face {number}: the photo has {len(faces)}, counted from 1, the "
                "largest first"
            )
    return wanted


def _replaced(
    studio: Studio,
    photo: np.ndarray,
    before: np.ndarray,
    face: Face,
    number: int,
    count: int,
    options: AnonymiseOptions,
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """(the photo with that face replaced, where it changed, what is known of it)."""
    size = eyes_to_chin(face.landmarks)
    facts: dict[str, Any] = {"face": number, "pixels_eyes_to_chin": round(size, 1)}
    untouched = before, np.zeros(before.shape[:2], bool)
    if size < LEAST_FACE:
        why = f"smaller than {LEAST_FACE} pixels from eyes to chin"
        return *untouched, facts | {"status": "too small", "why": why}
    crop, quad = align.align(photo, face, studio.resolution)
    aligned = AlignedFace(crop, quad, number - 1, count)
    comparison = Comparison(studio.detector, studio.recognisers, crop)
    if comparison.face is None:
        return *untouched, facts | {"status": "not seen", "why": "no face is seen in its crop"}
    inversion = studio.invert(aligned, options.steps)
    best: tuple[int, np.ndarray, np.ndarray, Measurement, int] | None = None
    for attempt in range(TRIES):
        seed = options.seed + attempt * NEXT_TRY
        vary = VaryOptions(count=1, strength=options.strength, seed=seed)
        variant = next(iter(studio.select(inversion, vary)), None)
        if variant is None:
            continue
        seen = studio.detector.landmarks_of_crop(variant.pixels)
        if seen is None:
            continue
        meshes = comparison.face.mesh, seen.mesh
        laid = paste.patch(crop, variant.pixels, meshes, quad, variant.seed)
        result, where = paste.lay(before, laid)
        found = comparison.measure(align.crop(result, quad, studio.resolution), finished=False)
        known = sum(distance.same_person for distance in found.identity.values())
        rank = known + (len(studio.recognisers) + 1) * (found.trouble is not None)
        if best is None or rank < best[0]:
            best = rank, result, where, found, variant.seed
        if rank == 0:
            break
    if best is None:
        return *untouched, facts | {"status": "not replaced", "why": "no stranger was drawn"}
    rank, result, where, found, seed = best
    distances = {name: round(one.distance, 4) for name, one in found.identity.items()}
    known_by = [name for name, one in found.identity.items() if one.same_person]
    facts |= {
        "status": "replaced" if rank == 0 else "replaced, still recognised" if known_by else
        "replaced, not seen as a face",
        "seed": seed,
        "identity": distances,
        "recognised_by": known_by,
        "tries": attempt + 1,
    }  # fmt: skip
    if found.structure is not None:
        facts["landmark_nme"] = round(found.structure.landmark_nme, 4)
    return result, where, facts


def _manifest(
    studio: Studio, options: AnonymiseOptions, faces: Sequence[Face], entries: list[dict]
) -> dict:
    """All there is to tell, the photo's name and pixels not among it."""
    told = replace(options, faces=tuple(sorted(entry["face"] for entry in entries)))
    return {
        "facegen": __version__,
        "job": "anonymise",
        "model": {"name": studio.info.name, "licence": studio.info.licence},
        "device": str(studio.device),
        "options": {
            "faces": list(told.faces),
            "strength": told.strength,
            "seed": told.seed,
            "steps": told.steps,
            "label": told.label,
        },
        "faces_found": len(faces),
        "faces": sorted(entries, key=lambda entry: entry["face"]),
    }
