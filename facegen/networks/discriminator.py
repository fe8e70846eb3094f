"""The discriminators, used in training only.

Discriminator  the residual one of StyleGAN2: Karras et al. 2020, https://arxiv.org/abs/1912.04958,
    section 4.1 and appendix B; minibatch standard deviation: Karras et al. 2018,
    https://arxiv.org/abs/1710.10196, section 3. Parameter names follow NVIDIA's released networks.
FaceCritic  sees faces through a frozen face recognition network. After Sauer et al., "Projected
    GANs Converge Faster", 2021, https://arxiv.org/abs/2111.01007: small heads on the features of a
    network that knows pictures already learn within thousands of pictures what a discriminator
    from scratch learns within millions. It judges the face and not what surrounds it.
PatchDiscriminator  says whether something is drawn by the hand that is learned from.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from .stylegan2 import (
    LRELU_GAIN,
    LRELU_SLOPE,
    FullyConnected,
    GeneratorConfig,
    fir_blur,
    leaky_relu,
    normal,
)

LEVELS = ((32, 35), (64, 17), (128, 8))  # channels and size of FaceResNet.features


class Conv2d(nn.Module):
    """Convolution with an equalised learning rate, optionally blurred and halved in size.

    gain scales the output; with act a leaky ReLU and its own gain follow. Positive gains
    commute with the leaky ReLU, so all of them go into weight and bias, where they are cheap.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        down: bool = False,
        bias: bool = True,
        act: bool = True,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(normal(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.down, self.act, self.kernel = down, act, kernel
        self.bias_gain = gain * (LRELU_GAIN if act else 1.0)
        self.weight_gain = self.bias_gain / math.sqrt(inputs * kernel**2)

    def forward(self, x: Tensor) -> Tensor:
        weight = (self.weight * self.weight_gain).to(x.dtype)
        bias = None if self.bias is None else (self.bias * self.bias_gain).to(x.dtype)
        if self.down and self.kernel == 1:
            # blur and decimate before the 1x1 convolution: they commute, this way is cheaper
            x = F.conv2d(fir_blur(x, padding=1, stride=2), weight, bias)
        elif self.down:
            x = F.conv2d(fir_blur(x, padding=2), weight, bias, stride=2)
        else:
            x = F.conv2d(x, weight, bias, padding=self.kernel // 2)
        return F.leaky_relu(x, LRELU_SLOPE) if self.act else x


class DiscriminatorBlock(nn.Module):
    def __init__(self, config: GeneratorConfig, resolution: int):
        super().__init__()
        inputs, outputs = config.channels(resolution), config.channels(resolution // 2)
        if resolution == config.resolution:
            self.fromrgb = Conv2d(3, inputs, kernel=1)
        gain = math.sqrt(0.5)  # so that the sum of both branches keeps the variance
        self.conv0 = Conv2d(inputs, inputs, kernel=3)
        self.conv1 = Conv2d(inputs, outputs, kernel=3, down=True, gain=gain)
        self.skip = Conv2d(inputs, outputs, kernel=1, down=True, bias=False, act=False, gain=gain)

    def forward(self, x: Tensor) -> Tensor:
        return self.skip(x) + self.conv1(self.conv0(x))


class DiscriminatorHead(nn.Module):
    """4x4: minibatch standard deviation, convolution, two linear layers."""

    def __init__(self, channels: int, group_size: int = 4):
        super().__init__()
        self.group_size = group_size
        self.conv = Conv2d(channels + 1, channels, kernel=3)
        self.fc = FullyConnected(channels * 16, channels)
        self.out = FullyConnected(channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(torch.cat([x, self._deviation(x)], dim=1))
        return self.out(leaky_relu(self.fc(x.flatten(1))))

    def _deviation(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        group = math.gcd(self.group_size, n)
        y = x.reshape(group, n // group, c, h, w)
        y = (y - y.mean(dim=0)).square().mean(dim=0)
        y = (y + 1e-8).sqrt().mean(dim=(1, 2, 3))
        return y.repeat(group)[:, None, None, None].expand(-1, 1, h, w)


class Discriminator(nn.Module):
    """images [N, 3, R, R] in [-1, 1] -> logits [N, 1]; positive means real."""

    def __init__(self, config: GeneratorConfig, half_dtype: torch.dtype | None = None):
        super().__init__()
        self.config, self.half_dtype = config, half_dtype
        for resolution in config.block_resolutions[:0:-1]:
            setattr(self, f"b{resolution}", DiscriminatorBlock(config, resolution))
        self.b4 = DiscriminatorHead(config.channels(4))

    def forward(self, images: Tensor) -> Tensor:
        x = images.contiguous(memory_format=torch.channels_last)
        x = x if self.half_dtype is None else x.to(self.half_dtype)
        x = getattr(self, f"b{self.config.resolution}").fromrgb(x)
        for resolution in self.config.block_resolutions[:0:-1]:
            x = getattr(self, f"b{resolution}")(x)
        return self.b4(x.float())


class CriticHead(nn.Module):
    """Features [N, C, H, H] -> a logit for every patch, [N, 1, h, h] with h of 4 or 5."""

    def __init__(self, channels: int, size: int, width: int = 64):
        super().__init__()
        layers: list[nn.Module] = [spectral_norm(nn.Conv2d(channels, width, 1))]
        while size > 5:
            layers += [nn.LeakyReLU(0.2), spectral_norm(nn.Conv2d(width, width, 4, 2, 1))]
            size //= 2
        layers += [nn.LeakyReLU(0.2), spectral_norm(nn.Conv2d(width, 1, 3, 1, 1))]
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        return self.layers(features)


class FaceCritic(nn.Module):
    """The levels of FaceResNet.features -> logits [N, patches of all levels]."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList(CriticHead(*level) for level in LEVELS)

    def forward(self, features: list[Tensor]) -> Tensor:
        logits = [
            # each level on one scale, whatever its weights are used to
            head(x.float() / (x.float().abs().mean(dim=(1, 2, 3), keepdim=True) + 1e-4))
            for head, x in zip(self.heads, features, strict=False)
        ]
        return torch.cat([x.flatten(1) for x in logits], dim=1)


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
        before = width
        for channels, kernel, stride in ((2, 4, 2), (4, 4, 2), (4, 3, 1)):
            conv = nn.Conv2d(before, channels * width, kernel, stride, 1, bias=False)
            before = channels * width
            self.layers.append(nn.Sequential(conv, nn.GroupNorm(1, before), act))
        self.layers.append(nn.Conv2d(before, 1, 1))

    def forward(self, images: Tensor, photos: Tensor | None = None) -> list[Tensor]:
        shown = [images] if photos is None else [photos, images]
        features = [torch.cat([detail(picture) for picture in shown], dim=1)]
        for layer in self.layers:
            features.append(layer(features[-1]))
        return features[1:]


def detail(images: Tensor) -> Tensor:
    """Keep what is finer than 8 pixels, about unit variance: 4 (x - smooth(x)); the same shape."""
    smooth = F.interpolate(F.avg_pool2d(images, 8), images.shape[2:], mode="bilinear")
    return 4 * (images - smooth)
