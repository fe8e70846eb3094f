"""Choose who is shown: strangers who fit the photo, unlike it and unlike each other.

A seed has one variant for a photo, whatever else is asked for: its code, moved by what is guessed
to be missing and corrected by what is seen to be (matching.py). It holds if
-   its preview shares with the photo what is to stay (measure/keeping.py), and the way to it from
    the photo's code reaches the strength (strength.py),
-   the finished picture is natural, shares the same, and is somebody else to every recogniser.

A run's pool is the seed that was asked for and thousands of others that come from it. Number k of
the variants is chosen given numbers 0 to k-1, so it is the same whatever the count: first the seed
itself, where it is guessed to fit; then whoever fits best and is guessed to be far from those
chosen (as farthest-first: T. F. Gonzalez, Theoretical Computer Science 38, 1985), and proves to be
somebody else. What does not hold is never shown: after so many tries there are fewer variants, and
the report says why.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ...measure.comparison import Comparison, Measurement
from ...measure.decoys import LEAST_LIKE
from ...measure.identity.recognisers import one_by_one
from ...measure.keeping import Wanted
from ...measure.observation import TRAITS, Observation
from ...models import Renderer
from ...options import ATTRIBUTES, DIFFERENT_FROM, VaryOptions
from ...types import DialReading, Inversion, SelectionReport, Variant
from ..codes import CodeStatistics, seeds
from . import matching, strength
from .directions import Directions
from .matching import Matching
from .strangers import Strangers
from .strength import Point

TRIES, MORE = 6, 24  # seeds tried for each variant, and beyond
STEPS = 2  # previews of each
# times the threshold: the guessed distance from those chosen that is asked for; what it weighs
FAR, FAR_WEIGHT = 1.6, 45.0
ROOM = 0.95  # of the limits, for previews
APART, NEAR = 1.03, 0.9  # times the threshold, for previews; for those still to be corrected
TOO_CLOSE = "too close to the person in the photo"
ALIKE = "too like another of them"
STRENGTH_ZERO = "At strength 0 there is one picture: the model's own of the photo"


@dataclass(frozen=True, eq=False)
class Previews:
    """The variants found so far, small: uint8 [P, P, 3] each, in their order."""

    pictures: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Searching:
    """How far the search for people who fit has come: `done` of `of` are found."""

    done: int
    of: int


@dataclass(frozen=True, eq=False)
class Tools:
    """What the studio lends. strangers: None where the model shows too few faces."""

    renderer: Renderer
    statistics: CodeStatistics
    strangers: Strangers | None


@dataclass(frozen=True, eq=False)
class Stranger:
    """Somebody who fits, as the preview shows them. ws: [1, num_ws, w_dim]."""

    ws: Tensor
    preview: np.ndarray
    seen: Observation
    point: Point


@dataclass(frozen=True, eq=False)
class Finished:
    """A variant, and what is seen in its picture."""

    variant: Variant
    measurement: Measurement
    preview: np.ndarray


class VariantSelection:
    """Iterate once over the variants; then `report` says what became of them."""

    def __init__(
        self, inversion: Inversion, options: VaryOptions, tools: Tools, comparison: Comparison
    ):
        self._inversion = inversion
        self._options = options
        self._comparison = comparison
        self._renderer = tools.renderer
        self._tools = tools
        self._photo = comparison.seen
        self._measured = tools.strangers is not None and self._photo.face is not None
        self._passed: list[str] = []
        self._made: list[Finished] = []
        self._tried = 0
        self.report: SelectionReport | None = None

    def __iter__(self) -> Iterator[Variant]:
        return (event for event in self.events() if isinstance(event, Variant))

    def events(self) -> Iterator[Searching | Previews | Variant]:
        """Yield the variants; before each, its preview beside those that came before."""
        began = time.perf_counter()
        count = self._options.count
        small = self._renderer.previewed < self._renderer.resolution
        shown: list[np.ndarray] = []
        for seed in self._order():
            if len(self._made) == count:
                break
            yield Searching(len(self._made), count)
            self._tried += 1
            one: Stranger | Finished | str = self._stranger(seed)
            if isinstance(one, Stranger):
                if small:
                    yield Previews((*shown, one.preview))
                one = self._finish(seed, one)
            if isinstance(one, Finished) and self._alike(one.measurement.vectors):
                one = ALIKE
            if isinstance(one, str):
                self._passed.append(one)
                continue
            self._made.append(one)
            shown.append(one.preview)
            yield replace(one.variant, seconds=time.perf_counter() - began)
            began = time.perf_counter()
        self.report = self._report()

    def _order(self) -> Iterator[int]:
        """Which seed is tried next, given who is chosen by then."""
        options = self._options
        if not self._measured or options.strength == 0:
            yield from seeds(options.seed, options.count)
            return
        pool = matching.seeds_of(options.seed)
        ranking = self._fit(options.seed).rank(self._codes(pool))
        if ranking.own:
            yield options.seed
        by = self._comparison.recognisers[0]
        guesses = ranking.guess[by.name]
        left = (ranking.rows > 0) | (not ranking.own)
        near, known = np.full(len(left), np.inf), 0  # to the nearest of those chosen
        for _ in range(min(TRIES * options.count + MORE, int(left.sum()))):
            for one in self._made[known:]:
                vector = one.measurement.vectors[by.name]
                near = np.minimum(near, by.distances(vector, guesses) / self._apart[by.name])
            known = len(self._made)
            cost = ranking.costs + FAR_WEIGHT * np.maximum(0.0, FAR - near) ** 2
            best = int(np.where(left, cost, np.inf).argmin())
            left[best] = False
            yield pool[ranking.rows[best]]

    # -- one seed ------------------------------------------------------------------------

    def _stranger(self, seed: int) -> Stranger | str:
        """The seed's stranger as a preview, or why there is none who holds."""
        if self._options.strength == 0:
            ws = self._inversion.ws
            pixels = self._renderer.preview(ws)
            return Stranger(ws, pixels, self._comparison.observer(pixels), Point(0.0, 0.0))
        (w,) = self._codes([seed])
        wanted = self._wanted(seed)
        if not self._measured:
            return self._toward(w[None], wanted)
        fit, why = self._fit(seed), ""
        w = fit.start(w)
        for step in range(STEPS):
            pixels = self._renderer.preview(self._broadcast(w))
            seen = self._comparison.observer(pixels)
            if self._alike(seen.vectors, NEAR):  # a correction does not make two of them
                return ALIKE
            why = wanted.broken(seen, ROOM) or ""
            if not why or seen.face is None:
                break
            if step < STEPS - 1:
                w = fit.corrected(w, seen)
        if not why and self._alike(seen.vectors, APART):
            why = ALIKE
        return why or self._toward(w[None], wanted, pixels, seen)

    def _codes(self, these: Sequence[int]) -> Tensor:
        """The codes [N, w_dim] of seeds."""
        return matching.codes(self._renderer.model, these, self._inversion.aligned.digest)

    def _fit(self, seed: int) -> Matching:
        known, directions = self._tools.strangers, self._directions
        assert known and directions, "who is measured is matched"
        return Matching(known, directions, self._wanted(seed), self._comparison.recognisers)

    @cached_property
    def _directions(self) -> Directions | None:
        known = self._tools.strangers
        return known.directions(self._tools.statistics) if known else None

    def _toward(
        self,
        w: Tensor,
        wanted: Wanted,
        pixels: np.ndarray | None = None,
        seen: Observation | None = None,
    ) -> Stranger | str:
        """The way from the photo's code to the stranger w [1, w_dim], as far as the strength asks.

        pixels, seen: of the stranger's preview, where it was drawn.
        """
        end = self._broadcast(w[0])
        looked: dict[float, tuple[np.ndarray, Observation]] = {}
        if pixels is not None and seen is not None:
            looked[1.0] = pixels, seen

        def at(amount: float) -> Tensor:
            return torch.lerp(self._inversion.ws, end, amount)

        def measure(amount: float) -> float:
            if amount not in looked:
                pixels = self._renderer.preview(at(amount))
                looked[amount] = pixels, self._comparison.observer(pixels)
            return self._reached(looked[amount][1], amount)

        point = strength.search(Point(1.0, measure(1.0)), self._options.strength, measure)
        pixels, seen = looked[point.amount]
        if self._measured:
            if point.reached < self._options.strength:
                return TOO_CLOSE
            if point.amount < 1 and (why := wanted.broken(seen, ROOM)):
                return why
        return Stranger(at(point.amount), pixels, seen, point)

    def _reached(self, seen: Observation, amount: float) -> float:
        """The strength that a picture on the way has reached."""
        distances, thresholds, nearer = [], [], []
        decoys = self._tools.strangers.decoys if self._tools.strangers else None
        for one in self._comparison.recognisers:
            new, photo = seen.vectors.get(one.name), self._photo.vectors.get(one.name)
            if new is not None and photo is not None and decoys is not None:
                told = decoys.nearer(one, new, photo, self._photo.traits[-len(ATTRIBUTES) :])
                distances.append(one.distance(new, photo))
                thresholds.append(one.threshold)
                nearer.append(told.share if told.like >= LEAST_LIKE else 0.0)
        return strength.reached(distances, thresholds, nearer, amount)

    def _finish(self, seed: int, one: Stranger) -> Finished | str:
        """The finished picture, or why it does not hold."""
        options = self._options
        noises = self._inversion.noises if options.noise_mode == "const" else None
        if one.point.amount == 1:
            noises = None  # nothing of the photo's is left
        pixels = self._renderer.pixels(one.ws, options.noise_mode, seed, noises)
        measurement = self._comparison.measure(pixels)
        dial = None
        if self._measured and measurement.identity:
            dial = DialReading(one.point.amount, options.strength, one.point.reached)
        variant = Variant(
            one.ws,
            pixels,
            seed,
            options.strength,
            measurement.identity,
            measurement.structure,
            measurement.attributes,
            dial=dial,
        )
        if self._measured and options.strength > 0:
            wanted = self._wanted(seed)
            seen = measurement.seen
            if measurement.trouble:
                return measurement.trouble
            if why := wanted.broken(seen):
                return why
            if options.strength >= DIFFERENT_FROM and not variant.different_person:
                return TOO_CLOSE
        return Finished(variant, measurement, one.preview)

    def _wanted(self, seed: int) -> Wanted:
        """What is asked of the seed's person."""
        digest = self._inversion.aligned.digest
        able = self._directions.names if self._directions else TRAITS
        return Wanted.of(self._photo, self._options.keep, seed, digest, able=able)

    def _broadcast(self, w: Tensor) -> Tensor:
        return self._renderer.model.generator.broadcast(w[None]).cpu()

    # -- all of them ---------------------------------------------------------------------

    def _alike(self, vectors: Mapping[str, np.ndarray], factor: float = 1.0) -> bool:
        """Whether a recogniser takes somebody for one who was chosen before."""
        if not self._measured or self._options.strength < DIFFERENT_FROM:
            return False
        return any(
            one.distance(vectors[one.name], other.measurement.vectors[one.name])
            < factor * self._apart[one.name]
            for one in self._comparison.recognisers
            for other in self._made
            if one.name in vectors and one.name in other.measurement.vectors
        )

    @cached_property
    def _apart(self) -> Mapping[str, float]:
        """From which distance on two variants are two people, by recogniser: its threshold, but not
        more than nine of ten of the model's own people are apart: those of a small model are all
        rather alike."""
        decoys = self._tools.strangers.decoys if self._tools.strangers else None
        return {
            one.name: min(one.threshold, decoys.usual_distance(one) if decoys else np.inf)
            for one in self._comparison.recognisers
        }

    def _report(self) -> SelectionReport:
        recognisers = self._comparison.recognisers
        measurements = [one.measurement for one in self._made]
        between = {
            one.name: one_by_one([m.vectors.get(one.name) for m in measurements], one.distance)
            for one in recognisers
        }
        promised = self._measured and self._options.strength >= DIFFERENT_FROM
        different = sum(
            len(m.identity) == len(recognisers)
            and not any(found.same_person for found in m.identity.values())
            for m in measurements
        )
        one_picture = self._options.strength == 0 and self._options.noise_mode != "random"
        wanted = Wanted.of(self._photo, self._options.keep)
        return SelectionReport(
            asked=self._options.count,
            made=len(self._made),
            different=different if promised else None,
            tried=self._tried,
            passed_over=dict(Counter(self._passed)),
            between=between,
            measured=self._measured,
            alike_pairs=self._alike_pairs(between) if promised else None,
            unseen=wanted.unseen if self._measured else (),
            note=STRENGTH_ZERO if one_picture else "",
            moved=sum(not m.structure.kept for m in measurements if m.structure),
            changed=sum(
                any(
                    not shift.kept
                    for name, shift in m.attributes.items()
                    if name in self._options.keep
                )
                for m in measurements
            ),
        )

    def _alike_pairs(self, between: Mapping[str, list[list[float | None]]]) -> int:
        """Pairs of variants that are not two people to every recogniser."""
        thresholds = {one.name: one.threshold for one in self._comparison.recognisers}

        def alike(name: str, distance: float | None) -> bool:
            return distance is None or distance < thresholds[name]

        return sum(
            any(alike(name, rows[i][j]) for name, rows in between.items())
            for i in range(len(self._made))
            for j in range(i)
        )
