"""The bundled encoder: image -> ws, as one w and a small offset for every layer.

After Tov et al., "Designing an Encoder for StyleGAN Image Manipulation" (e4e), 2021,
https://arxiv.org/abs/2102.02766: a single w keeps the code editable, offsets that are kept
small add the detail. The body is the residual discriminator's, which a few hundred thousand
images train well.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from .discriminator import Conv2d, DiscriminatorBlock
from .stylegan2 import FullyConnected, GeneratorConfig, leaky_relu


@dataclass(frozen=True)
class EncoderConfig:
    """resolution: of the pictures it reads. The channels count as in GeneratorConfig."""

    resolution: int
    num_ws: int
    w_dim: int
    channel_base: int
    channel_max: int
    hidden: int = 512

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


class Encoder(nn.Module):
    """images [N, 3, R, R] in [-1, 1] -> (w [N, w_dim], offsets [N, num_ws, w_dim])."""

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.config = config
        self.half_dtype: torch.dtype | None = None
        body = GeneratorConfig(
            config.resolution, channel_base=config.channel_base, channel_max=config.channel_max
        )
        self.resolutions = body.block_resolutions[:0:-1]
        for resolution in self.resolutions:
            setattr(self, f"b{resolution}", DiscriminatorBlock(body, resolution))
        self.mix = Conv2d(body.channels(4), body.channels(4), kernel=3)
        self.hidden = FullyConnected(body.channels(4) * 16, config.hidden)
        self.w = FullyConnected(config.hidden, config.w_dim)
        self.offset = FullyConnected(config.hidden, config.num_ws * config.w_dim)
        nn.init.zeros_(self.offset.weight)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = images.contiguous(memory_format=torch.channels_last)
        x = x if self.half_dtype is None else x.to(self.half_dtype)
        x = getattr(self, f"b{self.config.resolution}").fromrgb(x)
        for resolution in self.resolutions:
            x = getattr(self, f"b{resolution}")(x)
        x = leaky_relu(self.hidden(self.mix(x).float().flatten(1)))
        return self.w(x), self.offset(x).unflatten(1, (self.config.num_ws, self.config.w_dim))

    def encode(self, images: Tensor) -> Tensor:
        """images -> ws [N, num_ws, w_dim]."""
        w, offsets = self(images)
        return w[:, None] + offsets
