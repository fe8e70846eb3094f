"""The layers of MobileStyleGAN, whose resolution doubles by Haar's transform."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LRELU_SLOPE = 0.2
HIDDEN = 32  # channels of the preview head


def inverse_haar_plain(x: Tensor) -> Tensor:
    """Invert the 2-D Haar transform, term by term: [N, 4C, H, W] -> [N, C, 2H, 2W].

    The first C channels are LL; channel C + 3c + k is band k of channel c. The oracle of
    `inverse_haar`.
    """
    channels = x.shape[1] // 4
    ll, bands = x[:, :channels], x[:, channels:].unflatten(1, (channels, 3))
    a, b, d = bands.unbind(2)
    top = torch.stack((ll + a + b + d, ll + a - b - d), dim=-1)
    bottom = torch.stack((ll - a + b - d, ll - a - b + d), dim=-1)
    cells = torch.stack((top, bottom), dim=3)  # [N, C, H, row, W, column]
    return cells.flatten(4, 5).flatten(2, 3) / 2


def inverse_haar(x: Tensor) -> Tensor:
    """Do the same in four passes, written in place where no gradient is needed."""
    if torch.is_grad_enabled() and x.requires_grad:
        return inverse_haar_plain(x)
    n, _, height, width = x.shape
    channels = x.shape[1] // 4
    ll, bands = x[:, :channels], x[:, channels:].unflatten(1, (channels, 3))
    a, b, d = bands.unbind(2)
    low, high, sums, rest = ll + a, ll - a, b + d, b - d
    cells = x.new_empty(n, channels, height, 2, width, 2)
    torch.add(low, sums, out=cells[:, :, :, 0, :, 0])
    torch.sub(low, sums, out=cells[:, :, :, 0, :, 1])
    torch.add(high, rest, out=cells[:, :, :, 1, :, 0])
    torch.sub(high, rest, out=cells[:, :, :, 1, :, 1])
    return cells.flatten(4, 5).flatten(2, 3).mul_(0.5)


class Affine(nn.Module):
    """A linear layer with its weights as they are."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class Up(nn.Module):
    """x * style, then the inverse Haar transform: channels / 4, resolution * 2."""

    def __init__(self, inputs: int, w_dim: int):
        super().__init__()
        self.affine = Affine(w_dim, inputs)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        return inverse_haar(x * self.affine(w).to(x.dtype)[:, :, None, None])


class Conv(nn.Module):
    """x * style, depthwise 3x3, pointwise 1x1, + noise, + bias, leaky ReLU without gain."""

    noise: Tensor

    def __init__(self, inputs: int, outputs: int, w_dim: int, resolution: int):
        super().__init__()
        self.affine = Affine(w_dim, inputs)
        self.depthwise = nn.Parameter(torch.empty(inputs, 1, 3, 3))
        self.pointwise = nn.Parameter(torch.empty(outputs, inputs, 1, 1))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.register_buffer("noise", torch.empty(resolution, resolution))

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        style = self.affine(w).to(x.dtype)
        if len(x) == 1:  # the style goes into the weights: one pass less over the activations
            depthwise = self.depthwise * style[0, :, None, None, None]
        else:
            x, depthwise = x * style[:, :, None, None], self.depthwise
        x = F.conv2d(x, depthwise, padding=1, groups=x.shape[1])
        return _activate(F.conv2d(x, self.pointwise, self.bias), noise)


class DenseConv(nn.Module):
    """The same with one dense 3x3 convolution: the layer at 4 pixels."""

    noise: Tensor

    def __init__(self, inputs: int, outputs: int, w_dim: int, resolution: int):
        super().__init__()
        self.affine = Affine(w_dim, inputs)
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.register_buffer("noise", torch.empty(resolution, resolution))

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        x = x * self.affine(w).to(x.dtype)[:, :, None, None]
        return _activate(F.conv2d(x, self.weight, self.bias, padding=1), noise)


def _activate(x: Tensor, noise: Tensor | None) -> Tensor:
    in_place = not torch.is_grad_enabled()
    if noise is not None:
        noise = noise.to(x.dtype)
        x = x.add_(noise) if in_place else x + noise
    return F.leaky_relu(x, LRELU_SLOPE, inplace=in_place)


class Block(nn.Module):
    """Twice the resolution, then two convolutions."""

    def __init__(self, inputs: int, outputs: int, w_dim: int, resolution: int):
        super().__init__()
        self.up = Up(inputs, w_dim)
        self.conv1 = Conv(inputs // 4, outputs, w_dim, resolution)
        self.conv2 = Conv(outputs, outputs, w_dim, resolution)


class ToImage(nn.Module):
    """x * style, 1x1 to 12 channels, + bias: the picture's Haar coefficients."""

    def __init__(self, inputs: int, w_dim: int):
        super().__init__()
        self.affine = Affine(w_dim, inputs)
        self.weight = nn.Parameter(torch.empty(12, inputs, 1, 1))
        self.bias = nn.Parameter(torch.empty(12))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.affine(w)
        if len(x) == 1:
            return F.conv2d(x, self.weight * style[:, :, None, None], self.bias)
        return F.conv2d(x * style[:, :, None, None], self.weight, self.bias)


class PreviewHead(nn.Module):
    """Draws a small picture from the middle of the network, at a tenth of the cost.

    features [N, channels, H, W], already scaled, float32 or bfloat16; styles [N, S] -> images
    float32 [N, 3, 2H, 2W], not clamped. What the blocks above 128 pixels add to a picture of 256 is
    little, and this learns it from the features, scaled by the style that the next layer would
    scale them by. A linear map of each feature pixel to 2x2 picture pixels explains 93 % of the
    picture; three 3x3 convolutions beside it find the rest. The styles of the layers above those
    features enter as gains: they are all that these layers know of a code, so what it changes of
    colour and light is seen as well.
    """

    def __init__(self, channels: int = 256, styles: int = 480):
        super().__init__()
        self.linear = nn.Conv2d(channels, 12, 1)
        self.reduce = nn.Conv2d(channels, HIDDEN, 1)
        self.gains = nn.Linear(styles, 3 * HIDDEN)  # before each of the convolutions
        self.mix1 = nn.Conv2d(HIDDEN, HIDDEN, 3, padding=1)
        self.mix2 = nn.Conv2d(HIDDEN, HIDDEN, 3, padding=1)
        self.draw = nn.Conv2d(HIDDEN, 12, 3, padding=1)
        for layer in (self.gains, self.mix2, self.draw):
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)  # at first they change nothing

    def forward(self, features: Tensor, styles: Tensor) -> Tensor:
        gains = 1 + self.gains(styles.to(features.dtype))
        first, second, third = gains[:, :, None, None].chunk(3, dim=1)
        x = self.reduce(features) * first
        x = x + self.mix2(F.leaky_relu(self.mix1(x), 0.2) * second)
        drawn = self.linear(features).float() + self.draw(x * third).float()
        return F.pixel_shuffle(drawn, 2)
