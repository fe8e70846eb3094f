"""Real-ESRGAN's network in its six-block size for drawings: four times larger, and redrawn.

Wang et al. 2018, "ESRGAN", https://arxiv.org/abs/1809.00219 (residual-in-residual dense blocks)
and Wang et al. 2021, "Real-ESRGAN", https://arxiv.org/abs/2107.10833 (x4plus-anime). What it is
shown is taken for a spoilt small drawing: a face of 80 pixels comes back drawn.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FACTOR = 4
BLOCKS = 6
SHARE = 0.2  # of what a block adds
SLOPE = 0.2


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class DenseBlock(nn.Module):
    def __init__(self, width: int, growth: int):
        super().__init__()
        self.grow = nn.ModuleList(_conv(width + i * growth, growth) for i in range(4))
        self.fuse = _conv(width + 4 * growth, width)

    def forward(self, x: Tensor) -> Tensor:
        known = x
        for conv in self.grow:
            known = torch.cat([known, F.leaky_relu(conv(known), SLOPE)], dim=1)
        return x + SHARE * self.fuse(known)


class Block(nn.Module):
    def __init__(self, width: int, growth: int):
        super().__init__()
        self.layers = nn.Sequential(*(DenseBlock(width, growth) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        return x + SHARE * self.layers(x)


class RRDBNet(nn.Module):
    """forward: pictures [N, 3, H, W] in [0, 1] -> [N, 3, 4 H, 4 W] in about [0, 1]."""

    def __init__(self, width: int = 64, growth: int = 32, blocks: int = BLOCKS):
        super().__init__()
        self.first = _conv(3, width)
        self.body = nn.Sequential(*(Block(width, growth) for _ in range(blocks)))
        self.trunk = _conv(width, width)
        self.up = nn.ModuleList((_conv(width, width), _conv(width, width)))
        self.fine = _conv(width, width)
        self.last = _conv(width, 3)

    def forward(self, pictures: Tensor) -> Tensor:
        x = self.first(pictures)
        x = x + self.trunk(self.body(x))
        for conv in self.up:
            x = F.leaky_relu(conv(F.interpolate(x, scale_factor=2, mode="nearest")), SLOPE)
        return self.last(F.leaky_relu(self.fine(x), SLOPE))
