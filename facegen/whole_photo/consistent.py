"""One new face for one person, in all photos of a set: faces detected first, then sorted by person.

    looks = [look for number, pixels in enumerate(photos)
             for look in look_at(studio, number, pixels)]
    for person in people(studio.recognisers, studio.resolution, looks):
        stand_in = find(studio, key, person, photos[person.best.photo], options)

The key is drawn for each run. Neither it nor the vectors that are compared here are ever written:
two runs have different new faces, and nothing is left to compare a photo with.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import NoFaceError
from ..face import align, paste
from ..face.landmarks import eyes_to_chin
from ..latent import stand_in
from ..latent.stand_in import StandIn
from ..measure.identity.clustering import Seen, cluster
from ..measure.identity.dlib_recogniser import Recogniser, compare
from ..measure.observation import Observation
from ..options import MAX_SEED, AnonymiseOptions, VaryOptions
from ..types import AlignedFace, Face, IdentityDistance
from .bench import Bench

StandIns = Mapping[int, StandIn]  # a face's number in its photo, from 1 -> who takes its place


@dataclass(frozen=True, eq=False)
class Look:
    """A face in a photo of the set.

    number: in its photo, from 1. size: pixels from the eyes to the chin. quad: as in AlignedFace.
    vectors: of all recognisers that gave one."""

    photo: int
    number: int
    size: float
    quad: np.ndarray
    vectors: Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Person:
    """A person who is in the set more than once. number: from 1."""

    number: int
    looks: Sequence[Look]

    best: Look  # where stand-ins are tried: the most typical of those that are seen large


def new_key() -> int:
    """Draw a run's own random number."""
    return secrets.randbits(62)


def look_at(
    studio: Bench, photo: int, pixels: np.ndarray, faces: Sequence[Face] | None = None
) -> list[Look]:
    """Measure the faces of photo number `photo`, uint8 [H, W, 3], that can be replaced."""
    looks = []
    for number, face in enumerate(studio.detect(pixels) if faces is None else faces, start=1):
        size = eyes_to_chin(face.landmarks)
        if size >= paste.LEAST_FACE:
            crop, quad = align.align(pixels, face, studio.resolution)
            seen = studio.detector.landmarks_of_crop(crop)
            found = {one.name: one.embed(crop, seen) for one in studio.recognisers}
            vectors = {name: vector for name, vector in found.items() if vector is not None}
            looks.append(Look(photo, number, size, quad, vectors))
    return looks


def people(
    recognisers: Sequence[Recogniser], resolution: int, looks: Sequence[Look]
) -> list[Person]:
    """Group those who are there more than once, in the order in which they first come.

    resolution: of the crops that the vectors are of."""
    seen = [Seen(look.photo, look.vectors) for look in looks]
    groups = cluster(seen, recognisers, resolution)
    several = [group for group in groups if len(group) > 1]
    return [
        Person(number, found, _best(recognisers, found))
        for number, group in enumerate(several, start=1)
        for found in ([looks[i] for i in group],)
    ]


def _best(recognisers: Sequence[Recogniser], looks: Sequence[Look]) -> Look:
    """Choose the face to compare all others with, neither turned aside nor a grimace."""
    large = max(look.size for look in looks) / 2
    middle = {
        name: np.mean([look.vectors[name] for look in looks], axis=0) for name in looks[0].vectors
    }

    def off(look: Look) -> float:
        return sum(
            one.distance(look.vectors[one.name], middle[one.name]) / one.threshold
            for one in recognisers
        )

    return min((look for look in looks if look.size >= large), key=off)


def find(
    studio: Bench, key: int, person: Person, pixels: np.ndarray, options: AnonymiseOptions
) -> StandIn:
    """Find a stranger who fits `pixels`, the photo of `person.best`.

    No recogniser takes them for the person. Raises NoFaceError where nobody fits."""
    crop = align.crop(pixels, person.best.quad, studio.resolution)
    inversion = studio.without_code(AlignedFace(crop, person.best.quad))
    vary = VaryOptions(count=1, strength=1.0, seed=(key + person.number) % MAX_SEED)
    for variant in studio.select(inversion, vary):
        vectors = studio.observer(variant.pixels).vectors
        return StandIn(person.number, variant.ws[0, 0].numpy(), vectors)
    raise NoFaceError(
        f"nobody was found who could stand in for person {person.number}; run it without "
        "--consistent"
    )


def stand_ins(
    studio: Bench,
    photos: Sequence[np.ndarray],
    faces: Sequence[Sequence[Face]],
    options: AnonymiseOptions,
) -> Sequence[StandIns]:
    """Find all stand-ins at once, for photos in memory and the faces found in them."""
    looks = [
        look
        for number, (pixels, found) in enumerate(zip(photos, faces, strict=True))
        for look in look_at(studio, number, pixels, found)
    ]
    key = new_key()
    found = {
        one: find(studio, key, one, photos[one.best.photo], options)
        for one in people(studio.recognisers, studio.resolution, looks)
    }
    return by_photo(found, len(photos))


def by_photo(found: Mapping[Person, StandIn], photos: int) -> Sequence[StandIns]:
    """Return for each photo of the set who replaces whom."""
    places: list[dict[int, StandIn]] = [{} for _ in range(photos)]
    for person, somebody in found.items():
        for look in person.looks:
            places[look.photo][look.number] = somebody
    return places


def draw_in(studio: Bench, photo: Observation, person: StandIn) -> Iterator[np.ndarray]:
    """Draw the stand-in in the photo's pose, uint8 [R, R, 3], the best way first.

    photo: what was seen in its crop.
    """
    known = studio.strangers
    assert known is not None, "the stand-in was found by them"
    codes = stand_in.in_pose(
        photo, person, studio.observer, studio.renderer, known, studio.statistics
    )
    for ws in codes:
        yield studio.renderer.pixels(ws)


def likeness(
    studio: Bench, vectors: Mapping[str, np.ndarray], person: StandIn | None
) -> dict[str, IdentityDistance]:
    """Measure how far a new face is from that of the first photo, by each recogniser."""
    known = person.vectors if person else {}
    return {
        one.name: compare(one, known[one.name], vectors[one.name])
        for one in studio.recognisers
        if one.name in known and one.name in vectors
    }
