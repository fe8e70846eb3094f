"""The board of two faces: which mixtures it shows, row by row, and each one's code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ...options.mix import MixOptions
from .crossover import RegionMixer, along_arc, by_layers
from .regions import REGIONS

ROWS = {
    "arc": "along the arc between them",
    "layers": "coarse of A, fine of B",
    "regions-a": "A with one region of B",
    "regions-b": "B with one region of A",
}


@dataclass(frozen=True)
class Recipe:
    """How a mixture is made: a row of ROWS, and a share, a layer's pixels or a region."""

    row: str
    value: float | int | str

    @property
    def in_words(self) -> str:
        match self.row:
            case "arc":
                return f"{float(self.value):.0%} of the way to B"
            case "layers":
                return f"A below {self.value} px, B above"
            case "regions-a":
                return f"A with the {self.value} of B"
        return f"B with the {self.value} of A"


@dataclass(frozen=True, eq=False)
class Mixture:
    """Number `index`, from 1, of `count`. pixels: uint8 [R, R, 3], of ws."""

    index: int
    count: int
    recipe: Recipe
    pixels: np.ndarray
    ws: Tensor


def recipes(layer_resolutions: Sequence[int], options: MixOptions, regional: bool) -> list[Recipe]:
    """List the board's mixtures, row by row. regional: whether the model has regions."""
    steps = options.steps_between
    found = [Recipe("arc", round((i + 1) / (steps + 1), 4)) for i in range(steps)]
    sizes = sorted({size for size in layer_resolutions if size > 4}, reverse=True)
    found += [Recipe("layers", size) for size in sizes if size <= 128][:5]
    if regional:
        found += [Recipe("regions-a", region) for region in REGIONS]
        found += [Recipe("regions-b", region) for region in REGIONS]
    return found


def mixture(
    recipe: Recipe,
    first: Tensor,
    second: Tensor,
    mean: Tensor,
    layer_resolutions: Sequence[int],
    mixer: RegionMixer | None,
) -> Tensor:
    """Compute the code [1, num_ws, w_dim] of a recipe."""
    if recipe.row == "arc":
        return along_arc(first, second, mean, float(recipe.value))
    if recipe.row == "layers":
        return by_layers(first, second, layer_resolutions, int(recipe.value))
    assert mixer is not None
    base, other = (first, second) if recipe.row == "regions-a" else (second, first)
    return mixer({region: other if region == recipe.value else base for region in REGIONS})
