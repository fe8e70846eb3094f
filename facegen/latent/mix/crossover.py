"""Two or more codes into one: by layers, along the arc, by region; and the board that shows them.

Convention
    d = ws - mean, a face's difference from the average one.
    By layers: the places of W+ that work below `cut` pixels from one face, the rest from another.
    Along the arc: d = sin((1 - t) phi) / sin(phi) a + sin(t phi) / sin(phi) b in each place, phi
    the angle between a and b (Shoemake 1985): as far from the average all the way as its ends are,
    where the straight line passes nearer to it.
    By region: each channel of S takes the styles A d of the face that its region comes from, as
    far as it acts there (regions.py). Back in W+ by least squares over the channels, weighted
    by how much they act, in the sense of the covariance of w, so that the result is an ordinary
    code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ...errors import OptionError
from ...models import FaceModel
from ...options.mix import MixOptions
from ..codes import CodeStatistics
from .regions import REGIONS, RegionStyles, matrix, places_of

RIDGE = 1e-3  # over the mean diagonal: what no channel says stays as it is
PARALLEL = 1e-4  # sin of an angle below which the arc is the straight line
ROWS = {
    "arc": "along the arc between them",
    "layers": "coarse of A, fine of B",
    "regions-a": "A with one region of B",
    "regions-b": "B with one region of A",
}


def check_alike(first: Tensor, second: Tensor) -> None:
    """Raise OptionError for codes of two different models."""
    if first.shape[1:] != second.shape[1:]:
        raise OptionError(
            f"the first face is {tuple(first.shape[1:])} numbers of its model, the second "
            f"{tuple(second.shape[1:])}: two models cannot be mixed; invert both with one"
        )


def by_layers(coarse: Tensor, fine: Tensor, layer_resolutions: Sequence[int], cut: int) -> Tensor:
    """Take places of ws [1, num_ws, w_dim] below `cut` pixels from `coarse`, others from `fine`.

    Raises OptionError for codes of two models."""
    check_alike(coarse, fine)
    below = torch.tensor([size < cut for size in layer_resolutions])
    return torch.where(below[:, None], coarse, fine)


def along_arc(first: Tensor, second: Tensor, mean: Tensor, share: float) -> Tensor:
    """Interpolate between two codes, share 0 the first, 1 the second.

    Raises OptionError for codes of two models or a share outside 0 to 1."""
    check_alike(first, second)
    if not 0 <= share <= 1:
        raise OptionError(f"share is {share}; it must lie between 0 (first face) and 1 (second)")
    a, b = first - mean, second - mean
    cosine = (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1)).clamp_min(1e-12)
    angle = cosine.clamp(-1, 1).acos()
    sine = angle.sin()
    straight = sine < PARALLEL
    safe = torch.where(straight, torch.ones_like(sine), sine)
    of_a = torch.where(
        straight, torch.full_like(sine, 1 - share), ((1 - share) * angle).sin() / safe
    )
    of_b = torch.where(straight, torch.full_like(sine, share), (share * angle).sin() / safe)
    return mean + of_a[..., None] * a + of_b[..., None] * b


@dataclass(frozen=True)
class RegionMixer:
    """Combines codes region by region, for one model."""

    model: FaceModel
    statistics: CodeStatistics
    styles: RegionStyles
    sharpness: float = 2.0

    def __call__(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Combine `parts`, a code [1, num_ws, w_dim] for each of REGIONS.

        Raises OptionError for codes of two models."""
        codes = [parts[name] for name in REGIONS]
        for code in codes[1:]:
            check_alike(codes[0], code)
        mean = self.statistics.mean
        stack = torch.cat(codes) - mean  # [regions, num_ws, w_dim]
        base = stack.mean(dim=0, keepdim=True)
        result = base[0].clone()
        for place, (maker, back, shares) in self._solvers.items():
            wanted = ((stack[:, place] - base[:, place]) @ maker.T * shares).sum(dim=0)
            result[place] += back @ wanted
        return (mean + result)[None]

    @cached_property
    def _solvers(self) -> dict[int, tuple[Tensor, Tensor, Tensor]]:
        """Return place -> (A, the map from wanted styles back to w, shares of the regions)."""
        layers = self.model.generator.style_layers
        matrices = torch.cat([matrix(layer, len(self.statistics.mean)) for layer, _ in layers])
        places, shares = places_of(self.model), self.styles.shares(self.sharpness)
        weight = self.styles.energy.mean(dim=0)
        found = {}
        for place in places.unique().tolist():
            here = places == place
            maker = matrices[here]
            scaled = (maker @ self.statistics.factor).double()
            # each channel's error counts in units of its own spread
            spread = scaled.square().sum(dim=1).clamp_min(1e-20)
            weighted = scaled * (weight[here].double() / spread)[:, None]
            normal = weighted.T @ scaled
            normal += RIDGE * normal.diagonal().mean() * torch.eye(len(normal)).double()
            back = self.statistics.factor.double() @ torch.linalg.solve(normal, weighted.T)
            found[place] = maker, back.float(), shares[:, here]
        return found


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
