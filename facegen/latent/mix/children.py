"""Children of two faces: a gene a region, from the first parent, the second, or a stranger.

Those to show are chosen near to both parents, neither of them, and not each other.
Source: Li et al. 2023, "StyleGene: Crossover and Mutation of Region-level Facial Genes for Kinship
Face Synthesis", CVPR. There encoders learn the genes of 34 regions; here a gene is what the styles
of a region take from a face (regions.py), so that no encoder is needed and any model with styles
will do. As there, a gene is crossed over (one parent's dominates, the other's shows as far as
RECESSIVE) or mutates (it is a stranger's). With five genes alone siblings would be much alike, so
each child is turned a little, by OWN, towards a stranger of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from ... import limits, runtime
from ...measure.identity import calibration
from ...measure.identity.dlib_recogniser import Recogniser
from ...options.mix import ChildOptions
from ...types import Progress
from ..codes import CodeStatistics
from .crossover import RegionMixer
from .regions import REGIONS

RECESSIVE = 0.2  # of the way to the other parent
OWN = 0.35  # radians; see docs/mixing.md for what it does
FARTHER = 0.7  # radians, where every candidate is its parent to a recogniser
FIRST, SECOND, STRANGER = "first", "second", "stranger"
CANDIDATES = 12  # drawn for each child that is shown
MOST_MISSED = 200  # draws in a row that bring no new genes: there are no others
_GENES, _STRANGER, _MUTATION, _OWN = 22, 23, 24, 25  # keys of the random numbers drawn here
CHOOSING = "looking at candidates"
NEAR, FAR, PARENT, NO_FACE = range(4)  # see rank


@dataclass(frozen=True)
class Child:
    """A child's code.

    ws [1, num_ws, w_dim]; genes: region -> whose. seed: of these genes. own: radians by which it is
    turned towards its stranger."""

    ws: Tensor
    genes: dict[str, str]
    seed: int
    own: float = OWN


def conceive(
    first: Tensor,
    second: Tensor,
    mixer: RegionMixer,
    statistics: CodeStatistics,
    options: ChildOptions,
    own: float = OWN,
) -> Iterator[Child]:
    """Yield children without end, CANDIDATES for each that is to be shown.

    Each has other genes than those before as long as there are others. None has all its genes from
    one parent, if both dials are above 0. own: radians by which each is turned towards its
    stranger."""
    seen: set[tuple[str, ...]] = set()
    single = min(options.first, options.second) == 0
    made, missed, seed = 0, 0, options.seed
    while True:
        slot = options.seed + made // CANDIDATES
        genes = _draw(options, seed, slot)
        kind = tuple(genes.values())
        mutated = STRANGER in kind
        alone = len(set(kind)) == 1 and not mutated and not single
        if (alone or (kind in seen and not mutated)) and missed < MOST_MISSED:
            missed += 1
        else:
            seen.add(kind)
            made, missed = made + 1, 0
            yield Child(_made(first, second, genes, mixer, statistics, seed, own), genes, seed, own)
        seed += 1


def _draw(options: ChildOptions, seed: int, slot: int) -> dict[str, str]:
    """Draw the genes of a child.

    Mutations are drawn for a slot, not for a candidate: otherwise choosing those that differ most
    would favour strangers' genes."""
    mutations = torch.rand(len(REGIONS), generator=runtime.seeded(slot, _MUTATION)).tolist()
    parents = torch.rand(len(REGIONS), generator=runtime.seeded(seed, _GENES)).tolist()
    return {
        region: STRANGER
        if mutation < options.stranger
        else (FIRST if parent < options.of_first else SECOND)
        for region, mutation, parent in zip(REGIONS, mutations, parents, strict=True)
    }


def _made(
    first: Tensor,
    second: Tensor,
    genes: dict[str, str],
    mixer: RegionMixer,
    statistics: CodeStatistics,
    seed: int,
    angle: float,
) -> Tensor:
    mean = statistics.mean
    drawn = runtime.seeded_normal(tuple(mean.shape), seed, _STRANGER)
    stranger = (mean + statistics.factor @ drawn).expand_as(first)
    # Straight lines: nearer to both ends than the arc, as recognisers see it.
    codes = {
        FIRST: first.lerp(second, RECESSIVE),
        SECOND: second.lerp(first, RECESSIVE),
        STRANGER: stranger.lerp((first + second) / 2, RECESSIVE),
    }
    mixed = mixer({region: codes[whose] for region, whose in genes.items()})
    own = statistics.factor @ runtime.seeded_normal(tuple(mean.shape), seed, _OWN)
    return mean + math.cos(angle) * (mixed - mean) + math.sin(angle) * own


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
