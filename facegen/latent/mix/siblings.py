"""Which children are shown: near to both parents, neither of them, and not each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...measure.identity import calibration
from ...measure.identity.dlib_recogniser import Recogniser
from .children import CANDIDATES

SAME = 0.1  # per cent of pairs of strangers nearer than that: nearer still is one person


@dataclass(frozen=True)
class Nearness:
    """How near a child is to one parent, as one recogniser sees it.

    strangers: per cent of pairs of strangers that are nearer; 0.1 where none is. same: the
    distance below which a recogniser takes two pictures for one person, at a false match in 1000
    pairs. limit: that below which 5 in 100 pairs of strangers lie. genuine: that below which 99 of
    100 pairs of pictures of one person lie.
    """

    distance: float
    strangers: float
    same: float
    limit: float
    genuine: float

    @property
    def is_parent(self) -> bool:
        return self.distance < self.same

    @property
    def is_near(self) -> bool:
        """Nearer than 95 of 100 pairs of strangers."""
        return self.distance <= self.limit


def nearness(recogniser: str, resolution: int, distance: float) -> Nearness | None:
    """None for a recogniser that was not calibrated."""
    table = calibration.find(recogniser, resolution)
    if table is None:
        return None
    return Nearness(
        distance,
        table.nearer(distance),
        table.threshold(SAME),
        table.threshold(5),
        table.genuine[99],
    )


def choose(
    to_parents: Sequence[Mapping[str, Sequence[float]]],
    vectors: Sequence[Mapping[str, np.ndarray]],
    recognisers: Sequence[Recogniser],
    resolution: int,
    count: int,
) -> list[int]:
    """The numbers of the candidates to show, one of each CANDIDATES in their order.

    to_parents: for each, recogniser -> its distances to both parents; empty where no face was
    seen. vectors: for each, recogniser -> its vector. Of those that are near to both parents and
    neither of them the one farthest from those chosen before; where there is none such, the nearest
    that is no parent, or the one that is farthest from being one.
    """
    names = [one.name for one in recognisers if calibration.find(one.name, resolution)]

    def rank(index: int) -> tuple[int, float]:
        """0: near both parents and neither of them, 1: not near, 2: a parent, 3: no face."""
        seen = [
            nearness(name, resolution, distance)
            for name in names
            for distance in to_parents[index].get(name, ())
        ]
        known = [one for one in seen if one is not None]
        if not known:
            return 3, 0.0
        farthest = max(one.strangers for one in known)
        if any(one.is_parent for one in known):
            return 2, -min(one.distance / one.same for one in known)
        return (0, 0.0) if all(one.is_near for one in known) else (1, farthest)

    chosen: list[int] = []
    for slot in range(count):
        group = list(range(len(to_parents)))[slot * CANDIDATES : (slot + 1) * CANDIDATES]
        ranks = {index: rank(index) for index in group}
        pool = [index for index in group if ranks[index] == min(ranks.values())]
        chosen.append(
            max(
                pool,
                key=lambda i: min((_apart(i, j, vectors, recognisers) for j in chosen), default=0),
            )
        )
    return chosen


def _apart(
    first: int,
    second: int,
    vectors: Sequence[Mapping[str, np.ndarray]],
    recognisers: Sequence[Recogniser],
) -> float:
    """In units of the recognisers' thresholds, the least of them; 0 where none can tell."""
    found = [
        one.distance(vectors[first][one.name], vectors[second][one.name]) / one.threshold
        for one in recognisers
        if one.name in vectors[first] and one.name in vectors[second]
    ]
    return min(found, default=0.0)
