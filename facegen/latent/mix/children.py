"""Children of two faces: a gene a region, from the first parent, the second, or a stranger.

Source: Li et al. 2023, "StyleGene: Crossover and Mutation of Region-level Facial Genes for Kinship
Face Synthesis", CVPR. There encoders learn the genes of 34 regions; here a gene is what the
styles of a region take from a face (regions.py), so that no encoder is needed and any model with
styles will do. As there, a gene is crossed over (one parent's dominates, the other's is felt, as
far as RECESSIVE) or mutates (it is a stranger's).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ... import runtime
from ..vary.perturb import CodeStatistics
from .crossover import RegionMixer
from .options import ChildOptions
from .regions import REGIONS

RECESSIVE = 0.4  # of the way to the other parent
FIRST, SECOND, STRANGER = "first", "second", "stranger"
_GENES, _STRANGER = 22, 23  # keys of the random numbers drawn here


@dataclass(frozen=True)
class Child:
    """ws [1, num_ws, w_dim]; genes: region -> whose. seed: of these genes."""

    ws: Tensor
    genes: dict[str, str]
    seed: int


def conceive(
    first: Tensor,
    second: Tensor,
    mixer: RegionMixer,
    statistics: CodeStatistics,
    options: ChildOptions,
) -> Iterator[Child]:
    """Children without end, each of other genes than those before as long as there are others.

    None has all its genes from one parent, if both dials are above 0 or strangers may give some.
    """
    seen: set[tuple[str, ...]] = set()
    seed = options.seed
    single = min(options.first, options.second) == 0 and options.stranger == 0
    possible = len(REGIONS) * 4
    missed = 0
    while True:
        genes = _draw(options, seed)
        kind = tuple(genes.values())
        only_one = len(set(kind)) == 1 and kind[0] != STRANGER and not single
        mutated = STRANGER in kind
        if only_one or (kind in seen and not mutated and missed < possible):
            missed += 1
            seed += 1
            if missed < 10 * possible:
                continue
        seen.add(kind)
        missed = 0
        yield Child(_made(first, second, genes, mixer, statistics, seed), genes, seed)
        seed += 1


def _draw(options: ChildOptions, seed: int) -> dict[str, str]:
    chance = runtime.seeded(seed, _GENES)
    draws = torch.rand(len(REGIONS), 2, generator=chance)
    return {
        region: STRANGER
        if float(mutation) < options.stranger
        else (FIRST if float(parent) < options.of_first else SECOND)
        for region, (mutation, parent) in zip(REGIONS, draws, strict=True)
    }


def _made(
    first: Tensor,
    second: Tensor,
    genes: dict[str, str],
    mixer: RegionMixer,
    statistics: CodeStatistics,
    seed: int,
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
    return mixer({region: codes[whose] for region, whose in genes.items()})
