"""Projection of a generated picture onto those that reproduce the input when degraded.

A generator draws a face like the one in the input. What the input still shows is added back, and
the generator fills in what the damage took. Sources: Irani and Peleg, "Improving Resolution by
Image Registration", CVGIP 53 (1991), for pictures made smaller (iterative back-projection); Wang et
al., "GAN Prior based Null-Space Learning for Consistent Super-resolution", AAAI 2023,
https://arxiv.org/abs/2211.13524, for doing so behind a generator.

The difference between the input and the degraded drawing is
    small, blur: added, enlarged, twice (holes, too);
    noise, jpeg: added without what is as fine as the damage: smoothed, colours (of which a JPEG
        keeps half the pixels, and which show noise most) more than brightness;
    holes: added where the input is known; it continues smoothly into the holes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .damage import YCBCR, Damage, blurred

TIMES = 2  # of back-projection
# Sigmas of Gaussians for brightness and colours, in pixels of the seen picture. NOISE: for noise of
# 1 of 255; of the brightness's 3 of 255 are left then, however strong it was.
JPEG = (1.5, 6.0)
NOISE = (0.1, 0.2)
SHARPEST = 0.3


def faithful(
    drawn: Tensor, seen: Tensor, damage: Damage, size: int, fidelity: float = 1.0
) -> Tensor:
    """Add to `drawn`, float32 [N, 3, P, P] in [-1, 1], what `seen` [1, 3, s, s] shows.

    size: pixels that the damage is given for (a preview's), at most P. fidelity: 0 as drawn, 1 all
    that the input shows."""
    size = min(max(size, damage.size), drawn.shape[-1])
    made = drawn
    for _ in range(1 if damage.kind in ("noise", "jpeg") else TIMES):
        small = made
        if made.shape[-1] != size:
            small = F.interpolate(made, (size, size), mode="area")
        difference = _trusted(seen - damage(small), damage)
        if difference.shape[-1] != made.shape[-1]:
            # not bicubic: that overshoots, and hair gets bright edges
            difference = F.interpolate(
                difference, made.shape[-2:], mode="bilinear", align_corners=False
            )
        made = made + difference
    return drawn.lerp(made.clamp(-1, 1), fidelity)


def _trusted(difference: Tensor, damage: Damage) -> Tensor:
    """Keep of a difference [N, 3, s, s] what does not come from the damage."""
    if damage.known is not None:
        difference = run_on(difference, damage.known.to(difference))
    if damage.kind == "jpeg":
        return _smoothed(difference, *JPEG)
    if damage.kind == "noise":
        strength = damage.sigma * 127.5
        return _smoothed(difference, *(max(one * strength, SHARPEST) for one in NOISE))
    return difference


def _smoothed(difference: Tensor, brightness: float, colour: float) -> Tensor:
    """Smooth brightness and colour by Gaussians of two sigmas, in pixels."""
    to = YCBCR.to(difference)
    parts = torch.einsum("ij,njhw->nihw", to, difference)
    parts = torch.cat([blurred(parts, brightness)[:, :1], blurred(parts, colour)[:, 1:]], dim=1)
    return torch.einsum("ij,njhw->nihw", torch.linalg.inv(to), parts)


def run_on(difference: Tensor, known: Tensor) -> Tensor:
    """Fill a difference [N, 3, s, s] where `known` [1, 1, s, s] is 0.

    With the mean of the known values around, from coarse to fine (pull-push: Gortler et al., "The
    Lumigraph", 1996)."""
    side = difference.shape[-1]
    if side < 2 or bool(known.all()):
        return difference
    odd = side % 2
    even = F.pad(difference * known, (0, odd, 0, odd))
    weight = F.avg_pool2d(F.pad(known, (0, odd, 0, odd)), 2)
    means = F.avg_pool2d(even, 2) / weight.clamp_min(1e-6)
    coarse = run_on(means, (weight > 0).to(known))
    coarse = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    return known * difference + (1 - known) * coarse[..., :side, :side]
