"""The encoder of a photorealistic generator: an aligned photo -> W+, in a first look and more.

A classifier's body (efficientnet_lite.py) sees the photo at 128 pixels; a head turns what it sees
into one w, near which codes are natural, and a small offset for every place (after Tov et al.
2021, e4e, https://arxiv.org/abs/2102.02766). Each further look sees the generator's preview of
the code so far with the same body, and a second head turns the difference of both views into a
change of the code (after Alaluf et al. 2021, ReStyle, https://arxiv.org/abs/2104.02699).

Convention
    pictures  float32 [N, 3, 128, 128], RGB in [-1, 1], aligned as in FFHQ.
    ws        float32 [N, num_ws, w_dim].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .efficientnet_lite import CHANNELS, EfficientNetLite0

SIZE = 128  # pixels of the pictures it reads
SQUEEZED = (24, 96)  # channels of the features at 1/16 and 1/32 that heads see
FEATURES = SQUEEZED[0] * (SIZE // 16) ** 2 + SQUEEZED[1] * (SIZE // 32) ** 2
NARROW = 96  # numbers that all offsets of a picture are made of

Draw = Callable[[Tensor], Tensor]  # ws -> pictures


@dataclass(frozen=True)
class PhotoEncoderConfig:
    """looks: how often a photo is looked at, the first time included."""

    num_ws: int = 16
    w_dim: int = 512
    hidden: int = 512
    looks: int = 3

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


class Head(nn.Module):
    """features [N, FEATURES] -> (w [N, w_dim], offsets [N, num_ws, w_dim]); zero at first."""

    def __init__(self, config: PhotoEncoderConfig):
        super().__init__()
        self.shape = (config.num_ws, config.w_dim)
        self.norm = nn.LayerNorm(FEATURES)
        self.hidden = nn.Linear(FEATURES, config.hidden)
        self.w = nn.Linear(config.hidden, config.w_dim)
        self.narrow = nn.Linear(config.hidden, NARROW)
        self.offsets = nn.Linear(NARROW, config.num_ws * config.w_dim)
        for layer in (self.w, self.offsets):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        x = F.gelu(self.hidden(self.norm(features)))
        return self.w(x), self.offsets(F.gelu(self.narrow(x))).unflatten(1, self.shape)


class PhotoEncoder(nn.Module):
    def __init__(self, config: PhotoEncoderConfig):
        super().__init__()
        self.config = config
        self.body = EfficientNetLite0()
        self.squeeze = nn.ModuleList(
            nn.Conv2d(i, o, 1) for i, o in zip(CHANNELS[2:], SQUEEZED, strict=True)
        )
        self.first = Head(config)
        self.again = Head(config)
        self.register_buffer("w_avg", torch.zeros(config.w_dim))

    def see(self, pictures: Tensor) -> Tensor:
        """What a head is shown of pictures: [N, FEATURES]."""
        found = self.body(pictures.contiguous(memory_format=torch.channels_last))[2:]
        squeezed = [layer(x) for layer, x in zip(self.squeeze, found, strict=True)]
        return torch.cat([x.flatten(1) for x in squeezed], dim=1)

    def guess(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """The first look: (w [N, w_dim], offsets [N, num_ws, w_dim])."""
        w, offsets = self.first(seen)
        return self.w_avg + w, offsets

    def correct(
        self, seen: Tensor, w: Tensor, offsets: Tensor, drawn: Tensor
    ) -> tuple[Tensor, Tensor]:
        """A further look. drawn: the preview of w and offsets, as pictures."""
        change, changes = self.again(seen - self.see(drawn))
        return w + change, offsets + changes

    def encode(self, pictures: Tensor, draw: Draw, looks: int | None = None) -> Tensor:
        """pictures -> ws, after `looks` looks (None: as many as the config says)."""
        seen = self.see(pictures)
        w, offsets = self.guess(seen)
        for _ in range((looks or self.config.looks) - 1):
            w, offsets = self.correct(seen, w, offsets, draw(w[:, None] + offsets))
        return w[:, None] + offsets
