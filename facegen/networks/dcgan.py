"""DCGAN at 32x32: the classroom's generative adversarial network.

Radford, Metz and Chintala 2016, https://arxiv.org/abs/1511.06434, in the small shape that fits
32x32 pictures: three (de)convolutions between the picture and 256 channels of 4x4.

    discriminator  3 -> 64 -> 128 -> 256, each halving the size; 256 x 4 x 4 = 4096 -> 1
    generator      z -> 4096 = 256 x 4 x 4 -> 128 -> 64 -> 3, each doubling it
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

RESOLUTION = 32
_SMALLEST = 4  # side of the feature map next to the linear layer
_SLOPE = 0.2  # of the leaky ReLU
_STD = 0.02  # of the first weights


@dataclass(frozen=True)
class DcganConfig:
    """channels: of the layer next to the picture; the other two have 2 and 4 times as many."""

    z_dim: int = 100
    channels: int = 64

    @property
    def resolution(self) -> int:
        return RESOLUTION

    @property
    def w_dim(self) -> int:
        return self.z_dim

    @property
    def num_ws(self) -> int:
        return 1

    @property
    def layer_resolutions(self) -> tuple[int, ...]:
        return (RESOLUTION,)

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


class Generator(nn.Module):
    """z [N, z_dim], standard normal -> images [N, 3, 32, 32] in [-1, 1].

    To who asks for w it is z itself, and W+ has one place; it has no noise maps.
    """

    has_w = False
    noise_shapes: tuple[tuple[int, int], ...] = ()
    free_noises: tuple[Tensor, ...] = ()

    def __init__(self, config: DcganConfig):
        super().__init__()
        self.config = config
        wide = 4 * config.channels
        self.linear = nn.Linear(config.z_dim, wide * _SMALLEST**2)
        self.layers = nn.Sequential(
            nn.BatchNorm2d(wide),
            nn.ReLU(),
            nn.ConvTranspose2d(wide, wide // 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(wide // 2),
            nn.ReLU(),
            nn.ConvTranspose2d(wide // 2, wide // 4, 4, 2, 1, bias=False),
            nn.BatchNorm2d(wide // 4),
            nn.ReLU(),
            nn.ConvTranspose2d(wide // 4, 3, 4, 2, 1),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        x = self.linear(z).unflatten(1, (-1, _SMALLEST, _SMALLEST))
        return self.layers(x)

    @property
    def w_avg(self) -> Tensor:
        return torch.zeros_like(self.linear.weight[0])

    @property
    def style_layers(self) -> list[tuple[nn.Module, int]]:
        return []

    def mapping(self, z: Tensor, truncation_psi: float = 1.0) -> Tensor:
        return truncation_psi * z

    def broadcast(self, w: Tensor) -> Tensor:
        return w[:, None]

    def synthesize(
        self, ws: Tensor, noise_mode: str = "const", noises: Sequence[Tensor] | None = None
    ) -> Tensor:
        return self(ws[:, 0])

    def preview(
        self,
        ws: Tensor,
        size: int,
        noise_mode: str = "const",
        noises: Sequence[Tensor] | None = None,
    ) -> Tensor:
        return self.synthesize(ws)

    def reduced(self, ws: Tensor, size: int) -> Tensor:
        pictures = self.synthesize(ws)
        return nn.functional.avg_pool2d(pictures, pictures.shape[-1] // size)


class Discriminator(nn.Module):
    """Images [N, 3, 32, 32] -> logits [N, 1]: positive where a picture looks real."""

    def __init__(self, config: DcganConfig):
        super().__init__()
        self.config = config
        channels = config.channels
        self.layers = nn.Sequential(
            nn.Conv2d(3, channels, 4, 2, 1),
            nn.LeakyReLU(_SLOPE),
            nn.Conv2d(channels, 2 * channels, 4, 2, 1, bias=False),
            nn.BatchNorm2d(2 * channels),
            nn.LeakyReLU(_SLOPE),
            nn.Conv2d(2 * channels, 4 * channels, 4, 2, 1, bias=False),
            nn.BatchNorm2d(4 * channels),
            nn.LeakyReLU(_SLOPE),
        )
        self.linear = nn.Linear(4 * channels * _SMALLEST**2, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(self.layers(images).flatten(1))


def begin(network: nn.Module) -> None:
    """Set the paper's first weights: normal with a deviation of 0.02, batch norm about 1."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(module.weight, 0.0, _STD)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, _STD)
