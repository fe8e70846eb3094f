"""The inverse 2-D Haar transform, by which MobileStyleGAN doubles its resolution."""

from __future__ import annotations

import torch
from torch import Tensor


def inverse_haar_plain(x: Tensor) -> Tensor:
    """The inverse 2-D Haar transform, term by term: [N, 4C, H, W] -> [N, C, 2H, 2W].

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
    """The same in four passes, written in place where no gradient is asked for."""
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
