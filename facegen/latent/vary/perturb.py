"""From one person to another: a rotation of the code, layer by layer, towards a stranger.

Convention
    A stranger is w' = w_avg + F n, with n standard normal and F F^T the covariance of the
    mapping network's w. A layer's code moves by
        ws' = w_avg + cos(phi) (ws - w_avg) + sin(phi) (w' - w_avg),   phi = amount gain pi/2
    For codes with the covariance of w this keeps the covariance, so a variant is as likely a
    code as its reference was (a plain sum would drift away from the faces). phi = 0 is the
    reference itself, phi = pi/2 a stranger. The same stranger drives all layers of a variant:
    features that belong together stay together. An amount above 1 scales w' - w_avg: farther
    than strangers are. What the change must not move is taken out of it (directions.py); what
    moves all the same, as was measured at the path's end, is put right by `mend`, in proportion
    to the amount.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...options import MAX_SEED, VaryOptions
from ...runtime import seeded_normal

# How much of the strength reaches each group of layers. Coarse layers hold pose and the outline of
# the head, which are to stay.
COARSE, MIDDLE, FINE = 0.3, 1.0, 1.0
# A large model has identity in its middle layers and skin, light and backdrop in its fine ones,
# where a small one has no layers left to tell them apart. Pose, which its directions hold well,
# leaves its coarse layers more room.
LARGE, COARSE_LARGE, FINE_LARGE = 512, 0.6, 0.5  # pixels; gains
_VARIANT = 1  # key of the random numbers drawn here


@dataclass(frozen=True)
class CodeStatistics:
    """Of w: its mean [w_dim], nearly w_avg, and a factor F [w_dim, w_dim], covariance F F^T."""

    mean: Tensor
    factor: Tensor

    @classmethod
    def of(cls, w: Tensor) -> CodeStatistics:
        """From samples of w, [N, w_dim]; computed in float64."""
        w = w.double().cpu()
        covariance = torch.cov(w.T)
        values, vectors = torch.linalg.eigh(covariance)
        # the symmetric root: the one that does not depend on the signs of the eigenvectors,
        # which every linear algebra library chooses as it likes
        factor = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
        return cls(w.mean(dim=0).float(), factor.float())

    @property
    def spread(self) -> float:
        """Root mean square of a component of w - w_avg."""
        return float(self.factor.square().sum(dim=1).mean().sqrt())


def layer_gains(layer_resolutions: Sequence[int], options: VaryOptions) -> Tensor:
    """[num_ws] the gain of each place of W+, from the pixels at which it works."""
    resolution = layer_resolutions[-1]
    middle_to = max(32, resolution // 16)
    coarse, fine = (COARSE, FINE) if resolution < LARGE else (COARSE_LARGE, FINE_LARGE)

    def gain(size: int) -> float:
        if size <= 8:
            return coarse * options.coarse
        return MIDDLE * options.middle if size <= middle_to else fine * options.fine

    return torch.tensor([gain(size) for size in layer_resolutions])


def seeds(seed: int, count: int) -> list[int]:
    """One seed a variant. Variant i of seed s is variant 0 of seed s + i."""
    return [(seed + i) % (MAX_SEED + 1) for i in range(count)]


def stranger(statistics: CodeStatistics, seed: int, photo: int) -> Tensor:
    """[w_dim] w' - w_avg of the stranger of that seed for that photo, on the CPU.

    photo: a number made of the photo (AlignedFace.digest): the same seed brings everybody
    somebody else, or whoever shares a seed would share a face.
    """
    return statistics.factor @ seeded_normal(statistics.mean.shape, seed, _VARIANT, photo)


@dataclass(frozen=True)
class Path:
    """towards: [w_dim], the stranger less w_avg. mend: [num_ws or 1, w_dim], what is added to the
    code at amount 1, and of it the share of any other amount; None: nothing."""

    towards: Tensor
    mend: Tensor | None = None


def along(
    ws: Tensor,
    statistics: CodeStatistics,
    gains: Tensor,
    path: Path,
    amount: float,
    truncation_psi: float = 1.0,
    project_out: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """The code at `amount` of a path from ws [1, num_ws, w_dim].

    project_out: takes out of a change of the code what must not change. The same
    shape, float32 on the CPU.
    """
    mean = statistics.mean
    phi = (amount * gains * (math.pi / 2)).clamp(0, math.pi / 2)[:, None]
    stranger = max(amount, 1.0) * path.towards
    moved = mean + torch.cos(phi) * (ws - mean) + torch.sin(phi) * stranger
    if project_out is not None:
        moved = ws + project_out(moved - ws)
    if path.mend is not None:
        moved = moved + amount * path.mend
    return mean + (moved - mean) * truncation_psi
