"""The network of the drawn styles, and the one that drew what it learned from.

DrawingNet is a small U-Net that draws at four times what it looks at. A drawing shows less than its
photograph and is sharper, so this looks at a small picture (SIDE pixels a side, for a face that
fills it) and makes a large one. Most of the work is done at a half, a quarter and an eighth of the
small picture's size; the last pixel shuffle (Shi et al. 2016, https://arxiv.org/abs/1609.05158)
gives the large one. There is no normalisation over the picture: a stroke must not depend on what
stands elsewhere, and it would be a third of the time on a CPU.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 256  # pixels a side that a face is looked at with, whatever the size of its picture
FACTOR = 4  # the drawing's size over the size of what was looked at
STRIDE = 8  # heights and widths are multiples of this
# Further than this from the border no convolution's zeros are seen to matter.
MARGIN = 8
SLOPE = 0.1
NEAR_IDENTITY = 0.2
# Of RRDBNet.
RRDB_BLOCKS = 6
SHARE = 0.2  # of what a block adds
RRDB_SLOPE = 0.2


class Residual(nn.Module):
    """x + conv(act(conv(act(x)))), 3x3; begins near the identity (Zhang et al. 2019, "Fixup")."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.leaky_relu(self.first(F.leaky_relu(x, SLOPE)), SLOPE)
        return x + self.second(inner)


class Up(nn.Sequential):
    """Twice the size, by a 1x1 convolution and a pixel shuffle."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(nn.Conv2d(inputs, 4 * outputs, 1), nn.PixelShuffle(2))


class DrawingNet(nn.Module):
    """Photo to drawing, fully convolutional.

    Args:
        width: channels at half the size; twice as many at a quarter, four times at an eighth.
        detail: the network changes nothing by it: pixels a side that a picture is shrunk to
            before it is brought to SIDE, so that pores and single hairs are not seen at all.

    forward: images [N, 3, H, W] in [-1, 1], H and W multiples of STRIDE -> [N, 3, FACTOR H,
    FACTOR W] in about [-1, 1]. A fresh network gives the photo, enlarged. The outermost MARGIN
    pixels of the input are seen beside the zeros that convolutions pad with: give it more than
    is wanted and cut.
    """

    def __init__(self, width: int = 32, detail: int = SIDE):
        super().__init__()
        self.options = {"width": width, "detail": detail}
        self.detail = detail
        half, quarter, eighth, full = width, 2 * width, 4 * width, max(4, width // 2)
        self.stem = nn.Sequential(
            nn.PixelUnshuffle(2), nn.Conv2d(12, half, 3, padding=1), Residual(half)
        )
        self.down = nn.Sequential(
            nn.Conv2d(half, quarter, 2, stride=2), Residual(quarter), Residual(quarter)
        )
        self.middle = nn.Sequential(
            nn.Conv2d(quarter, eighth, 2, stride=2), *(Residual(eighth) for _ in range(4))
        )
        self.up_quarter = Up(eighth, quarter)
        self.at_quarter = nn.Sequential(Residual(quarter), Residual(quarter))
        self.up_half = Up(quarter, half)
        self.at_half = nn.Sequential(Residual(half), Residual(half))
        self.up_full = Up(half, full)
        self.at_full = nn.Conv2d(full, full, 3, padding=1)
        self.out = nn.Conv2d(full, 3 * FACTOR**2, 3, padding=1)
        self._begin()

    def _begin(self) -> None:
        """Initialise as He et al. 2015: the usual values let the signal fade here."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, SLOPE)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for module in self.modules():
            if isinstance(module, Residual):
                module.second.weight.data.mul_(NEAR_IDENTITY)
        nn.init.zeros_(self.out.weight)

    def forward(self, images: Tensor) -> Tensor:
        half = self.stem(images)
        quarter = self.down(half)
        x = self.up_quarter(self.middle(quarter))
        x = self.at_quarter(x + quarter)
        x = self.at_half(self.up_half(x) + half)
        x = F.leaky_relu(self.at_full(F.leaky_relu(self.up_full(x), SLOPE)), SLOPE)
        enlarged = F.interpolate(images, scale_factor=FACTOR, mode="bilinear")
        return enlarged + F.pixel_shuffle(self.out(x), FACTOR)


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class DenseBlock(nn.Module):
    """Four convolutions, each of which sees all that came before."""

    def __init__(self, width: int, growth: int):
        super().__init__()
        self.grow = nn.ModuleList(_conv(width + i * growth, growth) for i in range(4))
        self.fuse = _conv(width + 4 * growth, width)

    def forward(self, x: Tensor) -> Tensor:
        features = x
        for conv in self.grow:
            features = torch.cat([features, F.leaky_relu(conv(features), RRDB_SLOPE)], dim=1)
        return x + SHARE * self.fuse(features)


class DenseBlocks(nn.Module):
    """Three dense blocks, of whose sum a share is added."""

    def __init__(self, width: int, growth: int):
        super().__init__()
        self.layers = nn.Sequential(*(DenseBlock(width, growth) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        return x + SHARE * self.layers(x)


class RRDBNet(nn.Module):
    """Real-ESRGAN's network in its six-block size for drawings: four times larger, and redrawn.

    Wang et al. 2018, "ESRGAN", https://arxiv.org/abs/1809.00219 (residual-in-residual dense
    blocks) and Wang et al. 2021, "Real-ESRGAN", https://arxiv.org/abs/2107.10833 (x4plus-anime).
    What it is shown is taken for a damaged small drawing: a face of 80 pixels comes back drawn.

    forward: pictures [N, 3, H, W] in [0, 1] -> [N, 3, 4 H, 4 W] in about [0, 1].
    """

    def __init__(self, width: int = 64, growth: int = 32, blocks: int = RRDB_BLOCKS):
        super().__init__()
        self.first = _conv(3, width)
        self.body = nn.Sequential(*(DenseBlocks(width, growth) for _ in range(blocks)))
        self.trunk = _conv(width, width)
        self.up = nn.ModuleList((_conv(width, width), _conv(width, width)))
        self.fine = _conv(width, width)
        self.last = _conv(width, 3)

    def forward(self, pictures: Tensor) -> Tensor:
        x = self.first(pictures)
        x = x + self.trunk(self.body(x))
        for conv in self.up:
            x = F.leaky_relu(conv(F.interpolate(x, scale_factor=2, mode="nearest")), RRDB_SLOPE)
        return self.last(F.leaky_relu(self.fine(x), RRDB_SLOPE))
