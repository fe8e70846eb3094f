"""The e4e encoder: a face to one code per StyleGAN2 layer.

Tov, Alaluf, Nitzan, Patashnik and Cohen-Or, "Designing an Encoder for StyleGAN Image
Manipulation" (SIGGRAPH 2021, https://arxiv.org/abs/2102.02766). One base code w is read from
the deepest features and every other layer gets a small offset from it, which keeps the codes
near W, where editing works. The backbone is ArcFace's IR-SE50 (Deng et al. 2019,
https://arxiv.org/abs/1801.07698) with the pyramid of pSp (Richardson et al. 2021). Module
names are those of the published weights, so that these load strictly.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

INPUT_SIZE = 256
STYLE_DIM = 512
# (channels, blocks) of the four stages of IR-50; each stage halves the size once.
STAGES = ((64, 3), (128, 4), (256, 14), (512, 3))
# Last blocks of the stages whose features are read: 64x64, 32x32 and 16x16.
FINE_BLOCK, MIDDLE_BLOCK, COARSE_BLOCK = 6, 20, 23
# Layers below the first read the 16x16 features, below the second 32x32, the others 64x64.
MIDDLE_START, FINE_START = 3, 7


class SqueezeExcite(nn.Module):
    """Scales each channel by a gate from the channels' means (Hu et al. 2018)."""

    def __init__(self, channels: int, reduction: int = 16):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        means = x.mean(dim=(2, 3), keepdim=True)
        return x * self.fc2(self.fc1(means).relu()).sigmoid()


class IRBlock(nn.Module):
    """ArcFace's improved residual block with a squeeze-and-excitation gate."""

    def __init__(self, in_channels: int, out_channels: int, stride: int):
        super().__init__()
        if in_channels == out_channels:
            # A window of one pixel: plain subsampling.
            self.shortcut_layer: nn.Module = nn.MaxPool2d(1, stride)
        else:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            nn.Conv2d(in_channels, out_channels, 3, 1, 1, bias=False),
            nn.PReLU(out_channels),
            nn.Conv2d(out_channels, out_channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            SqueezeExcite(out_channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.res_layer(x) + self.shortcut_layer(x)


class EqualLinear(nn.Linear):
    """A linear layer whose weights are kept at unit variance and scaled when used.

    y = x (W / sqrt(in_features))^T + b; Karras et al. 2018, https://arxiv.org/abs/1710.10196.
    """

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight / math.sqrt(self.in_features), self.bias)


class StyleHead(nn.Module):
    """Features [N, 512, size, size] to one code [N, 512], by halving down to one pixel."""

    def __init__(self, size: int):
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(int(math.log2(size))):
            layers += [nn.Conv2d(STYLE_DIM, STYLE_DIM, 3, 2, 1), nn.LeakyReLU(0.01)]
        self.convs = nn.Sequential(*layers)
        self.linear = EqualLinear(STYLE_DIM, STYLE_DIM)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.convs(x).flatten(1))


class Encoder(nn.Module):
    """Encoder4Editing with an IR-SE50 backbone.

    Args:
        num_ws: layers of the generator: 18 at 1024x1024, two fewer for each halving.

    forward: images [N, 3, 256, 256] in [-1, 1] -> codes [N, num_ws, 512];
    ws = codes + latent_avg of the generator.
    """

    def __init__(self, num_ws: int = 18):
        super().__init__()
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.PReLU(64)
        )
        blocks, channels = [], 64
        for out_channels, count in STAGES:
            blocks.append(IRBlock(channels, out_channels, stride=2))
            blocks += [IRBlock(out_channels, out_channels, stride=1) for _ in range(count - 1)]
            channels = out_channels
        self.body = nn.Sequential(*blocks)
        sizes = [16 if i < MIDDLE_START else 32 if i < FINE_START else 64 for i in range(num_ws)]
        self.styles = nn.ModuleList(StyleHead(size) for size in sizes)
        self.latlayer1 = nn.Conv2d(256, STYLE_DIM, 1)
        self.latlayer2 = nn.Conv2d(128, STYLE_DIM, 1)

    def forward(self, images: Tensor) -> Tensor:
        assert images.shape[2:] == (INPUT_SIZE, INPUT_SIZE), tuple(images.shape)
        coarse, middle, fine = self._pyramid(images)
        base = self.styles[0](coarse)
        codes = base[:, None].repeat(1, len(self.styles), 1)
        for index, head in enumerate(self.styles):
            if index > 0:
                features = (
                    coarse if index < MIDDLE_START else middle if index < FINE_START else fine
                )
                codes[:, index] += head(features)
        return codes

    def _pyramid(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features [N, 512, s, s] for s = 16, 32, 64, each with the coarser ones added in."""
        x = self.input_layer(images)
        read = {}
        for index, block in enumerate(self.body):
            x = block(x)
            if index in (FINE_BLOCK, MIDDLE_BLOCK, COARSE_BLOCK):
                read[index] = x
        coarse = read[COARSE_BLOCK]
        middle = enlarge_and_add(coarse, self.latlayer1(read[MIDDLE_BLOCK]))
        fine = enlarge_and_add(middle, self.latlayer2(read[FINE_BLOCK]))
        return coarse, middle, fine


def enlarge_and_add(x: Tensor, lateral: Tensor) -> Tensor:
    """Enlarge x to the size of lateral, and add lateral."""
    return F.interpolate(x, lateral.shape[2:], mode="bilinear", align_corners=True) + lateral
