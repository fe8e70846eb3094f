"""The residual StyleGAN2 discriminator.

Source: Karras et al. 2020, https://arxiv.org/abs/1912.04958, section 4.1 and appendix B;
minibatch standard deviation: Karras et al. 2018, https://arxiv.org/abs/1710.10196, section 3.
Parameter names follow NVIDIA's released networks.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .stylegan2 import (
    LRELU_GAIN,
    LRELU_SLOPE,
    FullyConnected,
    GeneratorConfig,
    fir_blur,
    leaky_relu,
    normal,
)


class Conv2d(nn.Module):
    """Convolution with an equalised learning rate, optionally blurred and halved in size.

    gain scales the output; with act a leaky ReLU and its own gain follow. Positive gains
    commute with the leaky ReLU, so all of them go into weight and bias, where they are cheap.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, down=False, bias=True, act=True, gain=1.0
    ):
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
