"""One new face for one person, in all photos of a set: looked at first, then sorted by person.

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
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from .. import images
from ..face import align, hands, paste
from ..face.landmarks import eyes_to_chin
from ..latent import stand_in
from ..latent.stand_in import StandIn
from ..measure.appearance import appearance
from ..measure.comparison import Comparison, Measurement
from ..measure.identity.clustering import Seen, cluster
from ..measure.identity.dlib_recogniser import DlibRecogniser, Recogniser, compare
from ..options import AnonymiseOptions
from ..studio import Studio
from ..types import AlignedFace, Face, IdentityDistance, Inversion

CANDIDATES = 16  # strangers of whom a person's stand-in is chosen
# What counts as far when stand-ins are chosen: years; of 100; of 100; of Appearance.glasses and
# Appearance.above (a hat, a fringe).
_FAR = np.array([10.0, 20.0, 15.0, 0.15, 0.2])
_KNOWN = 10.0  # added for each recogniser that still knows the person
_NEARLY = 1.1  # times the threshold: nearer than this counts as known, for other photos differ

StandIns = Mapping[int, StandIn]  # a face's number in its photo, from 1 -> who takes its place


@dataclass(frozen=True, eq=False)
class Look:
    """A face of a photo of the set. number: in its photo, from 1. size: pixels from the eyes to the
    chin. quad: as in AlignedFace. vectors: of all recognisers that saw it."""

    photo: int
    number: int
    size: float
    quad: np.ndarray
    vectors: Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody who is in the set more than once. number: from 1."""

    number: int
    looks: Sequence[Look]

    best: Look  # where stand-ins are tried: the most typical of those that are seen large


def new_key() -> int:
    """A run's own random number."""
    return secrets.randbits(62)


def look_at(
    studio: Studio, photo: int, pixels: np.ndarray, faces: Sequence[Face] | None = None
) -> list[Look]:
    """The faces of photo number `photo`, uint8 [H, W, 3], those that are replaced at all."""
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
    """Those who are there more than once, in the order in which they first come. resolution: of the
    crops that were looked at."""
    seen = [Seen(look.photo, look.vectors) for look in looks]
    groups = cluster(seen, recognisers, resolution)
    several = [group for group in groups if len(group) > 1]
    return [
        Person(number, found, _best(recognisers, found))
        for number, group in enumerate(several, start=1)
        for found in ([looks[i] for i in group],)
    ]


def _best(recognisers: Sequence[Recogniser], looks: Sequence[Look]) -> Look:
    """A turned head or a grimace would be a bad likeness to compare all others with."""
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
    studio: Studio, key: int, person: Person, pixels: np.ndarray, options: AnonymiseOptions
) -> StandIn:
    """Of CANDIDATES strangers, each tried in the photo `person.best`, which is `pixels`, the one of
    that person's age, gender presentation and skin tone whom no recogniser takes for the person."""
    quad = person.best.quad
    crop = align.crop(pixels, quad, studio.resolution)
    stage = Stage(studio, studio.invert(AlignedFace(crop, quad), options.steps))
    best: tuple[float, Tensor, Mapping[str, np.ndarray]] | None = None
    for candidate in range(CANDIDATES):
        w = stand_in.draw(studio.statistics, key, person.number, candidate)
        shown = stage.show(w)
        cost = 1_000.0
        if shown is not None:
            found = shown.found
            known = [one.distance < _NEARLY * one.threshold for one in found.identity.values()]
            cost = _KNOWN * sum(known) + 100 * (found.trouble is not None)
            cost += float(np.nansum(np.abs(stage.traits(shown.pixels) - stage.before) / _FAR))
        if best is None or cost < best[0]:
            best = cost, w, shown.found.vectors if shown else {}
    assert best is not None
    return StandIn(person.number, best[1].numpy(), best[2])


def stand_ins(
    studio: Studio,
    photos: Sequence[np.ndarray],
    faces: Sequence[Sequence[Face]],
    options: AnonymiseOptions,
) -> Sequence[StandIns]:
    """All at once, for photos that are at hand and the faces found in them."""
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
    """For each photo of the set who takes whose place."""
    places: list[dict[int, StandIn]] = [{} for _ in range(photos)]
    for person, somebody in found.items():
        for look in person.looks:
            places[look.photo][look.number] = somebody
    return places


def draw_in(studio: Studio, inversion: Inversion, person: StandIn) -> Iterator[np.ndarray]:
    """The stand-in's pictures in the photo's pose, uint8 [R, R, 3], one for each way of
    stand_in.REACHES: the one that is most like the new face in the other photos comes first."""
    stage = Stage(studio, inversion)
    w = torch.from_numpy(person.w)
    ways = [shown for reach in stand_in.REACHES if (shown := stage.show(w, reach))]

    def unlike(shown: Shown) -> tuple[bool, float]:
        known = any(one.same_person for one in shown.found.identity.values())
        distances = likeness(studio, shown.found.vectors, person).values()
        return known, max((one.distance / one.threshold for one in distances), default=0.0)

    for shown in sorted(ways, key=unlike):
        yield studio.renderer.pixels(shown.ws)


@dataclass(frozen=True, eq=False)
class Shown:
    """A stand-in in a small copy of the photo's crop. ws: its code there. found: against the
    photo."""

    ws: Tensor
    pixels: np.ndarray
    found: Measurement


class Stage:
    """A face of a photo, small, on which stand-ins are tried."""

    def __init__(self, studio: Studio, inversion: Inversion):
        self._studio, self._ws = studio, inversion.ws
        size = studio.renderer.previewed
        self._crop = images.resize(inversion.aligned.pixels, size)
        self._quad = np.array([[0, 0], [0, size], [size, size], [size, 0]], np.float64)
        self._comparison = Comparison(
            studio.detector, studio.recognisers, self._crop, traits=studio.traits
        )
        face = self._comparison.face
        self._front = hands.in_front(studio.detector, self._crop, face.mesh) if face else None
        layers = studio.model.generator.config.layer_resolutions
        self._placing = stand_in.Placing(layers, studio.statistics, studio.directions)

    def show(self, w: Tensor, reach: stand_in.Reach = stand_in.REACHES[0]) -> Shown | None:
        """None where no face is seen in the photo's crop or in the new picture."""
        renderer, detector = self._studio.renderer, self._studio.detector
        ws = self._placing.place(self._ws, w, reach)
        ws = self._placing.mend(ws, self._comparison.moved(renderer.preview(ws), None))
        picture = renderer.preview(ws)
        seen = detector.landmarks_of_crop(picture)
        if seen is None or self._comparison.face is None:
            return None
        meshes = self._comparison.face.mesh, seen.mesh
        patch = paste.patch(self._crop, picture, meshes, self._quad, front=self._front)
        pixels, _ = paste.lay(self._crop, patch)
        return Shown(ws, pixels, self._comparison.measure(pixels, finished=False))

    @cached_property
    def before(self) -> np.ndarray:
        """`traits` of the photo."""
        return self.traits(self._crop)

    def traits(self, pixels: np.ndarray) -> np.ndarray:
        """Age, gender presentation and skin (measure/attributes.py), glasses and above
        (measure/appearance.py); NaN where nobody can tell."""
        found, detector = np.full(len(_FAR), np.nan), self._studio.detector
        face, rate = detector.landmarks_of_crop(pixels), self._studio.traits.attributes
        for one in self._studio.recognisers:
            if one.name == DlibRecogniser.name and rate:
                vector = one.embed(pixels, face)
                if vector is not None:
                    found[:3] = rate(pixels, vector)
        mesh = detector.mesh_of_crop(pixels)
        if mesh is not None:
            seen = appearance(pixels, mesh)
            found[3:] = seen.glasses, seen.above
        return found


def likeness(
    studio: Studio, vectors: Mapping[str, np.ndarray], person: StandIn | None
) -> dict[str, IdentityDistance]:
    """How far a new face is from the one in the photo in which it was tried first, by each
    recogniser."""
    known = person.vectors if person else {}
    return {
        one.name: compare(one, known[one.name], vectors[one.name])
        for one in studio.recognisers
        if one.name in known and one.name in vectors
    }
