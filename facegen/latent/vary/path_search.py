"""Candidates, measured along their paths by the recogniser that steers the strength.

A `Candidate` is a seed whose path was measured at its end; once the strength was searched for
along it, there is a `Place` for it; once its picture was made and looked at, a `Finished`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...measure.comparison import Comparison, Measurement
from ...measure.identity import calibration
from ...measure.identity.dlib_recogniser import Recogniser
from ...measure.traits import NAMES, POSE
from ...models import Renderer
from ...options import VaryOptions
from ...types import AttributeShift, Face, Inversion, Variant
from . import perturb
from .directions import Directions
from .strength import Point, search, target_distance

DIGITS = 4  # of a distance; a recogniser's opinion is worth two
# Of what was measured to have moved at a path's end, so much is put right: the regression behind
# it is a line, the face is not. And at most so far, in standard deviations of the codes.
MENDED, MOST_MENDED = 0.7, 3.0


@dataclass(frozen=True)
class Tools:
    """What the studio lends.

    farthest: the amount at which paths end; directions: None where none could be fitted.
    """

    renderer: Renderer
    statistics: perturb.CodeStatistics
    directions: Directions | None
    farthest: float


class Paths:
    """From the reference's code towards strangers, under one run's options."""

    def __init__(self, inversion: Inversion, options: VaryOptions, tools: Tools):
        self.tools = tools
        self._ws = inversion.ws
        self._photo = inversion.aligned.digest
        self._options = options
        resolutions = tools.renderer.model.generator.config.layer_resolutions
        self.gains = perturb.layer_gains(resolutions, options)
        self._noises = inversion.noises if options.noise_mode == "const" else None
        self.held = None  # what in the code moves what is to stay
        if tools.directions:
            self.held = tools.directions.known((*POSE, *options.keep))

    def path(self, seed: int) -> perturb.Path:
        """The path of that seed, towards a stranger."""
        return perturb.Path(perturb.stranger(self.tools.statistics, seed, self._photo))

    def at(self, path: perturb.Path, amount: float) -> Tensor:
        """The code [1, num_ws, w_dim] at `amount` of a path."""
        psi = self._options.truncation_psi
        project_out = self.held.project_out if self.held else None
        return perturb.along(
            self._ws, self.tools.statistics, self.gains, path, amount, psi, project_out
        )

    def start(self) -> Tensor:
        """The code at which all paths begin."""
        return self.at(perturb.Path(self.tools.statistics.mean * 0), 0.0)

    def mended(self, path: perturb.Path, amount: float, moved: np.ndarray) -> perturb.Path:
        """The path that keeps what this one moved by so much (traits.NAMES) at that amount; NaN:
        not seen, and left alone."""
        held = self.held
        if held is None or not held.names:
            return path
        by = torch.tensor([moved[NAMES.index(name)] for name in held.names])
        by = -MENDED * by.round(decimals=3).nan_to_num(0.0)
        mend = held.change_within(by, MOST_MENDED) / amount
        return perturb.Path(path.towards, mend.float())

    def changed(self, shifts: Mapping[str, AttributeShift]) -> bool:
        """Whether one of those that are held is not kept."""
        held = self.held.names if self.held else ()
        return any(not shift.kept for name, shift in shifts.items() if name in held)

    def pixels(self, ws: Tensor, seed: int) -> np.ndarray:
        """The finished picture of a code, uint8 [R, R, 3]."""
        return self.tools.renderer.pixels(ws, self._options.noise_mode, seed, self._noises)

    def previews(self, ws: Sequence[Tensor], seeds: Sequence[int]) -> list[np.ndarray]:
        """Small pictures of codes, uint8 [P, P, 3] each."""
        return self.tools.renderer.previews(ws, self._options.noise_mode, seeds, self._noises)


@dataclass(frozen=True)
class Place:
    """Where on its path a candidate stands: the point, the picture there and its vector."""

    point: Point
    pixels: np.ndarray
    vector: np.ndarray


@dataclass(frozen=True)
class Finished:
    """A candidate's picture as it would be shown, and what is seen in it."""

    variant: Variant
    measurement: Measurement


@dataclass
class Candidate:
    """A seed and its path, measured at the end."""

    seed: int
    path: perturb.Path
    end: Place
    seen: dict[float, tuple[np.ndarray, np.ndarray]]  # amount -> (picture, vector)
    finished: Finished | None = None
    _place: Place | None = None

    @property
    def place(self) -> Place:
        """Set by PathSearch.place, which has to come first."""
        assert self._place is not None, "the strength was not searched for on this path yet"
        return self._place

    @property
    def placed(self) -> bool:
        return self._place is not None


class PathSearch:
    """The strength along paths, as one recogniser measures it; see `begin`."""

    def __init__(
        self, paths: Paths, options: VaryOptions, recogniser: Recogniser, comparison: Comparison
    ):
        """Raises LookupError where there is nothing to measure by: no face in the reference's
        photo, or none in the model's picture of it."""
        self.paths = paths
        self.recogniser = recogniser
        self._options = options
        self._candidates: list[Candidate] = []
        # In noise_mode "random" too it is one picture, whichever seeds are asked for.
        (pixels,) = paths.previews([paths.start()], [0])
        measurement = comparison.measure(pixels, finished=False)
        if (
            recogniser.name not in comparison.vectors
            or measurement.trouble
            or recogniser.name not in measurement.vectors
        ):
            raise LookupError("the reference shows no face to measure by")
        assert measurement.face is not None
        self._known = (comparison.vectors[recogniser.name], measurement.vectors[recogniser.name])
        self._start = pixels, measurement.vectors[recogniser.name]
        self._comparison = comparison
        self._face: Face = measurement.face  # the recogniser wants to hear that there is one
        self.pose_kept = bool(measurement.structure and measurement.structure.kept)
        table = calibration.find(recogniser.name, paths.tools.renderer.resolution)
        typical = table.mean if table else recogniser.threshold
        self.alike = table.genuine[95] if table else recogniser.threshold / 2
        self.target = target_distance(options.strength, recogniser.threshold, typical)

    @property
    def tried(self) -> int:
        """Seeds measured so far."""
        return len(self._candidates)

    def first(self, number: int) -> list[Candidate]:
        """The first so many candidates, measured at the ends of their paths."""
        seeds = perturb.seeds(self._options.seed, number)[len(self._candidates) :]
        if seeds:
            farthest = self.paths.tools.farthest
            paths = [self.paths.path(seed) for seed in seeds]
            if self.paths.held and self.paths.held.names:
                paths = [self._mended(path, seed) for path, seed in zip(paths, seeds, strict=True)]
            ends = self._measure(paths, [farthest] * len(seeds), seeds)
            for seed, path, (pixels, vector) in zip(seeds, paths, ends, strict=True):
                end = Place(Point(farthest, self._distance(vector)), pixels, vector)
                seen = {0.0: self._start, farthest: (pixels, vector)}
                self._candidates.append(Candidate(seed, path, end, seen))
        return self._candidates[:number]

    def place(self, candidates: Sequence[Candidate]) -> None:
        """Search for the strength on the paths where that was not done, all of them together."""
        waiting = [c for c in candidates if not c.placed]

        def measure(paths: list[int], amounts: list[float]) -> list[float]:
            asked = [waiting[i] for i in paths]
            found = self._measure([c.path for c in asked], amounts, [c.seed for c in asked])
            for candidate, amount, seen in zip(asked, amounts, found, strict=True):
                candidate.seen[amount] = seen
            return [self._distance(vector) for _, vector in found]

        points = search([c.end.point for c in waiting], self.target, measure)
        for candidate, point in zip(waiting, points, strict=True):
            candidate._place = Place(point, *candidate.seen[point.amount])

    def _mended(self, path: perturb.Path, seed: int) -> perturb.Path:
        """The path without what moves at its end. Measured alone: the last bits of a batch's
        pictures depend on what else is in it, and a seed's path is to depend on nothing else."""
        farthest = self.paths.tools.farthest
        ((pixels, vector),) = self._measure([path], [farthest], [seed])
        moved = self._comparison.moved(pixels, vector)
        return path if moved is None else self.paths.mended(path, farthest, moved)

    def changed(self, candidate: Candidate) -> bool:
        """Whether an attribute that is to be kept is not, in the picture at its place."""
        place = candidate.place
        return self.paths.changed(self._comparison.attributes(place.pixels, place.vector))

    def is_reference(self, vector: np.ndarray) -> bool:
        """Whether the recogniser takes it for the person in the photo."""
        return self.recogniser.distance(vector, self._known[0]) < self.recogniser.threshold

    def _measure(
        self, paths: Sequence[perturb.Path], amounts: Sequence[float], seeds: Sequence[int]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """(picture, the recogniser's vector) of places on paths."""
        ws = [self.paths.at(path, amount) for path, amount in zip(paths, amounts, strict=True)]
        pictures = self.paths.previews(ws, seeds)
        vectors = self.recogniser.embed_all(pictures, [self._face] * len(pictures))
        return [
            (picture, vector)
            for picture, vector in zip(pictures, vectors, strict=True)
            if vector is not None  # never, as a face is said to be there
        ]

    def _distance(self, vector: np.ndarray) -> float:
        """D of strength.py: to the nearer of the photo and the model's picture of it.

        Rounded, as a network's last bits may depend on what else is in a batch.
        """
        return round(min(self.recogniser.distance(vector, known) for known in self._known), DIGITS)


def begin(
    paths: Paths, options: VaryOptions, recognisers: Sequence[Recogniser], comparison: Comparison
) -> PathSearch | None:
    """The search by the first recogniser; None where the strength is not to be searched for
    (options.dial) or there is nothing to measure by."""
    if not options.dial or not recognisers or comparison.face is None:
        return None
    try:
        return PathSearch(paths, options, recognisers[0], comparison)
    except LookupError:
        return None
