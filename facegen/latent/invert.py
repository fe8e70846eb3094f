"""Inversion of an aligned face to ws: the encoder's guess, refined by optimisation.

Source: Karras et al. 2020, https://arxiv.org/abs/1912.04958, section 5 and appendix D: the learning
rate ramps up and down, noise on w fades out over the first three quarters, the noise maps are
optimised with a penalty that keeps any picture out of them. The first half of the steps moves one w
for all layers, the second half each layer's own (W+, Abdal et al. 2019,
https://arxiv.org/abs/1904.03189).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..measure.perceptual import View
from ..models import Generator
from ..runtime import seeded

LEARNING_RATE = 0.1  # the paper's; for ws in units of the spread of a component of w
RAMP_UP, RAMP_DOWN = 0.05, 0.25  # shares of the steps
NOISE_ON_W, NOISE_UNTIL = 0.05, 0.75  # in units of the length of w - w_avg; share of the steps
NOISE_MAP_PENALTY = 1e5  # appendix D, alpha
SMALL = 128  # pixels: models up to there are refined unless told otherwise, by
STEPS_SMALL = 20
STEPS_ALONE = 300  # for a model without an encoder
# Through previews (refine_by_preview): the usual steps, Adam's rate in units of w's spread and
# its betas, the steps in which the rate rises and the share of the steps in which it falls, and
# what keeps codes likely and their places together.
STEPS_PREVIEW = 48
STEPS_VARY = 16  # for variants: the person need not be met exactly
PREVIEW_RATE, PREVIEW_BETAS, RISE, FALL = 0.14, (0.8, 0.9), 3, 0.5  # 0.35: it flies apart
PRIOR_WEIGHT, APART_WEIGHT = 0.0005, 0.003
# Beyond the usual steps one in FINISHED_SHARE, at most so many, looks at the finished picture.
FINISHED_MOST, FINISHED_SHARE, FINISHED_RATE = 40, 3, 0.07
PIXEL_WEIGHT, PERCEPTUAL_WEIGHT = 1.0, 1.0
# By the recogniser's features, medians over 50 held-out faces, bundled model: 0.60 by the encoder,
# where dlib hardly sees the same person (0.58 from the photo); 0.44 after 20 steps, plainly the
# same (0.34). By the classifier's, 17 photographs, mobilestylegan-1024: 1.48 after 48 steps (dlib
# 0.31), 1.35 to 1.75 for most.
WORDS = {
    "recogniser": ((0.25, "very close"), (0.4, "close"), (0.6, "recognisable")),
    "classifier": ((1.0, "very close"), (1.5, "close"), (2.0, "recognisable")),
}


def in_words(distance: float, measure: str) -> str:
    """Describe an inversion's distance to a person who compares both pictures."""
    return next((word for limit, word in WORDS[measure] if distance <= limit), "loose")


@dataclass(frozen=True)
class Distance:
    """How far two pictures are apart: mean absolute difference on four scales plus features.

    look: images [N, 3, R, R] -> views of them, each a weight and the activations of a network. Each
    level counts in units of the target's own mean magnitude, so that 0 is a perfect copy and 1
    about a picture that has nothing to do with the target. perceptual: (images, images) ->
    distances [N], such as LPIPS; where given, it replaces the views."""

    look: Callable[[Tensor], Sequence[View]]
    perceptual: Callable[[Tensor, Tensor], Tensor] | None = None

    def to(self, target: Tensor) -> Callable[[Tensor], Tensor]:
        """Return a function from images [1, 3, R, R] to their distance from `target`, a scalar."""
        scales = _pyramid(target)
        with torch.no_grad():
            wanted = [] if self.perceptual else self.look(target)

        def measure(images: Tensor) -> Tensor:
            pairs = zip(_pyramid(images), scales, strict=True)
            pixels = [(a - b).abs().mean() for a, b in pairs]
            total = PIXEL_WEIGHT * torch.stack(pixels).sum() / len(scales)
            if self.perceptual is not None:
                return total + PERCEPTUAL_WEIGHT * self.perceptual(images, target).mean()
            for (weight, seen), (_, meant) in zip(self.look(images), wanted, strict=True):
                parts = [
                    (a.float() - b.float()).abs().mean() / (b.float().abs().mean() + 1e-4)
                    for a, b in zip(seen, meant, strict=True)
                ]
                total = total + weight * sum(parts) / len(parts)
            return total

        return measure


def _pyramid(images: Tensor, levels: int = 4) -> list[Tensor]:
    result = [images]
    for _ in range(levels - 1):
        result.append(F.avg_pool2d(result[-1], 2))
    return result


@dataclass(frozen=True)
class Step:
    """The state after a step: ws and noises are the best so far, with their image and distance."""

    step: int
    ws: Tensor
    noises: tuple[Tensor, ...]
    image: Tensor
    distance: float


@dataclass(frozen=True)
class Prior:
    """How likely a code is: before the mapping network's last activation w is nearly normal.

    Sources: Zhu et al. 2020, https://arxiv.org/abs/2012.09036, P_N; Wulff and Torralba 2020,
    https://arxiv.org/abs/2009.06529. mean [w_dim]; whiten [w_dim, w_dim]: to unit variance in every
    direction."""

    mean: Tensor
    whiten: Tensor

    @classmethod
    def of(cls, w: Tensor) -> Prior:
        """Compute it from samples of w, [N, w_dim], in float64."""
        v = _before_activation(w.double().cpu())
        values, vectors = torch.linalg.eigh(torch.cov(v.T))
        whiten = vectors / values.clamp_min(float(values[-1]) * 1e-4).sqrt()
        return cls(v.mean(dim=0).float(), whiten.float())

    def to(self, device: torch.device) -> Prior:
        return Prior(self.mean.to(device), self.whiten.to(device))

    def __call__(self, ws: Tensor) -> Tensor:
        """Return the mean squared length of ws [..., w_dim]; about 1 for the model's own."""
        return ((_before_activation(ws) - self.mean) @ self.whiten).square().mean()


def _before_activation(w: Tensor) -> Tensor:
    """Invert leaky ReLU with slope 0.2, up to a constant scale."""
    return torch.where(w >= 0, w, 5.0 * w)


def refine(
    generator: Generator,
    start: Tensor,
    measure: Callable[[Tensor], Tensor],
    spread: float,
    steps: int,
    explore: bool = True,
) -> Iterator[Step]:
    """Optimise ws from `start` [1, num_ws, w_dim]; yields a Step after each step.

    The caller may stop at any time: each Step carries the best so far, the start included. spread:
    the root mean square of w - w_avg, which sets all scales. explore: noise on w, for a start at
    the average; from an encoder's guess the way is short, and without noise each step costs half.
    """
    ws_start = start.detach().clone()
    noises = [noise.detach().clone() for noise in generator.free_noises]
    heard = bool(noises)

    def synthesis(ws: Tensor) -> Tensor:
        return generator.synthesize(ws, noises=noises or None)

    shared = torch.zeros_like(ws_start[:, :1])  # moves all layers alike: W
    own = torch.zeros_like(ws_start)  # moves each layer: W+
    free = [shared, own, *noises]
    for tensor in free:
        tensor.requires_grad_(True)
    groups = [{"params": free[:2], "scale": spread}, {"params": free[2:], "scale": 1.0}]
    optimiser = torch.optim.Adam([g for g in groups if g["params"]], betas=(0.9, 0.999))
    random = seeded(0)

    best: Step | None = None
    for step in range(1, steps + 2):
        t = (step - 1) / max(steps, 1)
        with torch.enable_grad():  # the caller may have disabled it
            ws = ws_start + shared + (0.0 if t < 0.5 else own)
        # Exploring, the state reached is judged without noise, at the price of a second picture.
        with torch.set_grad_enabled(not explore):
            image = synthesis(ws)
            loss = measure(image)
        distance = float(loss.detach())
        if best is None or distance < best.distance:
            kept = tuple(n.detach().clone() for n in noises)
            best = Step(step - 1, ws.detach().clone(), kept, image.detach(), distance)
        if step > 1:
            yield replace(best, step=step - 1)
        if step > steps:
            return

        ramp = min(1.0, (1.0 - t) / RAMP_DOWN)
        ramp = (0.5 - 0.5 * math.cos(math.pi * ramp)) * min(1.0, (t + 1 / steps) / RAMP_UP)
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * group["scale"] * ramp
        with torch.enable_grad():
            if explore:
                fade = max(0.0, 1.0 - t / NOISE_UNTIL) ** 2
                jitter = torch.randn(1, 1, ws.shape[2], generator=random).to(ws)
                noisy = ws + jitter * (NOISE_ON_W * spread * math.sqrt(ws.shape[2]) * fade)
                loss = measure(synthesis(noisy))
            if heard:
                loss = loss + NOISE_MAP_PENALTY * noise_map_penalty(noises)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if heard:
            _normalise(noises)


def refine_by_preview(
    generator: Generator,
    start: Tensor,
    measure: Callable[[Tensor], Tensor],
    size: int,
    prior: Prior,
    spread: float,
    steps: int,
) -> Iterator[Step]:
    """Refine a large model's code through previews of `size` pixels, at a tenth of the cost.

    Two things keep the code where the model draws faces: the prior, and a penalty on differences
    between the places beyond the start's. Previews are compared with the photo as they are. With
    many steps the last of them compare the finished picture, shrunk to `size`, which corrects what
    the preview does not show, above all its colours. The Step's image is the one compared."""
    last = finished_steps(steps)
    parts = (
        (steps - last, PREVIEW_RATE, lambda ws: generator.preview(ws, size)),
        (last, FINISHED_RATE, lambda ws: generator.reduced(ws, size)),
    )
    done, best = 0, None
    for count, rate, draw in parts:
        if not count:
            continue
        ws = start if best is None else best.ws
        for best in _descend(draw, ws, measure, prior, spread, count, rate):
            yield replace(best, step=done + best.step)
        done += count


def finished_steps(steps: int) -> int:
    """Return how many of a refinement's steps compare the finished picture."""
    return min(FINISHED_MOST, max(steps - STEPS_PREVIEW, 0) // FINISHED_SHARE)


def _descend(
    draw: Callable[[Tensor], Tensor],
    start: Tensor,
    measure: Callable[[Tensor], Tensor],
    prior: Prior,
    spread: float,
    steps: int,
    rate: float,
) -> Iterator[Step]:
    ws_start = start.detach().clone()
    shared = torch.zeros_like(ws_start[:, :1], requires_grad=True)
    own = torch.zeros_like(ws_start, requires_grad=True)
    optimiser = torch.optim.Adam([shared, own], betas=PREVIEW_BETAS)
    best: Step | None = None
    for step in range(steps + 1):
        t = step / steps
        with torch.enable_grad():
            apart = own - own.mean(dim=1, keepdim=True)
            ws = ws_start + shared + apart
            image = draw(ws)
            distance = measure(image)
            loss = distance + PRIOR_WEIGHT * prior(ws)
            loss = loss + APART_WEIGHT * apart.square().mean() / spread**2
        if best is None or float(distance.detach()) < best.distance:
            best = Step(step, ws.detach(), (), image.detach(), float(distance.detach()))
        if step:
            yield replace(best, step=step)
        if step == steps:
            return
        ramp = min(1.0, (1.0 - t) / FALL)
        ramp = (0.5 - 0.5 * math.cos(math.pi * ramp)) * min(1.0, (step + 1) / RISE)
        optimiser.param_groups[0]["lr"] = rate * spread * ramp
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()


def noise_map_penalty(noises: Sequence[Tensor]) -> Tensor:
    """Penalise correlation with the map shifted by a pixel, on scales to 8x8 (appendix D)."""
    total = noises[0].new_zeros(())
    for noise in noises:
        level = noise[None, None]
        while True:
            total = total + (level * level.roll(1, dims=3)).mean().square()
            total = total + (level * level.roll(1, dims=2)).mean().square()
            if level.shape[-1] <= 8:
                break
            level = F.avg_pool2d(level, 2) * 2  # keeps unit variance
    return total


@torch.no_grad()
def _normalise(noises: list[Tensor]) -> None:
    for noise in noises:
        noise -= noise.mean()
        noise *= noise.square().mean().clamp_min(1e-12).rsqrt()
