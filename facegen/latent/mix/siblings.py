"""Choosing the children to show: near to both parents, neither of them, and not each other."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from ... import limits
from ...measure.identity import calibration
from ...measure.identity.dlib_recogniser import Recogniser
from ...types import Progress
from .children import CANDIDATES, FARTHER, OWN, Child

CHOOSING = "looking at candidates"
NEAR, FAR, PARENT, NO_FACE = range(4)  # see rank


@dataclass(frozen=True)
class Nearness:
    """How near a child is to one parent, as one recogniser measures it.

    strangers: per cent of pairs of strangers that are nearer; 0.1 where none is. same: the distance
    below which a recogniser takes two pictures for one person, at a false match in 1000 pairs.
    limit: 5 in 100 pairs of strangers lie below it. genuine: 99 of 100 pairs of one person lie
    below it."""

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
        """Test whether it is nearer than 95 of 100 pairs of strangers."""
        return self.distance <= self.limit


def nearness(recogniser: str, resolution: int, distance: float) -> Nearness | None:
    """Rate a distance. None for a recogniser that was not calibrated."""
    table = calibration.find(recogniser, resolution)
    if table is None:
        return None
    return Nearness(
        distance,
        table.nearer(distance),
        table.threshold(limits.SIBLINGS),
        table.threshold(5),
        table.genuine[99],
    )


@dataclass(frozen=True)
class Look:
    """A candidate's measurements: recogniser -> distances to both parents, and vector.

    Empty where no face was detected."""

    child: Child
    to_parents: Mapping[str, Sequence[float]]
    vectors: Mapping[str, np.ndarray]


def family(
    conceived: Callable[[float], Iterator[Child]],
    look: Callable[[Sequence[Child]], list[Look]],
    recognisers: Sequence[Recogniser],
    resolution: int,
    count: int,
    at_once: int,
) -> Generator[Progress, None, list[Look]]:
    """Draw CANDIDATES for each child and choose; returns the chosen.

    Where each candidate is a parent to a recogniser, the same ones are turned farther from their
    parents. conceived: an angle -> see children.conceive. at_once: how many to examine together."""
    wanted = count * CANDIDATES
    drawn = list(islice(conceived(OWN), wanted))
    looks: list[Look] = []
    for start in range(0, wanted, at_once):
        yield Progress(CHOOSING, start, wanted)
        looks += look(drawn[start : start + at_once])
    groups = [looks[at : at + CANDIDATES] for at in range(0, wanted, CANDIDATES)]
    short = [
        slot
        for slot, group in enumerate(groups)
        if min(rank(one, recognisers, resolution) for one in group)[0] == PARENT
    ]
    farther = list(islice(conceived(FARTHER), wanted)) if short else []
    for done, slot in enumerate(short):
        of = wanted + len(short) * CANDIDATES
        yield Progress(CHOOSING, wanted + done * CANDIDATES, of)
        groups[slot] += look(farther[slot * CANDIDATES : (slot + 1) * CANDIDATES])
    return choose(groups, recognisers, resolution)


def rank(one: Look, recognisers: Sequence[Recogniser], resolution: int) -> tuple[int, float]:
    """Rank a candidate; lower is better.

    NEAR both parents and neither of them; FAR from one, the nearest first; a PARENT, the least so
    first; without a FACE."""
    seen = [
        nearness(recogniser.name, resolution, distance)
        for recogniser in recognisers
        for distance in one.to_parents.get(recogniser.name, ())
    ]
    known = [nearness for nearness in seen if nearness is not None]
    if not known:
        return NO_FACE, 0.0
    if any(nearness.is_parent for nearness in known):
        return PARENT, -min(nearness.distance / nearness.same for nearness in known)
    if all(nearness.is_near for nearness in known):
        return NEAR, 0.0
    return FAR, max(nearness.strangers for nearness in known)


def choose(
    groups: Sequence[Sequence[Look]], recognisers: Sequence[Recogniser], resolution: int
) -> list[Look]:
    """Choose one of each group: of the best by rank, the one farthest from those chosen before."""
    chosen: list[Look] = []
    for group in groups:
        ranks = [rank(one, recognisers, resolution) for one in group]
        pool = [one for one, its in zip(group, ranks, strict=True) if its == min(ranks)]
        chosen.append(
            max(
                pool,
                key=lambda one: min(
                    (_apart(one.vectors, other.vectors, recognisers) for other in chosen),
                    default=0,
                ),
            )
        )
    return chosen


def _apart(
    first: Mapping[str, np.ndarray],
    second: Mapping[str, np.ndarray],
    recognisers: Sequence[Recogniser],
) -> float:
    """Return the least distance in units of the recognisers' thresholds; 0 where none can tell."""
    found = [
        one.distance(first[one.name], second[one.name]) / one.threshold
        for one in recognisers
        if one.name in first and one.name in second
    ]
    return min(found, default=0.0)
