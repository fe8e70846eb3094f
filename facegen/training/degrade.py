"""From a generator's clean previews to what photographs are: an encoder learns to see past it.

After Wang et al., "Towards Real-World Blind Face Restoration with Generative Facial Prior", 2021,
https://arxiv.org/abs/2101.04061, section 4 (blur, a smaller size, noise, JPEG); light, colour and
small turns as cameras and detectors differ in them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

MOVED = 0.7  # share of the pictures that are turned, resized and shifted
TURN, RESIZE, SHIFT = 0.04, 0.03, 0.03  # the most: radians, share, half widths
# The most that logarithms change by: of gamma, brightness, each channel, contrast; and saturation
GAMMA, LIGHT, TINT, CONTRAST, SATURATION = 0.3, 0.2, 0.07, 0.2, 0.35
GREY = 0.03  # share of the pictures without colour
BLURRED = 0.4  # share that is drawn smaller and enlarged again
SHRUNK = (1.1, 1.4, 1.7, 2.0, 2.4)  # how many times smaller
NOISE = 0.04  # the largest standard deviation, of a picture from 0 to 1
JPEG, QUALITY = 0.3, (30, 95)  # share that was compressed, and how


def degrade(pictures: Tensor, random: torch.Generator) -> Tensor:
    """float32 [N, 3, H, W] in [-1, 1] -> the same shape and range, on the same device.

    random: a generator on the CPU; what happens to a batch depends on it alone.
    """
    x = (_moved(pictures, random) + 1) / 2
    x = _developed(x, random)
    x = _blurred(x, random)
    amount = NOISE * torch.rand(len(x), 1, 1, 1, generator=random).square()
    x = x + (torch.randn(x.shape, generator=random) * amount).to(x.device)
    return _compressed(x.clamp(0, 1), random) * 2 - 1


def _between(random: torch.Generator, device, most: float, *shape: int) -> Tensor:
    """Uniform from -most to most."""
    return ((2 * torch.rand(*shape, generator=random) - 1) * most).to(device)


def _chosen(random: torch.Generator, count: int, share: float) -> list[int]:
    """Which of so many: decided on the CPU, so that a GPU is never waited for."""
    return (torch.rand(count, generator=random) < share).nonzero()[:, 0].tolist()


def _moved(x: Tensor, random: torch.Generator) -> Tensor:
    n = len(x)
    on = (torch.rand(n, generator=random) < MOVED).float().to(x.device)
    angle = on * _between(random, x.device, TURN, n)
    size = 1 + on * _between(random, x.device, RESIZE, n)
    across, down = (on * _between(random, x.device, SHIFT, n) for _ in range(2))
    cos, sin = torch.cos(angle) * size, torch.sin(angle) * size
    theta = torch.stack(
        [torch.stack([cos, -sin, across], 1), torch.stack([sin, cos, down], 1)], dim=1
    )
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


def _developed(x: Tensor, random: torch.Generator) -> Tensor:
    """Light and colour, of pictures from 0 to 1."""
    n, device = len(x), x.device
    gamma = torch.exp(_between(random, device, GAMMA, n, 1, 1, 1))
    gain = torch.exp(_between(random, device, LIGHT, n, 1, 1, 1))
    gain = gain * torch.exp(_between(random, device, TINT, n, 3, 1, 1))
    x = x.clamp(1e-4, 1) ** gamma * gain
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    x = mean + (x - mean) * torch.exp(_between(random, device, CONTRAST, n, 1, 1, 1))
    grey = x.mean(dim=1, keepdim=True)
    coloured = (torch.rand(n, 1, 1, 1, generator=random) >= GREY).float().to(device)
    return grey + (x - grey) * coloured * (1 + _between(random, device, SATURATION, n, 1, 1, 1))


def _blurred(x: Tensor, random: torch.Generator) -> Tensor:
    chosen = _chosen(random, len(x), BLURRED)
    sizes = torch.randint(len(SHRUNK), (len(chosen),), generator=random).tolist()
    for which, times in enumerate(SHRUNK):
        rows = [row for row, size in zip(chosen, sizes, strict=True) if size == which]
        if rows:
            small = [round(length / times) for length in x.shape[-2:]]
            y = F.interpolate(x[rows], small, mode="bilinear", antialias=True)
            mode = ("bilinear", "bicubic")[which % 2]  # as different programs enlarge
            x[rows] = F.interpolate(y, x.shape[-2:], mode=mode)
    return x


def _compressed(x: Tensor, random: torch.Generator) -> Tensor:
    """JPEG there and back, on the CPU wherever the pictures are."""
    from torchvision import io

    for row in _chosen(random, len(x), JPEG):
        quality = int(torch.randint(*QUALITY, (), generator=random))
        pixels = (x[row] * 255).round().byte().cpu()
        x[row] = (io.decode_jpeg(io.encode_jpeg(pixels, quality)).float() / 255).to(x.device)
    return x
