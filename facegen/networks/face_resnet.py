"""dlib's face recognition network in PyTorch: batched, differentiable, on any device.

A residual network of 29 convolutions that turns a face chip of 150 pixels into 128 numbers;
two chips of one person lie closer than 0.6. Architecture and weights by Davis King, public
domain: http://blog.dlib.net/2017/02/high-quality-face-recognition-with-deep.html and
https://github.com/davisking/dlib-models.

Batch normalisation is folded into a scale and a shift per channel, as the file stores it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHIP = 150  # pixels
MEAN = (122.782, 117.001, 104.298)  # of RGB in 0 to 255, subtracted before the division by 256
WIDTHS = (32,) * 3 + (64,) * 4 + (128,) * 3 + (256,) * 3 + (256,)  # of the 14 residual blocks
DOWN = (3, 7, 10, 13)  # the blocks that halve the resolution
LEVEL_ENDS = (2, 6, 9)  # the blocks after which `features` looks: 35, 17 and 8 pixels


class Affine(nn.Module):
    """scale[c] x + shift[c] over [N, C, H, W]."""

    def __init__(self, channels: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale[:, None, None] + self.shift[:, None, None]


class Block(nn.Module):
    """relu(x + affine(conv(relu(affine(conv(x))))))); halving, the sum is padded with zeros."""

    def __init__(self, before: int, width: int, down: bool):
        super().__init__()
        self.down = down
        stride, padding = (2, 0) if down else (1, 1)
        self.conv1 = nn.Conv2d(before, width, 3, stride, padding)
        self.affine1 = Affine(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1)
        self.affine2 = Affine(width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.affine2(self.conv2(F.relu(self.affine1(self.conv1(x)))))
        if self.down:
            x = F.avg_pool2d(x, 2)
        if x.shape == y.shape:
            return F.relu(x + y)
        # dlib adds tensors of different sizes as if zeros stood where the smaller one ends
        height, width = max(x.shape[2], y.shape[2]), max(x.shape[3], y.shape[3])
        channels = max(x.shape[1], y.shape[1])
        return F.relu(_grown(x, channels, height, width) + _grown(y, channels, height, width))


def _grown(x: Tensor, channels: int, height: int, width: int) -> Tensor:
    c, h, w = x.shape[1:]
    return F.pad(x, (0, width - w, 0, height - h, 0, channels - c))


class FaceResNet(nn.Module):
    """Chips [N, 3, 150, 150] in [-1, 1] -> embeddings [N, 128]."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 7, 2)
        self.stem_affine = Affine(32)
        before = (32, *WIDTHS)
        self.blocks = nn.ModuleList(
            Block(before[i], width, i in DOWN) for i, width in enumerate(WIDTHS)
        )
        self.head = nn.Linear(256, 128, bias=False)
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)

    def features(self, chips: Tensor) -> list[Tensor]:
        """[N, 32, 35, 35], [N, 64, 17, 17], [N, 128, 8, 8] and the embedding [N, 128]."""
        x = ((chips + 1) * 127.5 - self.mean) / 256
        x = F.max_pool2d(F.relu(self.stem_affine(self.stem(x))), 3, 2)
        levels = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in LEVEL_ENDS:
                levels.append(x)
        return [*levels, self.head(x.mean(dim=(2, 3)))]

    def forward(self, chips: Tensor) -> Tensor:
        return self.features(chips)[-1]
