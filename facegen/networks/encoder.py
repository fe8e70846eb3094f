"""The bundled encoder: image -> ws, as one w and a small offset for every layer.

After Tov et al., "Designing an Encoder for StyleGAN Image Manipulation" (e4e), 2021,
https://arxiv.org/abs/2102.02766: a single w keeps the code editable, offsets that are kept
small add the detail. The body is the residual discriminator's, which a few hundred thousand
images train well.

One look is not enough for a small network. After Alaluf et al., "ReStyle: A Residual-Based
StyleGAN Encoder via Iterative Refinement", 2021, https://arxiv.org/abs/2104.02699, a second
body looks at the photo beside what the generator makes of the code so far, and says how to
change the code; several times, always with the same weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from .discriminator import Conv2d, DiscriminatorBlock
from .stylegan2 import FullyConnected, GeneratorConfig, leaky_relu

Draw = Callable[[Tensor], Tensor]  # ws -> images as the encoder reads them


@dataclass(frozen=True)
class EncoderConfig:
    """resolution: of the pictures it reads. The channels count as in GeneratorConfig. passes:
    how often the code is corrected after the first look."""

    resolution: int
    num_ws: int
    w_dim: int
    channel_base: int
    channel_max: int
    hidden: int = 512
    passes: int = 0

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


class Look(nn.Module):
    """pictures [N, colours, R, R] -> (w [N, w_dim], offsets [N, num_ws, w_dim])."""

    def __init__(self, config: EncoderConfig, colours: int):
        super().__init__()
        self.config = config
        self.half_dtype: torch.dtype | None = None
        body = GeneratorConfig(
            config.resolution, channel_base=config.channel_base, channel_max=config.channel_max
        )
        self.resolutions = body.block_resolutions[:0:-1]
        for resolution in self.resolutions:
            setattr(self, f"b{resolution}", DiscriminatorBlock(body, resolution, colours))
        self.mix = Conv2d(body.channels(4), body.channels(4), kernel=3)
        self.hidden = FullyConnected(body.channels(4) * 16, config.hidden)
        self.w = FullyConnected(config.hidden, config.w_dim)
        self.offset = FullyConnected(config.hidden, config.num_ws * config.w_dim)
        nn.init.zeros_(self.offset.weight)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        x = pictures.contiguous(memory_format=torch.channels_last)
        x = x if self.half_dtype is None else x.to(self.half_dtype)
        x = getattr(self, f"b{self.config.resolution}").fromrgb(x)
        for resolution in self.resolutions:
            x = getattr(self, f"b{resolution}")(x)
        x = leaky_relu(self.hidden(self.mix(x).float().flatten(1)))
        return self.w(x), self.offset(x).unflatten(1, (self.config.num_ws, self.config.w_dim))


class Encoder(Look):
    """images [N, 3, R, R] in [-1, 1] -> (w [N, w_dim], offsets [N, num_ws, w_dim])."""

    def __init__(self, config: EncoderConfig):
        super().__init__(config, colours=3)
        if config.passes:
            self.again = Look(config, colours=6)
            nn.init.zeros_(self.again.w.weight)  # at first it changes nothing

    def correct(
        self, images: Tensor, w: Tensor, offsets: Tensor, draw: Draw
    ) -> tuple[Tensor, Tensor]:
        """A better code of the images, [N, 3, R, R], once: see `again`."""
        with torch.no_grad():
            drawn = draw(w[:, None] + offsets)
        change, changes = self.again(torch.cat([images, drawn], dim=1))
        return w + change, offsets + changes

    def encode(self, images: Tensor, draw: Draw | None = None) -> Tensor:
        """images -> ws [N, num_ws, w_dim]. draw: needed where config.passes is above 0."""
        w, offsets = self(images)
        for _ in range(self.config.passes):
            w, offsets = self.correct(images, w, offsets, draw)
        return w[:, None] + offsets
