"""A stand-in: a person who does not exist, who replaces one real person in several photos.

A stand-in is a stranger who fits one of the photos (vary/selection.py). For another photo their
code is moved along the directions of pose and expression until they hold their head as the person
there does; nothing of that photo's code comes in, so that it stays one person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..measure.keeping import Wanted
from ..measure.observation import Observation, Observer
from ..models import Renderer
from .codes import CodeStatistics
from .vary.matching import Matching
from .vary.strangers import Strangers

STEPS = 3  # looks in each photo
SHORTER = (1.0, 0.5)  # shares of the way to a photo's pose that are tried


@dataclass(frozen=True, eq=False)
class StandIn:
    """A stand-in.

    number: of the person in the set, from 1. w: float32 [w_dim]. vectors: recogniser's name -> its
    vector of the new face in the first photo."""

    number: int
    w: np.ndarray
    vectors: Mapping[str, np.ndarray]


def in_pose(
    photo: Observation,
    person: StandIn,
    observer: Observer,
    renderer: Renderer,
    strangers: Strangers,
    statistics: CodeStatistics,
) -> list[Tensor]:
    """Find codes ws [1, num_ws, w_dim] of the stand-in in a photo's pose, the best first."""
    fit = Matching(strangers, strangers.directions(statistics), Wanted.of(photo, ()), ())
    start = torch.from_numpy(person.w)
    w = start
    for _ in range(STEPS - 1):
        w = fit.corrected(w, observer(renderer.pixels(_broadcast(renderer, w))))
    return [_broadcast(renderer, torch.lerp(start, w, share)) for share in SHORTER]


def _broadcast(renderer: Renderer, w: Tensor) -> Tensor:
    return renderer.model.generator.broadcast(w[None]).cpu()
