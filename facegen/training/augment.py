"""Augmentation: of what the discriminator sees, and of what an autoencoder learns from.

`augment` is differentiable. Source: Zhao et al., "Differentiable Augmentation for
Data-Efficient GAN Training", 2020, https://arxiv.org/abs/2006.10738. Each kind is drawn for
each picture with probability p and is the identity otherwise; p = 0 is the identity for all.

`jitter` makes more faces of few: as differently as a detector would have cropped them and a
camera would have developed them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def augment(images: Tensor, p: float, generator: torch.Generator | None = None) -> Tensor:
    """images [N, 3, R, R] in [-1, 1] -> the same shape. generator lives on the CPU."""
    if p <= 0:
        return images

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator).to(images.device)

    n, _, height, width = images.shape
    chosen = (draw(3, n) < p).float()

    # colour: brightness +-0.4, saturation 0.4 to 1.6, contrast 0.6 to 1.4
    on = chosen[0][:, None, None, None]
    images = images + on * (draw(n, 1, 1, 1) - 0.5) * 0.8
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * (1 + on * (draw(n, 1, 1, 1) - 0.5) * 1.2)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = mean + (images - mean) * (1 + on * (draw(n, 1, 1, 1) - 0.5) * 0.8)

    # translation by whole pixels, up to an eighth of the size, with grey outside
    shift = ((draw(n, 2) - 0.5) * 2 * chosen[1][:, None] * (height // 8)).round().long()
    pad = height // 8
    padded = F.pad(images, (pad, pad, pad, pad))
    rows = torch.arange(height, device=images.device)[None] + pad + shift[:, :1]
    columns = torch.arange(width, device=images.device)[None] + pad + shift[:, 1:]
    index = torch.arange(n, device=images.device)
    images = padded.permute(0, 2, 3, 1)[
        index[:, None, None], rows[:, :, None], columns[:, None, :]
    ].permute(0, 3, 1, 2)

    # cutout of a square a quarter of the size
    half = height // 8
    centre = (draw(n, 2) * height).long()
    rows = torch.arange(height, device=images.device)[None] - centre[:, :1]
    columns = torch.arange(width, device=images.device)[None] - centre[:, 1:]
    hole = (rows.abs()[:, :, None] < half) & (columns.abs()[:, None, :] < half)
    return images * (1 - (hole.float() * chosen[2][:, None, None])[:, None])


def jitter(images: Tensor, amount: float, generator: torch.Generator | None = None) -> Tensor:
    """images [N, 3, 2R, 2R] in [-1, 1] -> [N, 3, R, R]: each a little turned, moved, recoloured.

    amount 1: rotation with a standard deviation of 3 degrees, size of 3 %, place of 1.5 %, the
    channels' gains and offsets of 6 %, saturation of 15 %; amount 0 only halves the size. Drawn
    at twice the size, so that the result is as sharp as the halved picture.
    """
    n = len(images)
    if amount > 0:
        noise = torch.randn(n, 13, generator=generator).clamp(-2.5, 2.5) * amount
        noise = noise.to(images.device)
        angle, size = noise[:, 0] * 0.052, 1 + 0.03 * noise[:, 1]
        cos, sin = torch.cos(angle) * size, torch.sin(angle) * size
        moved = 0.03 * noise[:, 2:4]  # of half the width, the unit of an affine grid
        theta = torch.stack(
            [torch.stack([cos, -sin, moved[:, 0]], 1), torch.stack([sin, cos, moved[:, 1]], 1)], 1
        )
        grid = F.affine_grid(theta, list(images.shape), align_corners=False)
        images = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
        light, tint = 0.05 * noise[:, 4:5], 0.03 * noise[:, 5:8]
        images = images * (1 + 0.06 * noise[:, 8:9] + tint)[:, :, None, None]
        images = images + (light + 0.02 * noise[:, 9:12])[:, :, None, None]
        grey = images.mean(dim=1, keepdim=True)
        saturation = (1 + 0.15 * noise[:, 12])[:, None, None, None]
        images = (grey + (images - grey) * saturation).clamp(-1, 1)
    return F.avg_pool2d(images, 2)
