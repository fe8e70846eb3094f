"""How much a direction does in pictures, and the file that the directions are kept in.

A regression's slope is an estimate, and faces answer less than in proportion; so each direction is
scaled to what it was measured to do on fresh samples, one standard deviation to either side.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .. import weights
from ..studio import Studio
from .edit_directions import Found
from .edit_measures import Measures, unit
from .edit_samples import Seen, groups, rows

FACES = 24  # measured to either side
SEED, PSI = 90_000, 0.7


@dataclass(frozen=True)
class CalibratedSlider:
    """rows [G, w_dim]: the change of each group's code for one unit. facts: for the docs."""

    rows: np.ndarray
    facts: Mapping[str, object]


def starts(studio: Studio, count: int, first: int = SEED) -> list[Tensor]:
    """ws [1, num_ws, w_dim] of faces that nothing was learned from."""
    return [studio.model.code_of(first + i, PSI) for i in range(count)]


def change_of(studio: Studio, rows: np.ndarray) -> Tensor:
    """[num_ws, w_dim] of [G, w_dim]."""
    places = groups(studio.model.generator.config.layer_resolutions)
    sizes = torch.tensor([part.stop - part.start for part in places])
    return torch.from_numpy(rows).float().repeat_interleave(sizes, dim=0)


def calibrated(
    studio: Studio, found: Found, name: str, values: np.ndarray, measures: Measures, look: Seen
) -> CalibratedSlider:
    """values: the measure on the samples. The direction per unit, scaled to what it does."""
    deviation = float(values.std())
    change = change_of(studio, found.rows) * deviation
    codes = starts(studio, FACES)

    def measured(sign: int) -> np.ndarray:
        pictures = studio.renderer.previews([ws + sign * change for ws in codes])
        return measures(look(pictures))[name]

    effect = float(np.nanmedian((measured(1) - measured(-1)) / 2)) / deviation
    one = unit(name, values)
    scale = one / max(effect, 0.2)
    facts = {
        "deviation": round(deviation / one, 4),  # of the samples, in the slider's unit
        "measure": round(one, 5),
        "explained": round(found.explained, 3),
        "groups": list(found.groups),
        "effect": round(effect, 3),
        "length": round(found.cost * one / deviation / max(effect, 0.2), 3),
    }
    return CalibratedSlider(found.rows * scale, facts)


def write(
    path: Path, sliders: Mapping[str, CalibratedSlider], layer_resolutions: Sequence[int]
) -> None:
    """See latent/edit/directions.py, which reads it."""
    about = {
        "format": "facegen",
        "kind": "edits",
        "rows": json.dumps(rows(layer_resolutions)),
        "order": json.dumps(list(sliders)),
        "facts": json.dumps({name: dict(slider.facts) for name, slider in sliders.items()}),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: torch.from_numpy(slider.rows).half() for name, slider in sliders.items()}
    weights.write(path, tensors, about)
