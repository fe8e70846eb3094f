"""Differentiable augmentation of what the discriminator sees.

Source: Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", 2020,
https://arxiv.org/abs/2006.10738. Each kind is drawn for each picture with probability p and is
the identity otherwise; p = 0 is the identity for all.
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
