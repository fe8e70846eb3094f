"""Who gets the part: N variants that are faces, different people, and different from each other.

Every candidate is a seed, and a seed gives one variant whatever else is asked for: its own path
(perturb.py), freed of pose and expression (directions.py), as far as the strength asks for
(strength.py). What is chosen is which seeds are shown:

-   Number k of the variants is chosen given numbers 0 to k-1, never looking ahead, so it is the
    same whatever the count. Number 0 is the seed that was asked for, if it holds.
-   The candidates for number k are the unused among the first k + 1 + SPARE seeds. The one
    whose path ends farthest from those of the chosen is taken (diversity.py), if it holds.
-   It holds if the detector accepts its face, its landmarks are plausible, every recogniser calls
    it a different person (from strength 0.5 on) than the reference and than each chosen one, or
    below that strength no chosen one is too like it, and its structure is kept (where the model
    keeps it in its picture of the reference), and so are the attributes that are to be.
-   If none holds, MORE seeds are tried; then the best of all has to do: never one that is no
    face, one that is too close to the reference only last, and of the others the one that is
    too like the fewest.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...measure.comparison import Comparison, Measurement
from ...measure.identity.dlib_recogniser import Recogniser
from ...options import DIFFERENT_FROM, VaryOptions
from ...types import CHANGED, MOVED, DialReading, Inversion, SelectionReport, Variant
from . import diversity, path_search, perturb
from .path_search import Candidate, Finished, Paths, PathSearch, Tools

SPARE = 2  # candidates beyond the number that is needed
MORE = 6  # tried where none of those holds
STRENGTH_ZERO = "At strength 0 there is one picture: the model's own of the photo"
NO_FACE, TOO_CLOSE, ALIKE = "no face", "too close to the reference", "too like another variant"


@dataclass(frozen=True, eq=False)
class Previews:
    """Who is shown if everybody holds: uint8 [P, P, 3] each, in their order."""

    pictures: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Searching:
    """How far the search along the paths has come: `done` of `of` looks at a path."""

    done: int
    of: int


class VariantSelection:
    """Iterate once over the variants; then `report` says what became of them."""

    def __init__(
        self,
        inversion: Inversion,
        options: VaryOptions,
        tools: Tools,
        comparison: Comparison,
        recognisers: Sequence[Recogniser],
    ):
        self._options = options
        self._comparison = comparison
        self._recognisers = recognisers
        self._paths = Paths(inversion, options, tools)
        self._passed: dict[int, str] = {}
        self._resorts: list[str] = []
        self._measurements: list[Measurement] = []
        self._unreached = 0
        self.report: SelectionReport | None = None

    def __iter__(self) -> Iterator[Variant]:
        return (event for event in self.events() if isinstance(event, Variant))

    def events(self) -> Iterator[Searching | Previews | Variant]:
        """The variants, and before them, where finished pictures take time, how far the search for
        them is, and their previews."""
        began = time.perf_counter()
        search = path_search.begin(self._paths, self._options, self._recognisers, self._comparison)
        if search:
            likely = yield from self._searched(search, self._options.count)
            renderer = self._paths.tools.renderer
            if renderer.previewed < renderer.resolution:
                yield Previews(tuple(c.place.pixels for c in likely))
        for finished in self._steered(search) if search else self._plain():
            variant = finished.variant
            self._measurements.append(finished.measurement)
            self._unreached += bool(variant.dial and not variant.dial.reached)
            yield replace(variant, seconds=time.perf_counter() - began)
            began = time.perf_counter()
        self.report = self._report(search)

    def _plain(self) -> Iterator[Finished]:
        """Without a search: the seeds in their order, the strength as the share of the path."""
        options = self._options
        for seed in perturb.seeds(options.seed, options.count):
            ws = self._paths.at(self._paths.path(seed), options.strength)
            pixels = self._paths.pixels(ws, seed)
            measurement = self._comparison.measure(pixels)
            yield Finished(
                Variant(
                    ws,
                    pixels,
                    seed,
                    options.strength,
                    measurement.identity,
                    measurement.structure,
                    measurement.attributes,
                ),
                measurement,
            )

    # -- which candidate gets a number ---------------------------------------------------

    def _steered(self, search: PathSearch) -> Iterator[Finished]:
        chosen: list[Candidate] = []
        for number in range(self._options.count):
            candidate = self._choose(search, number, chosen)
            if candidate:
                finished = self._finish(search, candidate)
                chosen.append(candidate)
                if why := self._passed.pop(candidate.seed, None):  # it is shown after all
                    self._resorts.append(why)
                yield finished

    def _searched(
        self, search: PathSearch, count: int
    ) -> Generator[Searching, None, list[Candidate]]:
        """Who is likely to be chosen, each with its place, a few paths at a time."""
        at_once = self._paths.tools.renderer.at_once
        paths = _everybody(count)
        for number in range(0, paths, at_once):
            yield Searching(number, paths + count)
            search.first(min(number + at_once, paths))
        likely = self._likely(search, count)
        for number in range(0, count, at_once):
            yield Searching(paths + number, paths + count)
            search.place(likely[number : number + at_once])
        return likely

    def _likely(self, search: PathSearch, count: int) -> list[Candidate]:
        """Who is chosen if everybody holds: the strength is searched for on all at once."""
        everybody = search.first(_everybody(count))
        likely: list[Candidate] = []
        for number in range(count):
            seen = everybody[: number + 1 + (SPARE if number else 0)]
            free = [c for c in seen if c not in likely]
            likely.append(_farthest_first(search, free, likely)[0])
        return likely

    def _choose(self, search: PathSearch, number: int, chosen: list[Candidate]) -> Candidate | None:
        """The candidate for one number: the same whatever comes after it."""
        free: list[Candidate] = []
        for looked_at in (number + 1 + (SPARE if number else 0), number + 1 + SPARE + MORE):
            free = [c for c in search.first(looked_at) if c not in chosen]
            for candidate in _farthest_first(search, free, chosen):
                if self._trouble(search, candidate, chosen) is None:
                    return candidate
        return self._last_resort(search, free, chosen)

    def _last_resort(
        self, search: PathSearch, free: list[Candidate], chosen: list[Candidate]
    ) -> Candidate | None:
        """None of them holds: the one with the fewest faults, which may show only when made."""
        close: list[Candidate] = []
        rest = [c for c in free if self._passed[c.seed] != NO_FACE]
        for candidate in sorted(
            _farthest_first(search, rest, chosen), key=lambda c: self._faults(search, c, chosen)
        ):
            why = self._no_face_or_close(self._finish(search, candidate))
            if why is None:
                return candidate
            self._passed[candidate.seed] = why
            if why == TOO_CLOSE:
                close.append(candidate)
        return close[0] if close else None

    def _faults(self, search: PathSearch, candidate: Candidate, chosen: list[Candidate]) -> float:
        """The lower the better. Each one that it is too like counts as much as a turned head."""
        why = self._passed[candidate.seed]
        if why == ALIKE:
            return max(1, sum(self._same(search, candidate, other) for other in chosen))
        return 1 if why in (MOVED, CHANGED) else np.inf

    # -- does it hold? -------------------------------------------------------------------

    def _trouble(
        self, search: PathSearch, candidate: Candidate, chosen: list[Candidate]
    ) -> str | None:
        """Why a candidate does not hold, None if it does. What is cheap to see comes first."""
        search.place([candidate])
        why = self._alike_or_close(search, candidate, chosen)
        if why is None and self._options.strength and search.changed(candidate):
            why = CHANGED
        if why is None:
            self._finish(search, candidate)
            why = self._why(search, candidate, chosen)
        if why:
            self._passed[candidate.seed] = why
        return why

    def _alike_or_close(
        self, search: PathSearch, candidate: Candidate, chosen: list[Candidate]
    ) -> str | None:
        """By the searching recogniser alone, from what it saw on the path."""
        vector, strength = candidate.place.vector, self._options.strength
        different = strength >= DIFFERENT_FROM
        if different and search.is_reference(vector):
            return TOO_CLOSE
        below = search.alike * strength / DIFFERENT_FROM
        limit = search.recogniser.threshold if different else below
        if any(search.recogniser.distance(vector, c.place.vector) < limit for c in chosen):
            return ALIKE
        return None

    def _why(self, search: PathSearch, candidate: Candidate, chosen: list[Candidate]) -> str | None:
        """By all recognisers, of the finished picture."""
        finished = self._finish(search, candidate)
        if why := self._no_face_or_close(finished):
            return why
        different = self._options.strength >= DIFFERENT_FROM
        if different and any(self._same(search, candidate, other) for other in chosen):
            return ALIKE
        structure = finished.variant.structure
        if search.pose_kept and not (structure and structure.kept):
            return MOVED
        return CHANGED if self._paths.changed(finished.variant.attributes) else None

    def _no_face_or_close(self, finished: Finished) -> str | None:
        if finished.measurement.trouble:
            return NO_FACE
        if self._options.strength >= DIFFERENT_FROM and not finished.variant.different_person:
            return TOO_CLOSE
        return None

    def _same(self, search: PathSearch, candidate: Candidate, other: Candidate) -> bool:
        """Whether a recogniser that saw both takes them for one person.

        All recognisers see what was made; what was not, only the one that searches.
        """
        if candidate.finished is None or other.finished is None:
            distance = search.recogniser.distance(candidate.place.vector, other.place.vector)
            return distance < search.recogniser.threshold
        first, second = candidate.finished.measurement.vectors, other.finished.measurement.vectors
        return any(
            recogniser.distance(first[recogniser.name], second[recogniser.name])
            < recogniser.threshold
            for recogniser in self._recognisers
            if recogniser.name in first and recogniser.name in second
        )

    def _finish(self, search: PathSearch, candidate: Candidate) -> Finished:
        """The finished variant of a candidate, and a look at it; made once."""
        if candidate.finished is not None:
            return candidate.finished
        search.place([candidate])
        place, paths = candidate.place, self._paths
        ws = paths.at(candidate.path, place.point.amount)
        # Up to the resolution that recognisers see, the search's own picture is the finished one;
        # but that of the path's start has no seed's own noise.
        renderer = paths.tools.renderer
        if renderer.previewed == renderer.resolution and place.point.amount:
            pixels, known = place.pixels, {search.recogniser.name: place.vector}
        else:
            pixels, known = paths.pixels(ws, candidate.seed), {}
        measurement = self._comparison.measure(pixels, known)
        reading = DialReading(
            place.point.amount, search.target, place.point.distance, search.recogniser.name
        )
        variant = Variant(
            ws,
            pixels,
            candidate.seed,
            self._options.strength,
            measurement.identity,
            measurement.structure,
            measurement.attributes,
            dial=reading,
        )
        candidate.finished = Finished(variant, measurement)
        return candidate.finished

    # -- what became of it ---------------------------------------------------------------

    def _report(self, search: PathSearch | None) -> SelectionReport:
        between = {
            recogniser.name: diversity.between(
                [measurement.vectors.get(recogniser.name) for measurement in self._measurements],
                recogniser.distance,
            )
            for recogniser in self._recognisers
        }
        searched = search is not None and self._options.strength >= DIFFERENT_FROM
        different = sum(
            len(measurement.identity) == len(self._recognisers)
            and not any(found.same_person for found in measurement.identity.values())
            for measurement in self._measurements
        )
        made = len(self._measurements)
        one_picture = self._options.strength == 0 and self._options.noise_mode != "random"
        return SelectionReport(
            asked=self._options.count,
            made=made,
            different=different if searched else None,
            tried=search.tried if search else made,
            passed_over=dict(Counter(self._passed.values())),
            last_resorts=dict(Counter(self._resorts)),
            between=between,
            search_recogniser=search.recogniser.name if search else None,
            alike_pairs=self._alike_pairs(between) if searched else None,
            unreached=self._unreached,
            note=STRENGTH_ZERO if one_picture else "",
            moved=sum(
                not measurement.structure.kept
                for measurement in self._measurements
                if measurement.structure
            ),
            changed=sum(self._paths.changed(one.attributes) for one in self._measurements),
        )

    def _alike_pairs(self, between: Mapping[str, list[list[float | None]]]) -> int:
        """Pairs of variants that are two people to some recogniser at most, not to every one."""
        thresholds = {recogniser.name: recogniser.threshold for recogniser in self._recognisers}

        def alike(name: str, distance: float | None) -> bool:
            return distance is None or distance < thresholds[name]

        return sum(
            any(alike(name, rows[i][j]) for name, rows in between.items())
            for i in range(len(self._measurements))
            for j in range(i)
        )


def _everybody(count: int) -> int:
    """How many candidates so many are likely to be chosen from."""
    return 1 if count == 1 else count + SPARE


def _farthest_first(
    search: PathSearch, free: list[Candidate], chosen: list[Candidate]
) -> list[Candidate]:
    """Those whose paths end farthest from the chosen ones' first."""
    ends, taken = [c.end.vector for c in free], [c.end.vector for c in chosen]
    return [free[i] for i in diversity.farthest_first(ends, taken, search.recogniser.distance)]
