"""Refinement of an aligned face's Inversion, step by step, on the networks of one model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import images
from ..errors import OptionError
from ..face.detect import Detector
from ..measure.perceptual import View
from ..models import Renderer
from ..types import AlignedFace, Inversion
from . import invert


@dataclass(frozen=True)
class RefineTools:
    """The parts of a studio that are needed here.

    look: images -> the views that pictures are compared by; whose: "classifier" or "recogniser",
    whose features those are. lpips: minimised in their place, where its weights are available.
    spread, prior: of the model's w, computed when needed."""

    renderer: Renderer
    detector: Detector
    device: torch.device
    look: Callable[[Tensor], Sequence[View]]
    whose: str
    lpips: Callable[[Tensor, Tensor], Tensor] | None
    spread: Callable[[], float]
    prior: Callable[[], invert.Prior]


def refine(aligned: AlignedFace, steps: int, tools: RefineTools) -> Iterator[Inversion]:
    """Yield the encoder's Inversion, then one after each step.

    The encoder's comes once more at the end where the steps lost the face, as they may in a crop
    that is little more than a blur. Without an encoder the first is the average face. Raises
    OptionError for a model without an encoder and steps 0."""
    model, size = tools.renderer.model, tools.renderer.previewed
    model.check_w()
    if model.encode is None and steps == 0:
        raise OptionError(
            f"steps is 0, but {model.info.name} has no encoder to start from; "
            "use 200 to 1000 refinement steps"
        )
    goal = _Target(aligned, tools)
    generator = model.generator
    with torch.no_grad():
        if model.encode is None:
            ws = generator.broadcast(generator.w_avg[None]).clone()
        else:
            ws = model.encode(goal.target)
    first = last = goal.inversion(ws, 0)
    yield first
    if steps == 0:
        return
    if size == model.info.resolution:
        explore = model.encode is None
        for best in invert.refine(generator, ws, goal.aim, tools.spread(), steps, explore):
            last = goal.inversion(best.ws, best.step, best.noises or None, best.image)
            yield last
    else:
        prior = tools.prior().to(tools.device)
        spread = tools.spread()
        for best in invert.refine_by_preview(generator, ws, goal.aim, size, prior, spread, steps):
            done = best.step == steps
            last = goal.inversion(best.ws, best.step, image=None if done else best.image)
            yield last
    if (
        model.encode is not None
        and _lost(tools.detector, last)
        and not _lost(tools.detector, first)
    ):
        yield replace(first, seconds=last.seconds)


def _lost(detector: Detector, inversion: Inversion) -> bool:
    return detector.trouble(inversion.pixels) is not None


class _Target:
    """A target photo, and how its inversions are drawn and measured."""

    def __init__(self, aligned: AlignedFace, tools: RefineTools):
        self._aligned, self._tools = aligned, tools
        self._started = time.perf_counter()
        # Compared at the size of a preview: what a recogniser can use is seen in it.
        self._size = tools.renderer.previewed
        small = len(aligned.pixels) == self._size
        pixels = aligned.pixels if small else images.resize(aligned.pixels, self._size)
        self.target = images.to_tensor(pixels).to(tools.device)
        # What is reported is one measure for all models and machines; what is minimised may be
        # LPIPS, where its weights are available.
        self._measure = invert.Distance(tools.look).to(self.target)
        self.aim = self._measure
        if tools.lpips:
            self.aim = invert.Distance(tools.look, tools.lpips).to(self.target)

    def inversion(
        self,
        ws: Tensor,
        step: int,
        noises: tuple[Tensor, ...] | None = None,
        image: Tensor | None = None,
    ) -> Inversion:
        """Measure a code. image: a preview to show meanwhile, whose distance is used."""
        tools, resolution = self._tools, self._tools.renderer.resolution
        ws = ws.float().cpu()
        shown = tools.renderer.images(ws, noises=noises) if image is None else image
        compared = shown
        if shown.shape[-1] != self._size:
            compared = F.interpolate(shown, (self._size, self._size), mode="area")
        with torch.no_grad():
            distance = float(self._measure(compared.to(tools.device)))
        pixels = images.to_pixels(shown)[0]
        if shown.shape[-1] != resolution:
            pixels = images.resize(pixels, resolution)
        seconds = time.perf_counter() - self._started
        return Inversion(self._aligned, ws, pixels, distance, step, seconds, noises, tools.whose)
