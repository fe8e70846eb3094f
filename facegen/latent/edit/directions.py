"""The directions of a model's sliders, and moving a code along them.

Convention
    A direction is a change of W+, one row for each place: ws' = ws + amount * direction, with the
    amount in the slider's unit. How they were found: tools/edit_directions.py, docs/edits.md.
    How far: the mean over the places of |ws' - w_avg|, over R (see evaluation/walk.py), stays
    as far as the model's codes may go, or within the start's own distance where that is farther.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from ... import weights
from ...errors import OptionError
from ...models import FaceModel
from ...options.edit import EditOptions

FOLDER = Path(__file__).parents[2] / "data" / "edits"
# slider -> (attribute, its standard deviations in the slider's unit): 15 years are one, a third of
# the way from the 5th to the 95th percentile is one; with the sign that the slider counts by.
ATTRIBUTES = {
    "age": ("age", 1 / 15.0),
    "gender": ("gender_presentation", -3.3),
    "smile": ("smile", 3.3),
    "hair_length": ("hair_length", 3.3),
    "hair_colour": ("hair_colour", -3.3),
    "skin_tone": ("skin_tone", 3.3),
}
HALVINGS = 20  # of the way to how far codes may go


@dataclass(frozen=True)
class EditDirections:
    """The directions of one model.

    steps: slider -> float32 [num_ws, w_dim], the change of ws for one unit. facts: slider -> its
    measurements (see docs/edits.md)."""

    model: str
    steps: Mapping[str, Tensor]
    facts: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def change(self, options: EditOptions) -> Tensor:
        """Compute the change of ws [num_ws, w_dim]. Raises OptionError for an unknown slider."""
        return self.change_by(options.asked)

    def change_by(self, amounts: Mapping[str, float]) -> Tensor:
        """Compute the same for amounts by slider, in any range."""
        for name in amounts:
            if name not in self.steps:
                raise OptionError(
                    f"{self.model} has no slider {name!r}; it has: {', '.join(self.steps)}"
                )
        zero = torch.zeros_like(next(iter(self.steps.values())))
        return sum((amount * self.steps[name] for name, amount in amounts.items()), zero)


def models() -> list[str]:
    """List the models that have a file of sliders."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def directions_of(model: FaceModel) -> EditDirections:
    """Load a model's directions: its file in data/edits, else the attributes that came with it.

    Raises OptionError for a model without either."""
    name = model.info.name
    if name in models():
        return _of_file(name)
    if model.attributes:
        return _of_attributes(model)
    known = ", ".join(models()) or "none"
    raise OptionError(f"model is {name}, which has no sliders; those that have: {known}")


@lru_cache(maxsize=4)
def _of_file(model: str) -> EditDirections:
    tensors, about = weights.read(FOLDER / f"{model}.safetensors")
    rows = torch.tensor(json.loads(about["rows"]))  # place of W+ -> row of a direction
    steps = {name: tensors[name].float()[rows] for name in json.loads(about["order"])}
    return EditDirections(model, steps, json.loads(about["facts"]))


def _of_attributes(model: FaceModel) -> EditDirections:
    """Use the same step in all places; the sliders are not independent (training/attributes.py)."""
    places = model.generator.config.num_ws
    steps = {
        name: (scale * model.attributes[attribute].float().cpu()).expand(places, -1)
        for name, (attribute, scale) in ATTRIBUTES.items()
        if attribute in model.attributes
    }
    return EditDirections(model.info.name, steps)


@dataclass(frozen=True)
class Moved:
    """A moved code.

    ws: [1, num_ws, w_dim]. share: how much of the change was applied, 0 to 1; below 1 the limit
    ended it. distance: from the average face, in units of R."""

    ws: Tensor
    share: float
    distance: float


def move(ws: Tensor, change: Tensor, mean: Tensor, radius: float, farthest: float | None) -> Moved:
    """Add to ws [1, num_ws, w_dim] as much of `change` as the limit allows.

    mean [w_dim], radius: of the model's w. farthest: in units of radius; None: no limit."""

    def distance(share: float) -> float:
        return float((ws + share * change - mean).norm(dim=-1).mean()) / radius

    start, whole = distance(0.0), distance(1.0)
    limit = max(start, farthest if farthest is not None else whole)
    share = 1.0
    if whole > limit + 1e-6:
        low, high = 0.0, 1.0
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if distance(middle) <= limit else (low, middle)
        share = low
    return Moved(ws + share * change, share, distance(share))
