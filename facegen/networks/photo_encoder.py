"""The encoder of a photorealistic generator: an aligned photo -> W+, in a first look and more.

A classifier's body (EfficientNetLite0) sees the photo at 128 pixels; a head turns what it sees
into one w, near which codes are natural, and a small offset for every place (after Tov et al.
2021, e4e, https://arxiv.org/abs/2102.02766). Each further look sees the generator's preview of
the code so far with the same body, and a second head turns the difference of both views into a
change of the code (after Alaluf et al. 2021, ReStyle, https://arxiv.org/abs/2104.02699).

The body: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
2019, https://arxiv.org/abs/1905.11946; the Lite variant has no squeeze-and-excitation and ReLU6.
Batch normalisation is folded into the convolutions, which then have biases: frozen it computes
the same, and a small batch cannot damage it.

Convention
    pictures  float32 [N, 3, 128, 128] for the encoder, of any size for its body; RGB in [-1, 1],
              aligned as in FFHQ.
    ws        float32 [N, num_ws, w_dim].
    features  of the body, after the blocks that end a resolution: 2, 4, 10 and 14 (of 0 to 15), at
              1/4, 1/8, 1/16 and 1/32 of the picture's size with 24, 40, 112 and 192 channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# (kernel, stride, expansion, channels) a block; the paper's table 1, stem and classifier aside
BLOCKS = (
    (3, 1, 1, 16),
    (3, 2, 6, 24), (3, 1, 6, 24),
    (5, 2, 6, 40), (5, 1, 6, 40),
    (3, 2, 6, 80), (3, 1, 6, 80), (3, 1, 6, 80),
    (5, 1, 6, 112), (5, 1, 6, 112), (5, 1, 6, 112),
    (5, 2, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192),
)  # fmt: skip
STEM = 32
TAPS = (2, 4, 10, 14)
CHANNELS = tuple(BLOCKS[i][3] for i in TAPS)
SIZE = 128  # pixels of the pictures it reads
SQUEEZED = (24, 96)  # channels of the features at 1/16 and 1/32 that heads see
FEATURES = SQUEEZED[0] * (SIZE // 16) ** 2 + SQUEEZED[1] * (SIZE // 32) ** 2
NARROW = 96  # numbers that all offsets of a picture are made of

Draw = Callable[[Tensor], Tensor]  # ws -> pictures


# --- the body --------------------------------------------------------------------------


def _same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Pad as TensorFlow's "same", with which the network was trained.

    The odd pixel is added at the right and the bottom.
    """
    pads = []
    for size in (x.shape[-1], x.shape[-2]):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads) if any(pads) else x


class InvertedBottleneck(nn.Module):
    """1x1 expansion, depthwise convolution, 1x1 projection; added to its input where it fits."""

    def __init__(self, inputs: int, kernel: int, stride: int, expansion: int, outputs: int):
        super().__init__()
        inner = inputs * expansion
        self.kernel, self.stride = kernel, stride
        self.residual = stride == 1 and inputs == outputs
        self.expand = nn.Conv2d(inputs, inner, 1) if expansion > 1 else None
        self.depthwise = nn.Conv2d(inner, inner, kernel, stride, groups=inner)
        self.project = nn.Conv2d(inner, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = F.relu6(self.depthwise(_same(y, self.kernel, self.stride)))
        y = self.project(y)
        return x + y if self.residual else y


class EfficientNetLite0(nn.Module):
    """The body up to 1/32 of the picture's size; the last block and the classifier are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, STEM, 3, 2)
        inputs = [STEM, *(channels for *_, channels in BLOCKS)]
        self.blocks = nn.ModuleList(
            InvertedBottleneck(i, *block) for i, block in zip(inputs, BLOCKS, strict=False)
        )

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Compute features of pictures, from fine to coarse; see TAPS."""
        x = F.relu6(self.stem(_same(pictures, 3, 2)))
        features = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in TAPS:
                features.append(x)
        return features


# --- the encoder -----------------------------------------------------------------------


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
    """pictures -> ws, see the head of this file."""

    w_avg: Tensor

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
        """Extract what a head is shown of pictures: [N, FEATURES]."""
        features = self.body(pictures.contiguous(memory_format=torch.channels_last))[2:]
        squeezed = [layer(x) for layer, x in zip(self.squeeze, features, strict=True)]
        return torch.cat([x.flatten(1) for x in squeezed], dim=1)

    def guess(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Take the first look: (w [N, w_dim], offsets [N, num_ws, w_dim])."""
        w, offsets = self.first(seen)
        return self.w_avg + w, offsets

    def correct(
        self, seen: Tensor, w: Tensor, offsets: Tensor, drawn: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Take a further look. drawn: the preview of w and offsets, as pictures."""
        change, changes = self.again(seen - self.see(drawn))
        return w + change, offsets + changes

    def encode(self, pictures: Tensor, draw: Draw, looks: int | None = None) -> Tensor:
        """Encode pictures -> ws, after `looks` looks (None: as many as the config says)."""
        seen = self.see(pictures)
        w, offsets = self.guess(seen)
        for _ in range((looks or self.config.looks) - 1):
            w, offsets = self.correct(seen, w, offsets, draw(w[:, None] + offsets))
        return w[:, None] + offsets
