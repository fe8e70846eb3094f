"""Codes w of a model: how they are spread, and which random numbers they are drawn from.

Convention
    A random code is w' = w_avg + F n, with n standard normal and F F^T the covariance of the
    mapping network's w.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..options import MAX_SEED
from ..runtime import seeded_normal

_OFFSET = 1  # key of the random numbers drawn here


@dataclass(frozen=True)
class CodeStatistics:
    """Statistics of w: its mean [w_dim], nearly w_avg, and F [w_dim, w_dim], covariance F F^T."""

    mean: Tensor
    factor: Tensor

    @classmethod
    def of(cls, w: Tensor) -> CodeStatistics:
        """Compute them from samples of w, [N, w_dim], in float64."""
        w = w.double().cpu()
        covariance = torch.cov(w.T)
        values, vectors = torch.linalg.eigh(covariance)
        # the symmetric root: the one that does not depend on the signs of the eigenvectors,
        # which every linear algebra library chooses as it likes
        factor = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
        return cls(w.mean(dim=0).float(), factor.float())

    @property
    def covariance(self) -> Tensor:
        """Return the covariance, float64 [w_dim, w_dim]."""
        return (self.factor @ self.factor.T).double()

    @property
    def spread(self) -> float:
        """Return the root mean square of a component of w - w_avg."""
        return float(self.factor.square().sum(dim=1).mean().sqrt())


def seeds(seed: int, count: int) -> list[int]:
    """Return one seed for each variant. Variant i of seed s is variant 0 of seed s + i."""
    return [(seed + i) % (MAX_SEED + 1) for i in range(count)]


def random_offset(statistics: CodeStatistics, seed: int, photo: int) -> Tensor:
    """Draw w' - w_avg [w_dim] of a random code for a seed and a photo, on the CPU.

    photo: AlignedFace.digest, so that the same seed gives another photo another code."""
    return statistics.factor @ seeded_normal(statistics.mean.shape, seed, _OFFSET, photo)
