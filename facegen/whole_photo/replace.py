"""Replacement of every face of a whole photo, or of those that are named, by a stranger's.

Faces that cannot be replaced are covered (face/cover.py), so that none stays unreported.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import limits
from ..face import align, cover, in_front, paste
from ..latent.stand_in import StandIn
from ..measure import observation
from ..measure.appearance import light_apart, shading
from ..measure.comparison import NOT_NATURAL, Comparison, Measurement
from ..measure.keeping import CLUTTER, LIGHT, Wanted
from ..options import ATTRIBUTES, AnonymiseOptions, VaryOptions
from ..output.portrait import labelled
from ..types import AlignedFace, Face, IdentityDistance, Progress
from . import everybody
from .bench import Bench
from .consistent import StandIns, draw_in, likeness, stand_ins
from .everybody import COVERED, KEPT, REPLACED, Box, Fate, Someone, Vectors

REPLACING = "faces"  # the stage of Progress
TRIES = 4  # strangers, until one is a stranger in the photo as well
LOOKED_AT = 10  # strangers at most, of whom those with bare foreheads are tried first


@dataclass(frozen=True, eq=False)
class Anonymised:
    """A photo with new faces.

    pixels: uint8 [H, W, 3]. changed: bool [H, W], where they are not the photo's. faces: what
    became of each, in the order of their numbers."""

    pixels: np.ndarray
    changed: np.ndarray
    faces: Sequence[Mapping[str, Any]]

    @property
    def summary(self) -> str:
        return everybody.summary(self.faces)


def replace_faces(
    studio: Bench,
    pixels: np.ndarray,
    options: AnonymiseOptions,
    faces: Sequence[Someone] | None = None,
    people: StandIns | None = None,
    boxes: Sequence[Box] | None = None,
    spare: Sequence[Vectors] = (),
) -> Generator[Progress, None, Anonymised]:
    """Replace or cover the faces of a photo, uint8 [H, W, 3], which is not modified.

    faces: everybody in it, if already detected. people: who replaces whom in the set that the photo
    belongs to (options.consistent); None: the photo is the whole set. boxes: where faces are,
    instead of detecting them. spare: people who stay as they are. Each face is replaced by the
    model's picture of a stranger with its pose and expression, pasted into the photo, and then
    measured again where it lies now: if a recogniser still knows the person, another stranger is
    tried. Yields how many faces are done, with the photo so far. Raises NoFaceError for a photo
    without faces or a number that does not exist, OptionError."""
    yield from studio.get_ready()
    if faces is None:
        faces = everybody.find(studio.detector, pixels, options, boxes)
    spared = everybody.spared_in(studio, pixels, faces, spare)
    fates = everybody.plan(faces, options, spared)
    if options.consistent and people is None:
        whole = {n: face for n, face in enumerate(faces, 1) if isinstance(face, Face)}
        (found,) = stand_ins(studio, [pixels], [list(whole.values())], options)
        people = {list(whole)[at - 1]: person for at, person in found.items()}
    result, changed, entries = pixels, np.zeros(pixels.shape[:2], bool), []
    for number, fate in fates.items():
        if fate.what == KEPT:
            told = {"status": KEPT, "why": fate.why}
            entries.append(everybody.entry(number, faces[number - 1]) | told)
    numbers = [number for number, fate in fates.items() if fate.what != KEPT]
    # The smallest first: who stands behind is replaced before who stands in front.
    numbers.sort(key=lambda number: everybody.size(faces[number - 1]))
    for done, number in enumerate(numbers):
        note = f"face {number}"
        yield Progress(REPLACING, done, len(numbers), note, result if done else None)
        person = (people or {}).get(number)
        result, where, facts = _treated(
            studio, pixels, result, faces, number, fates[number], options, person
        )
        changed |= where
        entries.append(everybody.entry(number, faces[number - 1]) | facts)
    if options.label:
        labelled_pixels = labelled(result)
        changed |= (labelled_pixels != result).any(axis=2)
        result = labelled_pixels
    return Anonymised(result, changed, sorted(entries, key=lambda one: one["face"]))


def _treated(
    studio: Bench,
    photo: np.ndarray,
    before: np.ndarray,
    faces: Sequence[Someone],
    number: int,
    fate: Fate,
    options: AnonymiseOptions,
    person: StandIn | None,
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Replace a face, or cover it where that was decided or replacing it failed.

    before: the photo so far. Returns (the photo after it, where it changed, the face's facts)."""
    face, facts = faces[number - 1], {"status": COVERED, "why": fate.why}
    if fate.what == REPLACED:
        assert isinstance(face, Face), "plan() replaces whole faces only"
        crop, quad = align.align(photo, face, studio.resolution)
        aligned = AlignedFace(crop, quad, number - 1, len(faces))
        pixels, where, facts = _replaced(studio, aligned, before, options, person)
        if facts["status"] == REPLACED or options.rest == "keep":
            return pixels, where, facts
        why = facts.get("why") or facts["status"].removeprefix(f"{REPLACED}, ")
        facts = facts | {"status": COVERED, "why": why}
    return *cover.cover(before, face, options.seed + number), facts


def _replaced(
    studio: Bench,
    aligned: AlignedFace,
    before: np.ndarray,
    options: AnonymiseOptions,
    person: StandIn | None,
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Replace one face. Returns (the photo, where it changed, the face's facts)."""
    untouched = before, np.zeros(before.shape[:2], bool)
    crop, quad = aligned.pixels, aligned.quad
    assert quad is not None
    face = studio.detector.landmarks_of_crop(crop)
    gain = 1.0 if face is None else paste.gain(crop, face.mesh)
    comparison = studio.compare(_brighter(crop, gain), float(np.linalg.norm(quad[3] - quad[0])))
    if comparison.face is None:
        return *untouched, {"status": KEPT, "why": everybody.UNSEEN}
    light = shading(_brighter(crop, gain), comparison.face.mesh)
    pictures: Iterator[tuple[np.ndarray, int | None]]
    if person:
        pictures = ((picture, None) for picture in draw_in(studio, comparison.seen, person))
    else:
        pictures = _strangers(studio, aligned, comparison, light, options)
    kept, room = ATTRIBUTES if person is None else ("gender",), comparison.room
    wanted = Wanted.of(comparison.seen, kept, room=room)
    before_it = in_front.find(studio.detector, crop, comparison.face.mesh)
    if before_it.too_much:
        return *untouched, {"status": KEPT, "why": everybody.HIDDEN}
    front = before_it.mask
    # What stays may show who it was: a fringe, or a hand that is none.
    ways = [(front, False), (front, True), *([(None, True)] if before_it.hand else [])]
    best: _Try | None = None
    for attempt, (picture, seed) in enumerate(pictures, start=1):
        seen = studio.detector.landmarks_of_crop(picture)
        if seen is None:
            continue
        meshes, grain = (comparison.face.mesh, seen.mesh), attempt if seed is None else seed
        own_forehead = True
        for stays, whole in ways:
            if whole and stays is front and not own_forehead:
                continue  # that is what was tried just now
            laid = paste.patch(crop, picture, meshes, quad, grain, stays, whole)
            own_forehead = laid.own_forehead
            pixels, where = paste.lay(before, laid)
            again = align.crop(pixels, quad, min(studio.resolution, observation.LOOKED_AT))
            found = comparison.measure(_brighter(again, gain), finished=False)
            alike = likeness(studio, found.vectors, person)
            stayed = before_it.told if stays is not None else ""
            uneven = comparison.seen.light_apart(found.seen)
            broken = wanted.broken(found.seen, limits.PASTED)
            if broken == CLUTTER and comparison.seen.kinds.get("clutter", 0.0) > -limits.SURE:
                broken = None  # the photo's own
            broken = broken or (LIGHT if uneven > room * limits.PASTED_UNEVEN else None)
            broken = broken or (NOT_NATURAL if _worse(comparison, found) else None)
            one = _Try(pixels, where, found, seed, alike, broken, stayed, uneven)
            if best is None or one.rank < best.rank:
                best = one
            if not one.rank[0]:
                break
        if best is not None and not any(best.rank[:3]):
            break
    if best is None:
        return *untouched, {"status": KEPT, "why": everybody.NO_STRANGER}
    return best.pixels, best.where, best.facts(attempt, person)


def _brighter(pixels: np.ndarray, gain: float) -> np.ndarray:
    """Brighten an underexposed face, for gauges and recognisers to see it."""
    return pixels if gain == 1 else np.clip(pixels * gain, 0, 255).astype(np.uint8)


def _worse(comparison: Comparison, found: Measurement) -> bool:
    """Test whether a new face is much less natural than the photo's is to the same judge."""
    before, now = comparison.seen.natural, found.seen.natural
    return before is not None and now is not None and before - now > limits.PASTED_WORSE


@dataclass(frozen=True)
class _Try:
    """A new face in the photo.

    seed: None for a stand-in. stayed: what stays in front. likeness: to the new face in the other
    photos, by each recogniser; empty where there are none. broken: what does not stay (see
    measure/keeping.py), None if all does. uneven: the difference in light."""

    pixels: np.ndarray
    where: np.ndarray
    found: Measurement
    seed: int | None
    likeness: Mapping[str, IdentityDistance]
    broken: str | None = None
    stayed: str = ""
    uneven: float = 0.0

    @property
    def rank(self) -> tuple[int, int, bool, float]:
        """Rank this try; lower is better.

        First recognisers that still know the person, or a face that is not detected; then
        recognisers that do not know the stand-in; then whether something does not stay that should;
        then the light."""
        known = sum(one.same_person for one in self.found.identity.values())
        unlike = sum(not one.same_person for one in self.likeness.values())
        seen = known + 9 * (self.found.trouble is not None)
        return seen, unlike, self.broken is not None, self.uneven

    def facts(self, tries: int, person: StandIn | None) -> dict[str, Any]:
        known_by = [name for name, one in self.found.identity.items() if one.same_person]
        failed = everybody.RECOGNISED if known_by else everybody.NO_LONGER_A_FACE
        facts: dict[str, Any] = {"status": f"{REPLACED}, {failed}" if self.rank[0] else REPLACED}
        facts |= {"seed": self.seed} if person is None else {"person": person.number}
        facts["identity"] = _rounded(self.found.identity)
        facts |= {"recognised_by": known_by, "tries": tries}
        if person:
            facts["to_the_new_face"] = _rounded(self.likeness)
            facts["consistent"] = not self.rank[1]
        if self.stayed:
            facts["in_front"] = self.stayed
        if self.broken:
            facts["not_kept"] = self.broken
        if self.found.structure is not None:
            facts["landmark_nme"] = round(self.found.structure.landmark_nme, 4)
        return facts


def _rounded(distances: Mapping[str, IdentityDistance]) -> dict[str, float]:
    return {name: round(one.distance, 4) for name, one in distances.items()}


def _strangers(
    studio: Bench,
    aligned: AlignedFace,
    comparison: Comparison,
    light: np.ndarray,
    options: AnonymiseOptions,
) -> Iterator[tuple[np.ndarray, int | None]]:
    """Draw up to TRIES people who fit, with their seeds.

    Those with hair on their foreheads, or in quite another light, only where there is nobody else
    among LOOKED_AT. light: the photo's shading."""
    vary = VaryOptions(count=LOOKED_AT, strength=options.strength, seed=options.seed)
    whole = options.strength == 1
    inversion = studio.without_code(aligned) if whole else studio.invert(aligned, options.steps)
    tried, later = 0, []
    for variant in studio.select(inversion, vary, comparison, pasted=True):
        face = studio.detector.landmarks_of_crop(variant.pixels)
        if face is None:
            continue
        off = light_apart(light, shading(variant.pixels, face.mesh))
        if off > limits.PASTED_LIGHT or paste.bareness(variant.pixels, face.mesh) < limits.BARE:
            later.append((off, variant.seed, variant.pixels))
            continue
        yield variant.pixels, variant.seed
        tried += 1
        if tried == TRIES:
            return
    for _, seed, pixels in sorted(later, key=lambda one: one[:2])[: TRIES - tried]:
        yield pixels, seed
