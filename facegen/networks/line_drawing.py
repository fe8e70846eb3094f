"""A drawing by formula: flat colour bounded by the photo's own edges, and dark contours.

No parameters. The anime generators of this project start from it and learn the rest: it is
sharp where an average over likely drawings is blurred.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Windows of 9 pixels. Texture of a contrast below 8 % goes flat: what is visible is relative
# to the brightness (Weber), or the eyes of a dark face would go, too.
RADIUS, CONTRAST = 4, 0.08
# Strokes about 3 pixels wide where the brightness falls by more than 1.4 %, never quite black.
INK_SIGMA, INK_THRESHOLD, INK_GAIN, INK = 1.2, 0.014, 12.0, 0.45


def sketch(images: Tensor) -> Tensor:
    """images [N, 3, H, W] in [-1, 1], both sides above RADIUS -> the same shape.

    Contours may go below -1, by INK at most.
    """
    with torch.autocast(images.device.type, enabled=False):
        images = images.float()
        return flatten(flatten(images)) - contours(images)


def flatten(images: Tensor) -> Tensor:
    """The guided filter, guided by the grey picture: texture goes, edges stay.

    He, Sun and Tang 2013, https://doi.org/10.1109/TPAMI.2012.213: q = mean(a) I + mean(b) with
    a = cov(I, p) / (var(I) + eps), b = mean(p) - a mean(I) in each window; here eps is the
    square of CONTRAST times the window's brightness.
    """
    guide = images.mean(1, keepdim=True)
    mean_guide, mean = box(guide), box(images)
    variance = box(guide * guide) - mean_guide * mean_guide
    eps = (CONTRAST * brightness(mean_guide)).square()
    a = (box(guide * images) - mean_guide * mean) / (variance + eps)
    return box(a) * guide + box(mean - a * mean_guide)


def contours(images: Tensor) -> Tensor:
    """How dark the ink is, [N, 1, H, W] in 0 to INK.

    Thresholded differences of Gaussians, Winnemoeller et al. 2012,
    https://doi.org/10.1016/j.cag.2012.03.004: dark lines and the dark sides of edges.
    """
    # A light blur first: noise draws no lines.
    grey = gauss(images.mean(1, keepdim=True), 0.6)
    around = gauss(grey, 1.6 * INK_SIGMA)
    light = brightness(around)
    darker = (around - gauss(grey, INK_SIGMA)) / light
    ink = INK * torch.tanh(INK_GAIN * torch.relu(darker - INK_THRESHOLD))
    return ink * light.clamp(max=1)  # no ink on black


def brightness(grey: Tensor) -> Tensor:
    """[-1, 1] to [0, 2], 1 for middle grey, never quite 0: noise in the dark is not contrast."""
    return (grey + 1).clamp(min=0.17)


def box(x: Tensor) -> Tensor:
    """Mean over a square window, the border reflected."""
    side = 2 * RADIUS + 1
    x = F.pad(x, (RADIUS,) * 4, mode="reflect")
    return F.avg_pool2d(F.avg_pool2d(x, (1, side), 1), (side, 1), 1)


def gauss(x: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of one channel, cut at three sigma, the border repeated."""
    radius = int(3 * sigma + 0.5)
    at = torch.arange(-radius, radius + 1, dtype=x.dtype, device=x.device)
    window = torch.exp(-(at**2) / (2 * sigma**2))
    window = window / window.sum()
    x = F.pad(x, (radius,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(x, window.view(1, 1, 1, -1)), window.view(1, 1, -1, 1))
