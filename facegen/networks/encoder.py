"""The bundled encoder: image -> ws, as one w and a small offset for every layer.

After Tov et al., "Designing an Encoder for StyleGAN Image Manipulation" (e4e), 2021,
https://arxiv.org/abs/2102.02766: a single w keeps the code editable, offsets that are kept
small add the detail. The body is the residual discriminator's, which a few hundred thousand
images train well.

One look is not enough for a small network. After Alaluf et al., "ReStyle: A Residual-Based
StyleGAN Encoder via Iterative Refinement", 2021, https://arxiv.org/abs/2104.02699, what the
generator makes of the code so far is taken off the photo, and from the difference a second body
and a plain linear layer say how to change the code; several times, with the same weights. The
linear layer is for what is nearly linear: near a face, light and colour move w by as much
wherever one is, which is what an optimiser finds out anew for every photo.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .discriminator import Conv2d, DiscriminatorBlock
from .stylegan2 import FullyConnected, GeneratorConfig, leaky_relu

Draw = Callable[[Tensor], Tensor]  # ws -> images as the encoder reads them
COARSE = 32  # pixels, of the difference that the linear layer sees
CONTRAST = 4.0  # differences are small; this makes them about as large as pictures


@dataclass(frozen=True)
class EncoderConfig:
    """Everything that decides the architecture. The channels count as in GeneratorConfig."""

    resolution: int  # of the pictures it reads
    num_ws: int
    w_dim: int
    channel_base: int
    channel_max: int
    hidden: int = 512
    passes: int = 0  # how often the code is corrected after the first look

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


class Measurement(nn.Module):
    """pictures [N, 3, R, R] -> (w [N, w_dim], offsets [N, num_ws, w_dim])."""

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

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        x = pictures.contiguous(memory_format=torch.channels_last)
        x = x if self.half_dtype is None else x.to(self.half_dtype)
        x = getattr(self, f"b{self.config.resolution}").fromrgb(x)
        for resolution in self.resolutions:
            x = getattr(self, f"b{resolution}")(x)
        x = leaky_relu(self.hidden(self.mix(x).float().flatten(1)))
        return self.w(x), self.offset(x).unflatten(1, (self.config.num_ws, self.config.w_dim))


class Encoder(Measurement):
    """images [N, 3, R, R] in [-1, 1] -> (w [N, w_dim], offsets [N, num_ws, w_dim])."""

    again: Measurement | None  # of the corrections, if there are any

    def __init__(self, config: EncoderConfig):
        super().__init__(config)
        self.again = Measurement(config) if config.passes else None
        if self.again is not None:
            self.linear = FullyConnected(3 * min(COARSE, config.resolution) ** 2, config.w_dim)
            for layer in (self.again.w, self.linear):
                nn.init.zeros_(layer.weight)  # at first they change nothing

    def correct(
        self, images: Tensor, w: Tensor, offsets: Tensor, draw: Draw
    ) -> tuple[Tensor, Tensor]:
        """Make one pass: a better code of the images [N, 3, R, R].

        w [N, w_dim], offsets [N, num_ws, w_dim] and what is returned: as in forward.
        """
        assert self.again is not None, "this encoder makes no passes"
        with torch.no_grad():
            difference = CONTRAST * (images - draw(w[:, None] + offsets))
        change, changes = self.again(difference)
        coarse = F.adaptive_avg_pool2d(difference, min(COARSE, self.config.resolution))
        return w + change + self.linear(coarse.flatten(1)), offsets + changes

    def encode(self, images: Tensor, draw: Draw | None = None) -> Tensor:
        """Encode images -> ws [N, num_ws, w_dim]. draw: needed where config.passes is above 0."""
        w, offsets = self.after(self.config.passes, images, draw)
        return w[:, None] + offsets

    def after(self, passes: int, images: Tensor, draw: Draw | None) -> tuple[Tensor, Tensor]:
        """Encode images [N, 3, R, R] with so many corrections.

        Returns w [N, w_dim] and offsets [N, num_ws, w_dim]. Only the last look gets a gradient:
        each learns to do its best from where it stands. draw: may be None where passes is 0.
        """
        learns = torch.is_grad_enabled()
        with torch.set_grad_enabled(learns and passes == 0):
            w, offsets = self(images)
        for number in range(1, passes + 1):
            assert draw is not None
            with torch.set_grad_enabled(learns and number == passes):
                w, offsets = self.correct(images, w, offsets, draw)
        return w, offsets
