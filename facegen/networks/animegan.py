"""The AnimeGANv2 generator, as published: for its authors' weights.

Chen, Liu and Chen, "AnimeGAN: a novel lightweight GAN for photo animation" (ISICA 2019), and
its second version, https://github.com/TachibanaYoshino/AnimeGANv2: layer normalisation in
place of instance normalisation and bilinear resizing in place of transposed convolutions.
Module names are those of the published PyTorch weights, so that these load strictly.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Two halvings: a height and width that are multiples of this come back unchanged.
STRIDE = 4
# Below this the reflected borders at a quarter of the size have nothing to reflect.
MIN_SIDE = 2 * STRIDE


class ReflectionPad(nn.ReflectionPad2d):
    """Autocast on a CPU would go to float32 and back for this, a third of a training step."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x)


class ConvNormAct(nn.Sequential):
    """Reflected border, convolution, layer norm over (C, H, W), leaky ReLU 0.2.

    A stride of 2 pads right and below only, as the TensorFlow original does ("SAME").
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 3,
        stride: int = 1,
        groups: int = 1,
        bias: bool = False,
    ):
        half = kernel // 2
        border = (0, half, 0, half) if stride == 2 else (half, half, half, half)
        super().__init__(
            ReflectionPad(border) if half else nn.Identity(),
            nn.Conv2d(in_channels, out_channels, kernel, stride, groups=groups, bias=bias),
            nn.GroupNorm(1, out_channels),
            nn.LeakyReLU(0.2, inplace=True),
        )


class InvertedResidual(nn.Module):
    """MobileNetV2's block: widen 1x1, filter each channel 3x3, narrow 1x1, add the input.

    Sandler et al. 2018, https://arxiv.org/abs/1801.04381. The input is added only where the
    channels agree.
    """

    def __init__(self, in_channels: int, out_channels: int, expansion: int = 2):
        super().__init__()
        wide = in_channels * expansion
        self.adds_input = in_channels == out_channels
        self.layers = nn.Sequential(
            ConvNormAct(in_channels, wide, kernel=1),
            ConvNormAct(wide, wide, groups=wide, bias=True),
            nn.Conv2d(wide, out_channels, 1, bias=False),
            nn.GroupNorm(1, out_channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.adds_input else self.layers(x)


class Generator(nn.Module):
    """Photo to anime, fully convolutional.

    Args:
        width: channels at full size; 32 is the published network (2.14 M parameters, all
            other layers in proportion).
        align_corners: how features are enlarged. The published weights exist for both.

    forward: images [N, 3, H, W] in [-1, 1], H and W at least MIN_SIDE -> the same shape.
    """

    def __init__(self, width: int = 32, align_corners: bool = False):
        super().__init__()
        self.options = {"width": width, "align_corners": align_corners}
        self.align_corners = align_corners
        full, half, quarter, deep = width, 2 * width, 4 * width, 8 * width
        self.block_a = nn.Sequential(
            ConvNormAct(3, full, kernel=7),
            ConvNormAct(full, half, stride=2),
            ConvNormAct(half, half),
        )
        self.block_b = nn.Sequential(
            ConvNormAct(half, quarter, stride=2),
            ConvNormAct(quarter, quarter),
        )
        self.block_c = nn.Sequential(
            ConvNormAct(quarter, quarter),
            InvertedResidual(quarter, deep),
            InvertedResidual(deep, deep),
            InvertedResidual(deep, deep),
            InvertedResidual(deep, deep),
            ConvNormAct(deep, quarter),
        )
        self.block_d = nn.Sequential(
            ConvNormAct(quarter, quarter),
            ConvNormAct(quarter, quarter),
        )
        self.block_e = nn.Sequential(
            ConvNormAct(quarter, half),
            ConvNormAct(half, half),
            ConvNormAct(half, full, kernel=7),
        )
        self.out_layer = nn.Sequential(nn.Conv2d(full, 3, 1, bias=False), nn.Tanh())

    def forward(self, images: Tensor) -> Tensor:
        at_full = self.block_a[0](images)
        at_half = self.block_a[1:](at_full)
        x = self.block_c(self.block_b(at_half))
        x = self.block_d(self._enlarge(x, at_half))
        return self.out_layer(self.block_e(self._enlarge(x, at_full)))

    def _enlarge(self, x: Tensor, like: Tensor) -> Tensor:
        """Enlarge x to the size of the other."""
        size, mode = like.shape[2:], "bilinear"
        return F.interpolate(x, size, mode=mode, align_corners=self.align_corners)
