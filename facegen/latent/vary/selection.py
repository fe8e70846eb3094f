"""Choice of the seeds to show: strangers who fit the photo, unlike it and unlike each other.

A seed has one variant for a photo, whatever the other options: its code, moved by the predicted
gaps and corrected by the measured ones (matching.py). It holds if the finished picture is natural,
shares with the photo what is to stay (measure/keeping.py), is somebody else to every recogniser,
and the way to it from the photo's code reaches the strength (strength.py). Only finished pictures
are measured: a rougher one reads as another age, skin and kind.

A run's pool is its own seed and thousands of others derived from it. Number k of the variants is
chosen given numbers 0 to k-1, so it is the same whatever the count: first the seed itself, where it
is predicted to fit; then whoever fits best, is predicted to be far from those chosen (as
farthest-first: T. F. Gonzalez, Theoretical Computer Science 38, 1985), and proves to be somebody
else. What does not hold is never shown: after so many tries there are fewer variants, and the
report says why.
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

from ... import limits
from ...measure.comparison import Comparison, Measurement
from ...measure.identity.recognisers import one_by_one
from ...measure.keeping import AGE, GENDER, POSE_MOVED, SKIN, Wanted
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

TRIES, MORE = 6, 36  # seeds tried for each variant, and beyond
PASTED_TRIES = 48  # seeds tried for a face in a whole photo
STEPS = 2  # looks at each
NOT_QUITE = 0.5  # of its limit: an expression on a pasted face that is farther off is corrected
# times the threshold: the guessed distance from those chosen that is asked for; what it weighs
FAR, FAR_WEIGHT = 1.6, 45.0
TOO_CLOSE = "too close to the person in the photo"
ALIKE = "too like another of them"
CORRECTED = (POSE_MOVED, AGE, GENDER, SKIN)  # what a second look may mend
STRENGTH_ZERO = "At strength 0 there is one picture: the model's own of the photo"


@dataclass(frozen=True)
class Searching:
    """Progress of the search for people who fit: `done` of `of` are found."""

    done: int
    of: int


@dataclass(frozen=True, eq=False)
class Tools:
    """The parts of a studio needed here. strangers: None where the model shows too few faces."""

    renderer: Renderer
    statistics: CodeStatistics
    strangers: Strangers | None


@dataclass(frozen=True, eq=False)
class Drawn:
    """A code's finished picture and its measurements.

    ws: [1, num_ws, w_dim]. point: on the way from the photo to the stranger."""

    ws: Tensor
    pixels: np.ndarray
    measurement: Measurement
    point: Point

    @property
    def seen(self) -> Observation:
        return self.measurement.seen


class VariantSelection:
    """Iterates once over the variants; then `report` says why others were rejected."""

    def __init__(
        self,
        inversion: Inversion,
        options: VaryOptions,
        tools: Tools,
        comparison: Comparison,
        pasted: bool = False,
    ):
        """Prepare a selection.

        pasted: faces for a photo, wanted one by one, which need not be unlike each other."""
        self._inversion = inversion
        self._options = options
        self._comparison = comparison
        self._renderer = tools.renderer
        self._tools = tools
        self._pasted = pasted
        self._unlike = not pasted and options.strength >= DIFFERENT_FROM
        self._photo = comparison.seen
        self._measured = tools.strangers is not None and self._photo.face is not None
        self._passed: list[str] = []
        self._made: list[Drawn] = []
        self._tried = 0
        self.report: SelectionReport | None = None

    def __iter__(self) -> Iterator[Variant]:
        return (event for event in self.events() if isinstance(event, Variant))

    def events(self) -> Iterator[Searching | Variant]:
        """Yield the variants, and the progress of the search."""
        began = time.perf_counter()
        count = self._options.count
        for seed in self._order():
            if len(self._made) == count:
                break
            yield Searching(len(self._made), count)
            self._tried += 1
            one = self._stranger(seed)
            if isinstance(one, str):
                self._passed.append(one)
                continue
            self._made.append(one)
            yield self._variant(seed, one, time.perf_counter() - began)
            began = time.perf_counter()
        self.report = self._report()

    def _order(self) -> Iterator[int]:
        """Yield the next seed to try, given those chosen so far."""
        options = self._options
        if not self._measured or options.strength == 0:
            yield from seeds(options.seed, options.count)
            return
        size = matching.PASTED_POOL if self._pasted else matching.POOL
        pool = matching.seeds_of(options.seed, size)
        ranking = self._fit(options.seed).rank(self._codes(pool))
        if ranking.own:
            yield options.seed
        by = self._comparison.recognisers[0]
        guesses = ranking.guess[by.name]
        left = (ranking.rows > 0) | (not ranking.own)
        near, known = np.full(len(left), np.inf), 0  # to the nearest of those chosen
        most = PASTED_TRIES if self._pasted else TRIES * options.count + MORE
        for _ in range(min(most, int(left.sum()))):
            for one in self._made[known:] if self._unlike else ():
                vector = one.measurement.vectors[by.name]
                near = np.minimum(near, by.distances(vector, guesses) / self._apart[by.name])
            known = len(self._made)
            cost = ranking.costs + FAR_WEIGHT * np.maximum(0.0, FAR - near) ** 2
            best = int(np.where(left, cost, np.inf).argmin())
            left[best] = False
            yield pool[ranking.rows[best]]

    # -- one seed ------------------------------------------------------------------------

    def _stranger(self, seed: int) -> Drawn | str:
        """Draw the seed's stranger, or return why they do not hold."""
        if self._options.strength == 0:
            return self._draw(seed, self._inversion.ws, 0.0)
        (w,) = self._codes([seed])
        if not self._measured:
            return self._toward(seed, self._draw(seed, self._broadcast(w), 1.0))
        fit, wanted = self._fit(seed), self._wanted(seed)
        w = fit.start(w)
        best: Drawn | None = None
        for step in range(STEPS):
            one = self._draw(seed, self._broadcast(w), 1.0)
            if self._alike(one, limits.NEAR):  # a correction does not make two of them
                return ALIKE
            why, off = self._broken(one, wanted), wanted.expression_off(one.seen)
            if why is None and (best is None or off < wanted.expression_off(best.seen)):
                best = one
            again = why in CORRECTED or (why is None and self._pasted and off > NOT_QUITE)
            if not again or step == STEPS - 1:
                break
            w = fit.corrected(w, one.seen)
        if best is None:
            return why or ALIKE
        return ALIKE if self._alike(best) else self._toward(seed, best)

    def _draw(self, seed: int, ws: Tensor, amount: float) -> Drawn:
        """Draw the picture at `amount` of the way from the photo to the stranger.

        At 1 nothing of the photo is left, including its noise."""
        mode = self._options.noise_mode
        noises = self._inversion.noises if mode == "const" and amount < 1 else None
        pixels = self._renderer.pixels(ws, mode, seed, noises)
        measurement = self._comparison.measure(pixels)
        reached = self._reached(measurement.seen, amount) if amount else 0.0
        return Drawn(ws, pixels, measurement, Point(amount, reached))

    def _broken(self, one: Drawn, wanted: Wanted) -> str | None:
        return one.measurement.trouble or wanted.broken(one.seen)

    def _codes(self, these: Sequence[int]) -> Tensor:
        """Compute the codes [N, w_dim] of seeds."""
        return matching.codes(self._renderer.model, these, self._inversion.aligned.digest)

    def _fit(self, seed: int) -> Matching:
        known, directions = self._tools.strangers, self._directions
        assert known and directions, "who is measured is matched"
        wanted, by = self._wanted(seed), self._comparison.recognisers
        return Matching(known, directions, wanted, by, self._pasted)

    @cached_property
    def _directions(self) -> Directions | None:
        known = self._tools.strangers
        return known.directions(self._tools.statistics) if known else None

    def _toward(self, seed: int, stranger: Drawn) -> Drawn | str:
        """Find the face on the way from the photo to the stranger that has the wanted strength."""
        asked = self._options.strength
        drawn = {1.0: stranger}

        def measure(amount: float) -> float:
            ws = torch.lerp(self._inversion.ws, stranger.ws, amount)
            drawn[amount] = self._draw(seed, ws, amount)
            return drawn[amount].point.reached

        point = strength.search(stranger.point, asked, measure)
        one = replace(drawn[point.amount], point=point)
        if not self._measured:
            return one
        if point.reached < asked:
            return TOO_CLOSE
        if point.amount < 1:
            if why := self._broken(one, self._wanted(seed)):
                return why
            if self._alike(one):
                return ALIKE
        return one

    def _reached(self, seen: Observation, amount: float) -> float:
        """Measure the strength that a picture on the way has reached."""
        distances, thresholds, nearer = [], [], []
        decoys = self._tools.strangers.decoys if self._tools.strangers else None
        for one in self._comparison.recognisers:
            new, photo = seen.vectors.get(one.name), self._photo.vectors.get(one.name)
            if new is not None and photo is not None and decoys is not None:
                told = decoys.nearer(one, new, photo, self._photo.traits[-len(ATTRIBUTES) :])
                distances.append(one.distance(new, photo))
                thresholds.append(one.threshold)
                nearer.append(told.share if told.like >= limits.LEAST_LIKE else 0.0)
        return strength.reached(distances, thresholds, nearer, amount)

    def _variant(self, seed: int, one: Drawn, seconds: float) -> Variant:
        options, found = self._options, one.measurement
        dial = None
        if self._measured and found.identity:
            dial = DialReading(one.point.amount, options.strength, one.point.reached)
        return Variant(
            one.ws,
            one.pixels,
            seed,
            options.strength,
            found.identity,
            found.structure,
            found.attributes,
            dial=dial,
            seconds=seconds,
        )

    def _wanted(self, seed: int) -> Wanted:
        """Return the requirements for the seed's person."""
        digest = self._inversion.aligned.digest
        able = self._directions.names if self._directions else TRAITS
        return Wanted.of(
            self._photo,
            self._options.keep,
            seed,
            digest,
            able=able,
            room=self._comparison.room,
            toned=self._pasted,
        )

    def _broadcast(self, w: Tensor) -> Tensor:
        return self._renderer.model.generator.broadcast(w[None]).cpu()

    # -- all of them ---------------------------------------------------------------------

    def _alike(self, who: Drawn, factor: float = 1.0) -> bool:
        """Test whether a recogniser takes a candidate for one chosen before."""
        if not self._measured or not self._unlike:
            return False
        vectors = who.seen.vectors
        return any(
            one.distance(vectors[one.name], other.seen.vectors[one.name])
            < factor * self._apart[one.name]
            for one in self._comparison.recognisers
            for other in self._made
            if one.name in vectors and one.name in other.seen.vectors
        )

    @cached_property
    def _apart(self) -> Mapping[str, float]:
        """Return, by recogniser, the distance from which on two variants are two people.

        Its threshold, but no more than the distance between nine of ten of the model's own people:
        those of a small model are all rather alike."""
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
        """Count the pairs of variants that are not two people to every recogniser."""
        thresholds = {one.name: one.threshold for one in self._comparison.recognisers}

        def alike(name: str, distance: float | None) -> bool:
            return distance is None or distance < thresholds[name]

        return sum(
            any(alike(name, rows[i][j]) for name, rows in between.items())
            for i in range(len(self._made))
            for j in range(i)
        )
