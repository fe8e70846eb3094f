"""Is this drawn by the hand that is learned from? Used in training only."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PatchDiscriminator(nn.Module):
    """Isola et al. 2017, https://arxiv.org/abs/1611.07004, with AnimeGAN's layer normalisation.

    It sees 38x38 pixels at a time, and of those only what differs from the surroundings:
    strokes, flatness and texture, not what is drawn. Without that it needs ten times as long
    to look past the colours.

    Args:
        width: channels of the first layer.
        with_photos: whether it is shown the photo beside what was drawn of it.

    forward: images, and photos or None, both [N, 3, H, W] -> the features of every layer, about
    unit variance, then the logits [N, 1, H / 8, W / 8].
    """

    def __init__(self, width: int = 32, with_photos: bool = True):
        super().__init__()
        act = nn.LeakyReLU(0.2)
        first = nn.Conv2d(6 if with_photos else 3, width, 4, 2, 1)
        self.layers = nn.ModuleList([nn.Sequential(first, nn.GroupNorm(1, width), act)])
        for channels, kernel, stride in ((2, 4, 2), (4, 4, 2), (4, 3, 1)):
            before = self.layers[-1][0].out_channels
            conv = nn.Conv2d(before, channels * width, kernel, stride, 1, bias=False)
            self.layers.append(nn.Sequential(conv, nn.GroupNorm(1, channels * width), act))
        self.layers.append(nn.Conv2d(4 * width, 1, 1))

    def forward(self, images: Tensor, photos: Tensor | None = None) -> list[Tensor]:
        seen = [images] if photos is None else [photos, images]
        features = [torch.cat([detail(picture) for picture in seen], dim=1)]
        for layer in self.layers:
            features.append(layer(features[-1]))
        return features[1:]


def detail(images: Tensor) -> Tensor:
    """What is finer than 8 pixels, about unit variance: 4 (x - smooth(x)); the same shape."""
    smooth = F.interpolate(F.avg_pool2d(images, 8), images.shape[2:], mode="bilinear")
    return 4 * (images - smooth)
