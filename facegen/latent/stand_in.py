"""A person who does not exist, the same one in several photos: a real person's stand-in.

Convention
    In a photo with the code ws the stand-in with the code w has
        ws' = ws + project_out(gains (mean + scale (w - mean) - ws)),   gains of layer_gains
    pose and expression taken out of the change (vary/directions.py), and what moves all the same,
    as was measured, put right. Of the photo's code a share of the coarse layers (the head's
    outline) and of the fine ones (light, backdrop) is left; a person is in the middle ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..measure.traits import NAMES, POSE
from ..options import VaryOptions
from ..runtime import seeded_normal
from .codes import CodeStatistics, layer_gains
from .vary.directions import Directions

TRUNCATION = 0.8  # of the stand-in's code: nearer to the average than most, to hold in any pose
MOST_MENDED = 3.0  # standard deviations of the codes
_STAND_IN = 31  # key of the random numbers drawn here


@dataclass(frozen=True)
class Reach:
    """How much of the photo's code gives way: factors of layer_gains' coarse and fine ones, and the
    `scale` of the stand-in's difference from the average."""

    coarse: float = 1.0
    fine: float = 1.0
    scale: float = 1.0


# The ways that are tried in each photo, for the one in which the stand-in is most like itself.
REACHES = (
    Reach(), Reach(fine=2.0), Reach(coarse=2.0), Reach(scale=0.8), Reach(scale=1.3),
    Reach(coarse=2.0, fine=2.0),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class StandIn:
    """number: of the person in the set, from 1. w: float32 [w_dim]. vectors: recogniser's name
    -> its vector of the new face in the photo in which it was tried first."""

    number: int
    w: np.ndarray
    vectors: Mapping[str, np.ndarray]


def draw(statistics: CodeStatistics, key: int, person: int, candidate: int) -> Tensor:
    """[w_dim] the code of a candidate for that person's stand-in. key: the run's, random."""
    shape = statistics.mean.shape
    random = statistics.factor @ seeded_normal(shape, key, _STAND_IN, person, candidate)
    return statistics.mean + TRUNCATION * random


class Placing:
    """Puts stand-ins into photos, for one model."""

    def __init__(
        self,
        layer_resolutions: Sequence[int],
        statistics: CodeStatistics,
        directions: Directions | None,
    ):
        self._layers, self._mean = layer_resolutions, statistics.mean
        self._held = directions.known(POSE) if directions else None

    def place(self, ws: Tensor, w: Tensor, reach: Reach) -> Tensor:
        """ws [1, num_ws, w_dim] of a photo -> the stand-in's there."""
        options = VaryOptions(coarse=reach.coarse, fine=reach.fine)
        gains = layer_gains(self._layers, options).clamp(max=1.0)[:, None]
        change = gains * (self._mean + reach.scale * (w - self._mean) - ws)
        return ws + (self._held.project_out(change) if self._held else change)

    def mend(self, ws: Tensor, moved: np.ndarray | None) -> Tensor:
        """The code, what moved by so much (traits.NAMES, NaN: not seen) put right."""
        if moved is None or self._held is None or not self._held.names:
            return ws
        by = torch.tensor([-moved[NAMES.index(name)] for name in self._held.names]).nan_to_num(0.0)
        return ws + self._held.change_within(by, MOST_MENDED).float()
