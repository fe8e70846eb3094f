"""Faces that a damaged picture could show: the search for each, and how well it agrees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ... import images
from ...models import FaceModel, Renderer
from ...models.renderer import spreads
from ...options.restore import RestoreOptions
from ...types import Progress
from ..codes import CodeStatistics
from ..invert import Distance, Prior
from . import search
from .damage import faithful
from .observe import Observed, enlarged, observed

RESTORING = "restoring"
STYLE_SAMPLES = 1000  # of w, for the spread of the styles


@dataclass(frozen=True, eq=False)
class Tools:
    """The parts of a studio that are needed here. features: by which pictures are compared."""

    model: FaceModel
    renderer: Renderer
    statistics: CodeStatistics
    prior: Prior
    features: Callable
    device: torch.device


@dataclass(frozen=True, eq=False)
class Restoration:
    """Restoration number `index`, from 1.

    pixels: uint8 [R, R, 3]. consistency: see search.consistency; below `limit` the restoration
    agrees with the input. distance: the search's last."""

    index: int
    pixels: np.ndarray
    consistency: float
    limit: float
    distance: float

    @property
    def agrees(self) -> bool:
        return self.consistency <= self.limit


def target_of(seen: Observed, size: int) -> Tensor:
    """Return the input, [1, 3, s, s]; size: pixels of a preview."""
    return observed(seen.whole, seen.damage, size)


def restorations(
    seen: Observed, options: RestoreOptions, tools: Tools
) -> Iterator[Progress | Restoration]:
    """Yield each restoration when it is done, and each step of the search with a preview."""
    size, damage, device = tools.renderer.previewed, seen.damage, tools.device
    target, finest = target_of(seen, size), seen.finest()
    kept = observed(seen.whole, finest, size)
    with torch.no_grad():
        whole = enlarged(observed(seen.whole, replace(damage, known=None), size), size)
        guess = tools.model.encode(whole.to(device)).float().cpu()  # type: ignore[misc]
    distance_of = search.aim(target.to(device), damage, Distance(tools.features).to, size)
    generator, prior = tools.model.generator, tools.prior.to(device)
    style_spreads = spreads(generator, tools.model.sample_w(STYLE_SAMPLES))
    starts = search.starts(
        guess, tools.statistics, options.count, options.seed, seen.aligned.digest
    )
    total = options.count * options.steps
    for index, start in enumerate(starts, start=1):
        for step in search.restore(
            generator,
            start.to(device),
            distance_of,
            size,
            prior,
            tools.statistics.spread,
            style_spreads,
            options.steps,
        ):
            drawn = faithful(step.image.float().cpu(), target, damage, size, options.fidelity)
            done = (index - 1) * options.steps + step.step
            note = f"face {index}, {step.phase}"
            yield Progress(RESTORING, done, total, note, images.to_pixels(drawn)[0])
        image = tools.renderer.images(step.ws.float().cpu(), offsets=step.offsets)
        image = faithful(image.clamp(-1, 1), kept, finest, size, options.fidelity)
        small = F.interpolate(image, (size, size), mode="area") if image.shape[-1] > size else image
        off, limit = search.consistency(small, target, damage), search.agrees_below(damage)
        yield Restoration(index, images.to_pixels(image)[0], off, limit, step.distance)
