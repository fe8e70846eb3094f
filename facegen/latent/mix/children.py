"""Children of two faces: a gene a region, from the first parent, the second, or a stranger.

Source: Li et al. 2023, "StyleGene: Crossover and Mutation of Region-level Facial Genes for Kinship
Face Synthesis", CVPR. There encoders learn the genes of 34 regions; here a gene is what the styles
of a region take from a face (regions.py), so that no encoder is needed and any model with styles
will do. As there, a gene is crossed over (one parent's dominates, the other's shows as far as
RECESSIVE) or mutates (it is a stranger's). With five genes alone siblings would be much alike, so
each child is turned a little, by OWN, towards a stranger of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ... import runtime
from ...options.mix import ChildOptions
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
