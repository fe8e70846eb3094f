"""The attacker, who has pairs of sources and their pictures and learns to match them.

Two small networks, one for sources and one for the pictures that hide them, bring the features of a
pair together (the contrastive loss of CLIP, Radford et al., https://arxiv.org/abs/2103.00020). They
learn on four fifths of the sources and rank those of the last fifth, five times over, so that each
source is attacked once. Chance is one over the size of the fifth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

FOLDS = 5
LEAST = 10  # sources, below which there is nothing to learn from
_WIDTH, _DEPTH_STEPS, _RATE, _DECAY, _DROPOUT = 128, 400, 2e-3, 0.05, 0.3
_COMPONENTS = 96  # principal ones of each kind of features


@dataclass(frozen=True)
class Attack:
    """The result of an attack.

    found: [N], the share of a source's pictures that lead to it; NaN where it has none. chance: the
    result of guessing."""

    found: np.ndarray
    chance: float


def attack(
    sources: Sequence[np.ndarray], pictures: Sequence[Sequence[np.ndarray]], seed: int = 0
) -> Attack | None:
    """Train and test an attacker. None for fewer than LEAST sources.

    sources: kinds of features, [N, D] each; pictures: of each set of variants (the first of every
    source, the second, ...), the same kinds. NaN: no picture."""
    count = len(sources[0])
    if count < LEAST:
        return None
    folds = np.random.default_rng(seed).permutation(count) % FOLDS
    found = np.full((len(pictures), count), np.nan)
    for fold in range(FOLDS):
        inside, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        tell = _learn(sources, pictures, inside, seed * FOLDS + fold)
        gallery = tell(0, [part[held] for part in sources])
        for k, parts in enumerate(pictures):
            own = [part[held] for part in parts]
            there = ~np.isnan(np.concatenate(own, axis=1)).any(axis=1)
            if there.any():
                likeness = tell(1, [part[there] for part in own]) @ gallery.T
                best = likeness.argmax(dim=1).numpy()
                found[k, held[there]] = best == np.flatnonzero(there)
    sizes = np.array([np.sum(folds == fold) for fold in range(FOLDS)])
    with np.errstate(invalid="ignore"):
        there = ~np.isnan(found)
        counted = there.sum(axis=0)
        each = np.where(counted > 0, np.nansum(found, axis=0) / np.maximum(counted, 1), np.nan)
    return Attack(each, float(FOLDS / sizes.sum()))


def _learn(
    sources: Sequence[np.ndarray],
    pictures: Sequence[Sequence[np.ndarray]],
    inside: np.ndarray,
    seed: int,
) -> Callable[[int, Sequence[np.ndarray]], Tensor]:
    """Train what maps pictures (side 1) and sources (side 0) into one space."""
    reduce = [_Reduced(part[inside]) for part in sources]
    reduce_pictures = [
        _Reduced(np.concatenate([parts[i][inside] for parts in pictures]))
        for i in range(len(sources))
    ]

    def prepared(side: int, parts: Sequence[np.ndarray]) -> Tensor:
        reducers = reduce_pictures if side else reduce
        joined = [r(part) for r, part in zip(reducers, parts, strict=True)]
        return torch.from_numpy(np.concatenate(joined, axis=1)).float()

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        towards = prepared(0, [part[inside] for part in sources])
        froms = [prepared(1, [part[inside] for part in parts]) for parts in pictures]
        networks = [_network(towards.shape[1]), _network(froms[0].shape[1])]
        scale = nn.Parameter(torch.tensor(2.5))
        parameters = [*networks[0].parameters(), *networks[1].parameters(), scale]
        optimiser = torch.optim.AdamW(parameters, _RATE, weight_decay=_DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, _DEPTH_STEPS)
        for _ in range(_DEPTH_STEPS):
            k = int(torch.randint(len(froms), (1,), generator=generator))
            there = ~froms[k].isnan().any(dim=1)
            ours = F.normalize(networks[1](froms[k][there]))
            theirs = F.normalize(networks[0](towards[there]))
            likeness = ours @ theirs.T * scale.exp().clamp(max=100)
            right = torch.arange(len(likeness))
            loss = F.cross_entropy(likeness, right) + F.cross_entropy(likeness.T, right)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    for network in networks:
        network.eval()

    @torch.no_grad()
    def tell(side: int, parts: Sequence[np.ndarray]) -> Tensor:
        return F.normalize(networks[side](prepared(side, parts)))

    return tell


def _network(width: int) -> nn.Sequential:
    """Build a linear map with a nonlinear branch: with so few pairs the linear part does most."""
    return nn.Sequential(
        nn.Dropout(_DROPOUT),
        nn.Linear(width, _WIDTH),
        nn.GELU(),
        nn.Dropout(_DROPOUT),
        nn.Linear(_WIDTH, _WIDTH),
    )


class _Reduced:
    """Standardisation, then whitened principal components."""

    def __init__(self, features: np.ndarray):
        features = features[~np.isnan(features).any(axis=1)].astype(np.float64)
        self._mean, self._scale = features.mean(axis=0), features.std(axis=0) + 1e-6
        standard = (features - self._mean) / self._scale
        _, values, axes = np.linalg.svd(standard, full_matrices=False)
        kept = min(_COMPONENTS, max(1, len(features) // 3), len(values))
        self._axes = axes[:kept].T / (values[:kept] / np.sqrt(len(features)) + 0.3)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        return (features.astype(np.float64) - self._mean) / self._scale @ self._axes
