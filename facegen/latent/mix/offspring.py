"""Children of two faces: generated, chosen and drawn, with their distance to either parent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...measure.comparison import Comparison
from ...measure.identity.dlib_recogniser import Recogniser
from ...measure.observation import Observer
from ...models import FaceModel, Renderer
from ...options.mix import AS_GENES, ChildOptions
from ...types import Inversion, Progress
from ..codes import CodeStatistics
from .ages import Ages, ages_of
from .children import Child, conceive
from .crossover import RegionMixer
from .siblings import Look, Nearness, family, nearness


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
