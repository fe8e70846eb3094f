"""Who gets the part: N variants that are faces, different people, and different from each other.

Every candidate is a seed, and a seed gives one variant whatever else is asked for: its own path
(perturb.py), freed of pose and expression (directions.py), as far as the strength asks for
(strength.py). What is chosen is which seeds are shown:

-   Number k of the variants is chosen given numbers 0 to k-1, never looking ahead, so it is the
    same whatever the count. Number 0 is the seed that was asked for, if it holds.
-   The candidates for number k are the unused among the first k + 1 + SPARE seeds. The one
    whose path ends farthest from those of the chosen is taken (diversity.py), if it holds.
-   It holds if the detector accepts its face, its landmarks are plausible, every judge calls it
    a different person (from strength 0.5 on) than the reference and than each chosen one, or
    below that strength no chosen one is too like it, and its structure is kept (where the model
    keeps it in its picture of the reference).
-   If none holds, MORE seeds are tried; then the best of all has to do: never one that is no
    face, one that is too close to the reference only last, and of the others the one that is
    too like the fewest.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from ...measure.comparison import Likeness, Look
from ...measure.identity import calibration
from ...measure.identity.dlib_recogniser import Judge
from ...models import Renderer
from ...options import DIFFERENT_FROM, VaryOptions
from ...types import MOVED, DialReading, Inversion, Promise, Variant
from . import diversity, perturb
from .directions import Directions
from .strength import Point, search, target_distance

SPARE = 2  # candidates beyond the number that is needed
MORE = 6  # tried where none of those holds
DIGITS = 4  # of a distance; a judge's opinion is worth two
NO_FACE, TOO_CLOSE, ALIKE = "no face", "too close to the reference", "too like another variant"


@dataclass
class _Candidate:
    seed: int
    towards: Tensor
    end: Point
    end_vector: np.ndarray
    seen: dict[float, tuple[np.ndarray, np.ndarray]]  # amount -> (picture, the judge's vector)
    point: Point | None = None
    variant: Variant | None = None
    look: Look | None = None


@dataclass(frozen=True)
class Tools:
    """What the studio lends.

    farthest: the amount at which paths end; directions: None where none could be fitted.
    """

    renderer: Renderer
    statistics: perturb.CodeStatistics
    directions: Directions | None
    farthest: float


@dataclass(frozen=True, eq=False)
class Previews:
    """Who is shown if everybody holds: uint8 [P, P, 3] each, in their order."""

    pictures: tuple[np.ndarray, ...]


class Casting:
    """Iterate once over the variants; then `promise` says what became of them."""

    def __init__(
        self,
        inversion: Inversion,
        options: VaryOptions,
        tools: Tools,
        likeness: Likeness,
        judges: Sequence[Judge],
    ):
        self._ws = inversion.ws
        self._options = options
        self._tools = tools
        self._likeness = likeness
        self._judges = judges
        config = tools.renderer.model.generator.config
        self._gains = perturb.layer_gains(config.layer_resolutions, options)
        self._photo = inversion.aligned.digest
        self._noises = inversion.noises if options.noise_mode == "const" else None
        self._freed = tools.directions.freed if tools.directions else None
        self._candidates: list[_Candidate] = []
        self._passed: dict[int, str] = {}
        self._resorts: list[str] = []
        self._looks: list[Look] = []
        self._unreached = 0
        self._search: Judge | None = None
        self.promise: Promise | None = None

    def __iter__(self) -> Iterator[Variant]:
        return (event for event in self.events() if isinstance(event, Variant))

    def events(self) -> Iterator[Previews | Variant]:
        """The variants, and before them, where finished pictures take time, their previews."""
        began = time.perf_counter()
        made = 0
        steered = self._steerable()
        if steered:
            likely = self._likely(self._options.count)
            self._turn(likely)
            if self._tools.renderer.previewed < self._tools.renderer.resolution:
                yield Previews(tuple(c.seen[c.point.amount][0] for c in likely))
        for variant, look in self._steered() if steered else self._plain():
            made += 1
            self._looks.append(look)
            self._unreached += bool(variant.dial and not variant.dial.reached)
            yield replace(variant, seconds=time.perf_counter() - began)
            began = time.perf_counter()
        self.promise = self._summary(made)

    # -- without the dial ----------------------------------------------------------------

    def _plain(self) -> Iterator[tuple[Variant, Look]]:
        options = self._options
        for seed in perturb.seeds(options.seed, options.count):
            towards = perturb.stranger(self._tools.statistics, seed, self._photo)
            ws = self._at(towards, options.strength)
            yield self._finished(ws, seed)

    def _finished(
        self,
        ws: Tensor,
        seed: int,
        pixels: np.ndarray | None = None,
        vector: np.ndarray | None = None,
        reading: DialReading | None = None,
    ) -> tuple[Variant, Look]:
        if pixels is None:
            mode = self._options.noise_mode
            pixels = self._tools.renderer.pixels(ws, mode, seed, self._noises)
        known = {self._search.name: vector} if vector is not None else {}
        look = self._likeness.look(pixels, known)
        strength = self._options.strength
        variant = Variant(ws, pixels, seed, strength, look.identity, look.structure, dial=reading)
        return variant, look

    # -- with it -------------------------------------------------------------------------

    def _steerable(self) -> bool:
        """Whether there is something to measure by: a judge, and a face in both pictures of
        the reference. Sets what the search compares with."""
        if not self._options.dial or not self._judges or self._likeness.face is None:
            return False
        judge = self._judges[0]
        # In noise_mode "random" too it is one picture, whichever seeds are asked for.
        (pixels,) = self._previews([self._at(None, 0.0)], [0])
        start = self._likeness.look(pixels)
        if start.trouble or judge.name not in start.vectors:
            return False
        self._search = judge
        self._known = (self._likeness.vectors[judge.name], start.vectors[judge.name])
        self._start = pixels, start.vectors[judge.name]
        self._a_face = start.face  # the judge wants to hear that there is one
        self._pose_kept = bool(start.structure and start.structure.kept)
        table = calibration.find(judge.name, self._tools.renderer.resolution)
        strangers = table.mean if table else judge.threshold
        self._alike = table.same[95] if table else judge.threshold / 2
        self._target = target_distance(self._options.strength, judge.threshold, strangers)
        return True

    def _steered(self) -> Iterator[tuple[Variant, Look]]:
        chosen: list[_Candidate] = []
        for number in range(self._options.count):
            candidate = self._choose(number, chosen)
            if candidate:
                self._make(candidate)
                chosen.append(candidate)
                if why := self._passed.pop(candidate.seed, None):  # it is shown after all
                    self._resorts.append(why)
                yield candidate.variant, candidate.look

    def _likely(self, count: int) -> list[_Candidate]:
        """Who is chosen if everybody holds: their dials are turned together."""
        everybody = self._first(1 if count == 1 else count + SPARE)
        likely: list[_Candidate] = []
        for number in range(count):
            seen = everybody[: number + 1 + (SPARE if number else 0)]
            likely.append(self._in_order([c for c in seen if c not in likely], likely)[0])
        return likely

    def _choose(self, number: int, chosen: list[_Candidate]) -> _Candidate | None:
        """The candidate for one number: the same whatever comes after it."""
        free: list[_Candidate] = []
        for looked_at in (number + 1 + (SPARE if number else 0), number + 1 + SPARE + MORE):
            free = [c for c in self._first(looked_at) if c not in chosen]
            for candidate in self._in_order(free, chosen):
                if self._trouble(candidate, chosen) is None:
                    return candidate
        return self._last_resort(free, chosen)

    def _last_resort(self, free: list[_Candidate], chosen: list[_Candidate]) -> _Candidate | None:
        """None of them holds: the one with the fewest faults, which may show only when made."""
        close: list[_Candidate] = []
        rest = [c for c in free if self._passed[c.seed] != NO_FACE]
        for candidate in sorted(
            self._in_order(rest, chosen), key=lambda one: self._faults(one, chosen)
        ):
            self._make(candidate)
            why = self._no_face_or_close(candidate)
            if why is None:
                return candidate
            self._passed[candidate.seed] = why
            if why == TOO_CLOSE:
                close.append(candidate)
        return close[0] if close else None

    def _faults(self, candidate: _Candidate, chosen: list[_Candidate]) -> float:
        """The lower the better. Each one that it is too like counts as much as a turned head."""
        why = self._passed[candidate.seed]
        if why == ALIKE:
            return max(1, sum(self._same(candidate, other) for other in chosen))
        return 1 if why == MOVED else np.inf

    def _in_order(self, free: list[_Candidate], chosen: list[_Candidate]) -> list[_Candidate]:
        vectors = ([c.end_vector for c in group] for group in (free, chosen))
        return [free[i] for i in diversity.farthest(*vectors, self._search.distance)]

    def _trouble(self, candidate: _Candidate, chosen: list[_Candidate]) -> str | None:
        """Why a candidate does not hold, None if it does. What is cheap to see comes first."""
        self._turn([candidate])
        why = self._alike_or_close(candidate, chosen)
        if why is None:
            self._make(candidate)
            why = self._why(candidate, chosen)
        if why:
            self._passed[candidate.seed] = why
        return why

    def _alike_or_close(self, candidate: _Candidate, chosen: list[_Candidate]) -> str | None:
        """By the search judge alone, from what it saw on the path."""
        _, vector = candidate.seen[candidate.point.amount]
        apart, strength = self._search.distance, self._options.strength
        different = strength >= DIFFERENT_FROM
        if different and apart(vector, self._known[0]) < self._search.threshold:
            return TOO_CLOSE
        limit = self._search.threshold if different else self._alike * strength / DIFFERENT_FROM
        for other in chosen:
            if apart(vector, other.seen[other.point.amount][1]) < limit:
                return ALIKE
        return None

    def _why(self, candidate: _Candidate, chosen: list[_Candidate]) -> str | None:
        """By all judges, of the finished picture."""
        if why := self._no_face_or_close(candidate):
            return why
        different = self._options.strength >= DIFFERENT_FROM
        if different and any(self._same(candidate, other) for other in chosen):
            return ALIKE
        if self._pose_kept and not candidate.variant.structure.kept:
            return MOVED
        return None

    def _no_face_or_close(self, candidate: _Candidate) -> str | None:
        if candidate.look.trouble:
            return NO_FACE
        if self._options.strength >= DIFFERENT_FROM and not candidate.variant.different_person:
            return TOO_CLOSE
        return None

    def _same(self, candidate: _Candidate, other: _Candidate) -> bool:
        """Whether a judge that saw both takes them for one person.

        All judges see what was made; what was not, only the one that searches.
        """
        if candidate.look is None:
            pairs = [
                (self._search, *(c.seen[c.point.amount][1] for c in (candidate, other))),
            ]
        else:
            first, second = candidate.look.vectors, other.look.vectors
            pairs = [
                (judge, first[judge.name], second[judge.name])
                for judge in self._judges
                if judge.name in first and judge.name in second
            ]
        return any(judge.distance(a, b) < judge.threshold for judge, a, b in pairs)

    def _make(self, candidate: _Candidate) -> None:
        """The finished variant of a candidate, and a look at it."""
        if candidate.variant is not None:
            return
        point = candidate.point
        reading = DialReading(point.amount, self._target, point.distance, self._search.name)
        ws = self._at(candidate.towards, point.amount)
        tools, seen = self._tools, candidate.seen[point.amount]
        # Up to the resolution that judges see, the search's own picture is the finished one; but
        # that of the path's start has no seed's own noise.
        finished = tools.renderer.previewed == tools.renderer.resolution
        known = seen if finished and point.amount else (None, None)
        made = self._finished(ws, candidate.seed, *known, reading)
        candidate.variant, candidate.look = made

    # -- measuring along paths -----------------------------------------------------------

    def _at(self, towards: Tensor | None, amount: float) -> Tensor:
        tools = self._tools
        if towards is None:
            towards = tools.statistics.mean * 0
        psi = self._options.truncation_psi
        return perturb.along(
            self._ws, tools.statistics, self._gains, towards, amount, psi, self._freed
        )

    def _first(self, number: int) -> list[_Candidate]:
        """The first so many candidates, measured at the ends of their paths."""
        seeds = perturb.seeds(self._options.seed, number)[len(self._candidates) :]
        if seeds:
            statistics = self._tools.statistics
            strangers = [perturb.stranger(statistics, seed, self._photo) for seed in seeds]
            ends = self._measure(strangers, [self._tools.farthest] * len(seeds), seeds)
            for seed, towards, (pixels, vector) in zip(seeds, strangers, ends, strict=True):
                end = Point(self._tools.farthest, self._distance(vector))
                seen = {0.0: self._start, end.amount: (pixels, vector)}
                self._candidates.append(_Candidate(seed, towards, end, vector, seen))
        return self._candidates[:number]

    def _turn(self, candidates: list[_Candidate]) -> None:
        """The dial of those where it was not turned yet, all of them together."""
        waiting = [c for c in candidates if c.point is None]

        def measure(paths: list[int], amounts: list[float]) -> list[float]:
            asked = [waiting[i] for i in paths]
            found = self._measure([c.towards for c in asked], amounts, [c.seed for c in asked])
            for candidate, amount, one in zip(asked, amounts, found, strict=True):
                candidate.seen[amount] = one
            return [self._distance(vector) for _, vector in found]

        points = search([c.end for c in waiting], self._target, measure)
        for candidate, point in zip(waiting, points, strict=True):
            candidate.point = point

    def _measure(
        self, towards: Sequence[Tensor], amounts: Sequence[float], seeds: Sequence[int]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """(picture, the search judge's vector) of places on paths."""
        ws = [self._at(one, amount) for one, amount in zip(towards, amounts, strict=True)]
        pictures = self._previews(ws, seeds)
        faces = [self._a_face] * len(pictures)
        return list(zip(pictures, self._search.embed_all(pictures, faces), strict=True))

    def _previews(self, ws: Sequence[Tensor], seeds: Sequence[int]) -> list[np.ndarray]:
        mode = self._options.noise_mode
        return self._tools.renderer.previews(ws, mode, seeds, self._noises)

    def _distance(self, vector: np.ndarray) -> float:
        """D of strength.py: to the nearer of the photo and the model's picture of it.

        Rounded, as a network's last bits may depend on what else is in a batch.
        """
        return round(min(self._search.distance(vector, known) for known in self._known), DIGITS)

    # -- what became of it ---------------------------------------------------------------

    def _summary(self, made: int) -> Promise:
        names = [judge.name for judge in self._judges]
        between = {
            judge.name: diversity.between(
                [look.vectors.get(judge.name) for look in self._looks], judge.distance
            )
            for judge in self._judges
        }
        promised = self._search is not None and self._options.strength >= DIFFERENT_FROM
        different = sum(
            len(look.identity) == len(names)
            and not any(one.same_person for one in look.identity.values())
            for look in self._looks
        )
        return Promise(
            asked=self._options.count,
            made=made,
            different=different if promised else None,
            tried=len(self._candidates) or made,
            passed_over=dict(Counter(self._passed.values())),
            last_resorts=dict(Counter(self._resorts)),
            between=between,
            search_judge=self._search and self._search.name,
            alike_pairs=self._alike_pairs(between) if promised else None,
            unreached=self._unreached,
            moved=sum(not look.structure.kept for look in self._looks if look.structure),
        )

    def _alike_pairs(self, between: Mapping[str, list[list[float | None]]]) -> int:
        """Pairs of variants that are two people to some judge at most, not to every one."""
        thresholds = {judge.name: judge.threshold for judge in self._judges}
        return sum(
            any(
                rows[i][j] is None or rows[i][j] < thresholds[name]
                for name, rows in between.items()
            )
            for i in range(len(self._looks))
            for j in range(i)
        )
