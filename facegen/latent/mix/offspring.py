"""Children of two faces: generated, chosen and drawn, with their distance to either parent.

Convention of age and sex, read from a code and set in it
    x = (mean of ws - mean over the places up to 32 pixels, the same over those above), [2 w_dim].
    y = m + B x, for age (years) and sex (0 feminine to 100 masculine): ridge regressions on the
    ratings of One Million Impressions (Peterson et al. 2022), of faces met by the model's encoder;
    benchmarks/children.py --fit. A change sets both by the least one in the sense of the
    covariance C of x:  x' = x + C B^T (B C B^T)^-1 (y' - y).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...errors import OptionError
from ...measure.comparison import Comparison
from ...measure.identity.dlib_recogniser import Recogniser
from ...measure.observation import Observer
from ...models import FaceModel, Renderer
from ...options.mix import AS_GENES, ChildOptions
from ...types import Inversion, Progress
from ..codes import CodeStatistics
from .children import Child, Look, Nearness, conceive, family, nearness
from .crossover import RegionMixer

FILE = Path(__file__).parents[2] / "data" / "ages.json"
LOWER_UP_TO = 32  # pixels
FEMININE, MASCULINE = 8.0, 92.0  # of 100: what nearly all people call so


@dataclass(frozen=True, eq=False)
class Tools:
    """The parts of a studio that are needed here."""

    model: FaceModel
    renderer: Renderer
    statistics: CodeStatistics
    observer: Observer
    recognisers: Sequence[Recogniser]


@dataclass(frozen=True, eq=False)
class Offspring:
    """Child number `index`, from 1, of `count`.

    pixels: uint8 [R, R, 3]. to: recogniser -> distance to each parent. vectors: by recogniser."""

    index: int
    count: int
    child: Child
    pixels: np.ndarray
    to: Sequence[Mapping[str, Nearness]]
    vectors: Mapping[str, np.ndarray]


def offspring(
    parents: Sequence[Inversion], options: ChildOptions, tools: Tools, mixer: RegionMixer
) -> Iterator[Progress | Offspring]:
    """Yield the children as they are drawn; before them how many candidates were examined.

    Raises OptionError for an age or a sex where the model has no regressions for them."""
    info, renderer = tools.model.info, tools.renderer
    ages = ages_for(info.name, options)
    first, second = (one.ws for one in parents)
    compared = [Comparison(tools.observer, one.pixels) for one in parents]

    def conceived(own: float) -> Iterator[Child]:
        stream = conceive(first, second, mixer, tools.statistics, options, own)
        return (_grown(one, ages, tools.model, options) for one in stream)

    def look(children: Sequence[Child]) -> list[Look]:
        looks = []
        pictures = renderer.previews([one.ws for one in children])
        for one, pixels in zip(children, pictures, strict=True):
            observed = tools.observer(pixels)
            seen, other = (parent.of(observed, finished=False) for parent in compared)
            distances = {
                name: [seen.identity[name].distance, other.identity[name].distance]
                for name in seen.identity.keys() & other.identity.keys()
            }
            looks.append(Look(one, distances, seen.vectors))
        return looks

    chosen = yield from family(
        conceived, look, tools.recognisers, info.resolution, options.count, renderer.at_once
    )
    for index, one in enumerate(chosen, start=1):
        pixels = renderer.pixels(one.child.ws)
        to = [_near(comparison, pixels, info.resolution) for comparison in compared]
        yield Offspring(index, len(chosen), one.child, pixels, to, one.vectors)


def ages_for(model: str, options: ChildOptions) -> Ages | None:
    """Load what sets age and sex, where either is set. Raises OptionError for other models."""
    return ages_of(model) if options.age != AS_GENES or options.sex else None


def _grown(one: Child, ages: Ages | None, model: FaceModel, options: ChildOptions) -> Child:
    """Set the child's age and sex as the options say."""
    if ages is None:
        return one
    sizes = model.generator.config.layer_resolutions
    age = None if options.age == AS_GENES else options.age
    return replace(one, ws=ages.set(one.ws, sizes, age, options.sex))


def _near(comparison: Comparison, pixels: np.ndarray, resolution: int) -> dict[str, Nearness]:
    """Measure how near a finished picture is, by recogniser; without those that cannot tell."""
    seen = comparison.measure(pixels, finished=False).identity
    found = {name: nearness(name, resolution, one.distance) for name, one in seen.items()}
    return {name: one for name, one in found.items() if one is not None}


@dataclass(frozen=True)
class Ages:
    """Regressions of age and sex on a model's codes.

    slopes [2, 2 w_dim], B; moves [2 w_dim, 2], C B^T (B C B^T)^-1; offsets [2], m; mean [w_dim]: of
    the codes."""

    slopes: Tensor
    moves: Tensor
    offsets: Tensor
    mean: Tensor

    def read(self, ws: Tensor, layer_resolutions: Sequence[int]) -> tuple[float, float]:
        """Read (age in years, sex 0 to 100) of ws [1, num_ws, w_dim]."""
        below = _below(layer_resolutions)
        offset = ws[0] - self.mean
        x = torch.cat([offset[below].mean(0), offset[~below].mean(0)])
        age, sex = (self.offsets + self.slopes @ x).tolist()
        return age, sex

    def set(
        self,
        ws: Tensor,
        layer_resolutions: Sequence[int],
        age: float | None = None,
        sex: float = 0.0,
    ) -> Tensor:
        """Set the age of ws (None: keep it) and move them towards a feminine or masculine look.

        sex: the share of the way, below 0 to a feminine, above 0 to a masculine look."""
        now_age, now_sex = self.read(ws, layer_resolutions)
        goal = MASCULINE if sex > 0 else FEMININE
        change = torch.tensor([0.0 if age is None else age - now_age, abs(sex) * (goal - now_sex)])
        lower, upper = (self.moves @ change).chunk(2)
        below = _below(layer_resolutions)
        return ws + torch.where(below[:, None], lower, upper)


def _below(layer_resolutions: Sequence[int]) -> Tensor:
    return torch.tensor([size <= LOWER_UP_TO for size in layer_resolutions])


@lru_cache(maxsize=2)
def models() -> list[str]:
    """List the models whose ages and sexes are known."""
    return sorted(json.loads(FILE.read_text(encoding="utf-8")))


def ages_of(model: str) -> Ages:
    """Load a model's regressions. Raises OptionError for a model whose ages were not measured."""
    read = json.loads(FILE.read_text(encoding="utf-8"))
    if model not in read:
        known = ", ".join(read)
        raise OptionError(
            f"model is {model}, of which age and sex are not known; leave --age and --sex out, or "
            f"use one of: {known}"
        )
    return Ages(**{name: torch.tensor(value) for name, value in read[model].items()})
