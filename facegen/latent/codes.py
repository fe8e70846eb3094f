"""Codes w of a model: how they are spread, and which random numbers they are drawn from.

Convention
    A random code is w' = w_avg + F n, with n standard normal and F F^T the covariance of the
    mapping network's w.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import numpy as np
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


def to_text(ws: Tensor) -> str:
    """Write a code, [1, num_ws, w_dim], for a file's text: half floats in base64.

    Where all layers have the same w it is written once."""
    rows = ws[0, :1] if bool((ws == ws[:, :1]).all()) else ws[0]
    return base64.b64encode(rows.numpy().astype("<f2").tobytes()).decode()


def from_text(text: str, num_ws: int, w_dim: int) -> Tensor | None:
    """Read what `to_text` wrote, float32 [1, num_ws, w_dim]; None for anything else."""
    if len(text) > 4 * num_ws * w_dim:
        return None
    try:
        values = np.frombuffer(base64.b64decode(text, validate=True), "<f2").astype(np.float32)
    except (binascii.Error, ValueError):
        return None
    if values.size not in (w_dim, num_ws * w_dim) or not np.isfinite(values).all():
        return None
    rows = torch.from_numpy(values).reshape(1, -1, w_dim)
    return rows.expand(1, num_ws, w_dim).contiguous()
