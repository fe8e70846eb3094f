"""From an aligned face to ws: the encoder's guess, refined by optimisation.

Source: Karras et al. 2020, https://arxiv.org/abs/1912.04958, section 5 and appendix D: the
learning rate ramps up and down, noise on w fades out over the first three quarters, the noise
maps are optimised with a penalty that keeps any picture out of them. The first half of the
steps moves one w for all layers, the second half each layer's own (W+, Abdal et al. 2019,
https://arxiv.org/abs/1904.03189).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from .networks.stylegan2 import SynthesisNetwork
from .runtime import seeded

LEARNING_RATE = 0.1  # the paper's; for ws in units of the spread of a component of w
RAMP_UP, RAMP_DOWN = 0.05, 0.25  # shares of the steps
# The paper's noise on w is 0.05 times the length of a typical w - w_avg. That is made for a
# start at the average; from an encoder's guess it would undo the guess, so here it is 0.05
# times the spread of one component.
NOISE_ON_W, NOISE_UNTIL = 0.05, 0.75  # NOISE_UNTIL: share of the steps
NOISE_MAP_PENALTY = 1e5  # appendix D, alpha
PIXEL_WEIGHT, FEATURE_WEIGHT = 1.0, 1.0
WORDS = ((0.2, "very close"), (0.3, "close"), (0.4, "recognisable"), (math.inf, "loose"))


def in_words(distance: float) -> str:
    """What an inversion's distance means for a person who looks at both pictures."""
    return next(word for limit, word in WORDS if distance <= limit)


@dataclass(frozen=True)
class Distance:
    """How far two pictures are apart: mean absolute difference on four scales plus features.

    look: images [N, 3, R, R] -> activations of a network that knows faces. Each level counts in
    units of the target's own mean magnitude, so that 0 is a perfect copy and 1 about a picture
    that has nothing to do with the target. perceptual: (images, images) -> distances [N], such
    as LPIPS; where it is there, it takes the features' place.
    """

    look: Callable[[Tensor], list[Tensor]]
    perceptual: Callable[[Tensor, Tensor], Tensor] | None = None

    def to(self, target: Tensor) -> Callable[[Tensor], Tensor]:
        """A function images [1, 3, R, R] -> scalar tensor, the distance to that target."""
        scales = _pyramid(target)
        with torch.no_grad():
            wanted = [] if self.perceptual else [f.float() for f in self.look(target)]

        def measure(images: Tensor) -> Tensor:
            pairs = zip(_pyramid(images), scales, strict=True)
            total = PIXEL_WEIGHT * sum((a - b).abs().mean() for a, b in pairs) / len(scales)
            if self.perceptual is not None:
                return total + FEATURE_WEIGHT * self.perceptual(images, target).mean()
            parts = [
                (a.float() - b).abs().mean() / (b.abs().mean() + 1e-4)
                for a, b in zip(self.look(images), wanted, strict=True)
            ]
            return total + FEATURE_WEIGHT * sum(parts) / len(parts)

        return measure


def _pyramid(images: Tensor, levels: int = 4) -> list[Tensor]:
    result = [images]
    for _ in range(levels - 1):
        result.append(F.avg_pool2d(result[-1], 2))
    return result


@dataclass(frozen=True)
class Step:
    """After a step: ws and noises are the best so far, image and distance theirs."""

    step: int
    ws: Tensor
    noises: tuple[Tensor, ...]
    image: Tensor
    distance: float


def refine(
    synthesis: SynthesisNetwork,
    start: Tensor,
    measure: Callable[[Tensor], Tensor],
    spread: float,
    steps: int,
) -> Iterator[Step]:
    """Optimise ws from `start` [1, num_ws, w_dim]; yields a Step after each step.

    Whoever iterates may stop at any time: each Step carries the best that was found so far,
    the start included. spread: the root mean square of w - w_avg, which sets all scales.
    """
    ws_start = start.detach().clone()
    noises = [layer.noise_const.detach().clone() for layer in synthesis.layers]
    shared = torch.zeros_like(ws_start[:, :1])  # moves all layers alike: W
    own = torch.zeros_like(ws_start)  # moves each layer: W+
    for tensor in (shared, own, *noises):
        tensor.requires_grad_(True)
    groups = [{"params": [shared, own], "scale": spread}, {"params": noises, "scale": 1.0}]
    optimiser = torch.optim.Adam(groups, betas=(0.9, 0.999))
    random = seeded(0)

    best: Step | None = None
    for step in range(1, steps + 2):
        t = (step - 1) / max(steps, 1)
        w_stage = t < 0.5
        clean = (ws_start + shared + (0.0 if w_stage else own)).detach()
        fade = max(0.0, 1.0 - t / NOISE_UNTIL) ** 2
        jitter = torch.randn(1, 1, clean.shape[2], generator=random).to(clean)
        # the state reached is judged without the jitter, at the price of a second picture
        with torch.no_grad():
            image = synthesis(clean, noises=noises)
            distance = float(measure(image))
        if best is None or distance < best.distance:
            kept = tuple(n.detach().clone() for n in noises)
            best = Step(step - 1, clean.clone(), kept, image, distance)
        if step > 1:
            yield replace(best, step=step - 1)
        if step > steps:
            return

        ramp = min(1.0, (1.0 - t) / RAMP_DOWN)
        ramp = (0.5 - 0.5 * math.cos(math.pi * ramp)) * min(1.0, (t + 1 / steps) / RAMP_UP)
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * group["scale"] * ramp
        with torch.enable_grad():  # whoever iterates may have switched it off
            ws = ws_start + shared + (0.0 if w_stage else own)
            image = synthesis(ws + jitter * (NOISE_ON_W * spread * fade), noises=noises)
            loss = measure(image) + NOISE_MAP_PENALTY * noise_map_penalty(noises)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        _normalise(noises)


def noise_map_penalty(noises: Sequence[Tensor]) -> Tensor:
    """Appendix D: squared correlation with the map shifted by one pixel, on all scales to 8x8."""
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
