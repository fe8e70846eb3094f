"""MobileStyleGAN: a StyleGAN2 distilled into depthwise convolutions and wavelets.

Source: Belousov, "MobileStyleGAN: A Lightweight Convolutional Neural Network for High-Fidelity
Image Synthesis", 2021, https://arxiv.org/abs/2104.04767. Built here from the published file's
graph alone.

Convention
    ws      float32 [N, 16, w_dim]. Place 0 drives the 4 px convolution; block i, which makes
            8 * 2^i pixels, takes place 2i + 1 for its upsampling and first convolution and
            2i + 2 for its second; place 15 drives the picture's layer. So two places a
            resolution, as in StyleGAN2.
    images  float32 [N, 3, R, R] in about [-1, 1], not clamped.
    styles  what scales a layer's input channels. Demodulation is folded into the weights: unlike
            in StyleGAN2 the size of a style counts.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .mobile_blocks import (
    LRELU_SLOPE,
    Affine,
    Block,
    Conv,
    DenseConv,
    PreviewHead,
    ToImage,
    Up,
    inverse_haar,
)

LRELU_GAIN = 2.0**0.5  # of the mapping network; the synthesis network has none
MAPPING_LAYERS = 8
FEATURES_AT = 128  # pixels of the features that previews are made of


@dataclass(frozen=True)
class MobileConfig:
    """Everything that decides the architecture.

    channels: after each block, the first of which makes 8 pixels. The constant at 4 pixels has
    channels[0] too.
    """

    z_dim: int = 512
    w_dim: int = 512
    channels: tuple[int, ...] = (512, 512, 512, 512, 256, 128, 64)

    @property
    def block_resolutions(self) -> list[int]:
        return [8 * 2**i for i in range(len(self.channels))]

    @property
    def resolution(self) -> int:
        return 2 * self.block_resolutions[-1]

    @property
    def num_ws(self) -> int:
        return 2 * len(self.channels) + 2

    @property
    def layer_resolutions(self) -> list[int]:
        """[num_ws]: pixels at which each place of W+ works; the last one draws the picture."""
        return [4, *(r for r in self.block_resolutions for _ in range(2)), self.resolution]

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


class MobileMapping(nn.Module):
    """z [N, z_dim] -> w [N, w_dim]; z is normalised to unit mean square first."""

    w_avg: Tensor

    def __init__(self, config: MobileConfig):
        super().__init__()
        for i in range(MAPPING_LAYERS):
            inputs = config.z_dim if i == 0 else config.w_dim
            setattr(self, f"fc{i}", Affine(inputs, config.w_dim))
        self.register_buffer("w_avg", torch.zeros(config.w_dim))

    def forward(self, z: Tensor, truncation_psi: float = 1.0) -> Tensor:
        x = z * (z.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()
        for i in range(MAPPING_LAYERS):
            x = F.leaky_relu(getattr(self, f"fc{i}")(x), LRELU_SLOPE) * LRELU_GAIN
        return self.w_avg.lerp(x, truncation_psi) if truncation_psi != 1 else x


class MobileSynthesis(nn.Module):
    """ws [N, 16, w_dim] -> images [N, 3, 1024, 1024]."""

    def __init__(self, config: MobileConfig):
        super().__init__()
        self.config = config
        first = config.channels[0]
        self.const = nn.Parameter(torch.empty(1, first, 4, 4))
        self.first = DenseConv(first, first, config.w_dim, 4)
        inputs = [first, *config.channels[:-1]]
        shapes = zip(inputs, config.channels, config.block_resolutions, strict=True)
        blocks = nn.ModuleList(Block(i, o, config.w_dim, r) for i, o, r in shapes)
        self.blocks = cast(Sequence[Block], blocks)
        self.to_image = ToImage(config.channels[-1], config.w_dim)

    @property
    def convolutions(self) -> list[DenseConv | Conv]:
        """List those that add noise, in their order."""
        return [self.first, *(conv for block in self.blocks for conv in (block.conv1, block.conv2))]

    def features(
        self,
        ws: Tensor,
        noise_mode: str = "const",
        noises: Sequence[Tensor] | None = None,
        up_to: int | None = None,
    ) -> Tensor:
        """Compute the activations after the block that makes up_to pixels; None: after the last.

        noises: in place of noise_mode, standard normal maps [H, W] or [N, 1, H, W], one for each
        of `convolutions`; each is scaled to what the layer's own map has.
        """
        given = iter(noises if noises is not None else ())

        def noise(layer: DenseConv | Conv) -> Tensor | None:
            if noises is not None:
                return next(given) * layer.noise.std()
            if noise_mode == "random":
                size = (len(ws), 1, *layer.noise.shape)
                return torch.randn(size, device=ws.device) * layer.noise.std()
            return layer.noise if noise_mode == "const" else None

        x = self.const.expand(len(ws), -1, -1, -1)
        x = x.contiguous(memory_format=torch.channels_last)
        x = self.first(x, ws[:, 0], noise(self.first))
        blocks = zip(self.config.block_resolutions, self.blocks, strict=True)
        for i, (resolution, block) in enumerate(blocks):
            x = block.up(x, ws[:, 2 * i + 1])
            x = block.conv1(x, ws[:, 2 * i + 1], noise(block.conv1))
            x = block.conv2(x, ws[:, 2 * i + 2], noise(block.conv2))
            if resolution == up_to:
                break
        return x

    def forward(
        self, ws: Tensor, noise_mode: str = "const", noises: Sequence[Tensor] | None = None
    ) -> Tensor:
        return inverse_haar(self.coefficients(ws, noise_mode, noises))

    def coefficients(
        self, ws: Tensor, noise_mode: str = "const", noises: Sequence[Tensor] | None = None
    ) -> Tensor:
        """Compute the picture's Haar coefficients, [N, 12, R / 2, R / 2].

        The first three over 2 are the picture averaged over 2x2.
        """
        return self.to_image(self.features(ws, noise_mode, noises), ws[:, -1])


class Fast(Protocol):
    """The same numbers sooner, without gradients."""

    def __call__(self, ws: Tensor, noise: Any = "const") -> Tensor: ...

    def features(self, ws: Tensor, up_to: int, noise: Any = "const") -> Tensor: ...


class MobileGenerator(nn.Module):
    """Mapping and synthesis together, with the head that draws previews."""

    has_w = True

    def __init__(self, config: MobileConfig):
        super().__init__()
        self.config = config
        self.mapping = MobileMapping(config)
        self.synthesis = MobileSynthesis(config)
        self.features_block = config.block_resolutions.index(FEATURES_AT)
        styles = sum(len(layer.affine.bias) for layer, _ in self._layers_above)
        self.head = PreviewHead(config.channels[self.features_block], styles)
        # Draws on a CPU where no gradient is needed: the loader sets it (mobile_fast.py), for
        # the weights must be there already.
        self.fast: Fast | None = None
        # Previews in bfloat16, where the processor multiplies it: set by `roughen`.
        self.rough: Rough | None = None

    @property
    def w_avg(self) -> Tensor:
        return self.mapping.w_avg

    @property
    def noise_shapes(self) -> list[tuple[int, int]]:
        return [(len(layer.noise), layer.noise.shape[1]) for layer in self.synthesis.convolutions]

    @property
    def free_noises(self) -> list[Tensor]:
        """List none: the maps were learned with the network, as part of the face."""
        return []

    def broadcast(self, w: Tensor) -> Tensor:
        """Repeat w [N, w_dim] in every place -> ws [N, num_ws, w_dim]."""
        return w[:, None].expand(-1, self.config.num_ws, -1)

    def _fast_for(self, ws: Tensor, noise_mode: str) -> Fast | None:
        """Choose the fast way, if it can: one set of maps serves all codes there."""
        plain = torch.is_grad_enabled() or ws.is_cuda or noise_mode == "random"
        return None if plain else self.fast

    def _scaled(self, noises: Sequence[Tensor]) -> list[Tensor]:
        layers = self.synthesis.convolutions
        return [noise * layer.noise.std() for noise, layer in zip(noises, layers, strict=True)]

    def synthesize(
        self, ws: Tensor, noise_mode: str = "const", noises: Sequence[Tensor] | None = None
    ) -> Tensor:
        """Draw the finished pictures [N, 3, R, R]."""
        fast = self._fast_for(ws, noise_mode)
        if fast is not None and (noises is None or noises[0].ndim == 2):
            return fast(ws, noise_mode if noises is None else self._scaled(noises))
        return self.synthesis(ws, noise_mode, noises)

    def reduced(self, ws: Tensor, size: int) -> Tensor:
        """Draw without the last step: the low band of its Haar transform is the picture's half."""
        if size == self.config.resolution:
            return self.synthesize(ws)
        return _shrunk(self.synthesis.coefficients(ws)[:, :3] / 2, size)

    def roughen(self) -> None:
        """Compute previews in bfloat16 from now on, by copies of the weights as they are now.

        Less than half the time on a processor that multiplies it. Gradients go through them, to ws
        alone.
        """
        self.rough = Rough(self)

    def preview(
        self,
        ws: Tensor,
        size: int,
        noise_mode: str = "const",
        noises: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Draw [N, 3, size, size] for a size up to 256, by the head; see PreviewHead."""
        head = self.head if self.rough is None else self.rough.head
        return _shrunk(head(*self.preview_inputs(ws, noise_mode, noises)), size)

    def preview_inputs(
        self, ws: Tensor, noise_mode: str = "const", noises: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Compute what the head draws from.

        Features [N, channels, 128, 128] as the next block would scale them, and the styles of the
        layers above them.
        """
        fast = self._fast_for(ws, noise_mode)
        if self.rough is not None:
            x = self.rough.synthesis.features(ws, noise_mode, noises, up_to=FEATURES_AT)
        elif fast is not None and noises is None:
            x = fast.features(ws, FEATURES_AT, noise_mode)
        else:
            x = self.synthesis.features(ws, noise_mode, noises, up_to=FEATURES_AT)
        block = self.features_block + 1
        scale = self.synthesis.blocks[block].up.affine(ws[:, 2 * block + 1])
        return x * scale.to(x.dtype)[:, :, None, None], self.styles_above(ws)

    def styles_above(self, ws: Tensor) -> Tensor:
        """Compute all that the layers above the previews' features know of a code.

        [N, channels of those layers].
        """
        return torch.cat([layer.affine(ws[:, place]) for layer, place in self._layers_above], dim=1)

    @property
    def style_layers(self) -> list[tuple[Affine, int]]:
        """List the style layers with their places; bfloat16's copy has the same, see Rough."""
        below = self.synthesis
        layers = [(below.first.affine, 0)]
        for i in range(self.features_block + 1):
            block = below.blocks[i]
            layers += [(block.up.affine, 2 * i + 1), (block.conv1.affine, 2 * i + 1)]
            layers.append((block.conv2.affine, 2 * i + 2))
        up = self.features_block + 1
        layers.append((self.synthesis.blocks[up].up.affine, 2 * up + 1))
        return [*layers, *((layer.affine, place) for layer, place in self._layers_above)]

    @property
    def _layers_above(self) -> list[tuple[Up | Conv | ToImage, int]]:
        """List them with their places; the first upsampling's style is in the features already."""
        layers: list[tuple[Up | Conv | ToImage, int]] = []
        for i in range(self.features_block + 1, len(self.synthesis.blocks)):
            block = self.synthesis.blocks[i]
            layers += [(block.up, 2 * i + 1), (block.conv1, 2 * i + 1), (block.conv2, 2 * i + 2)]
        return [*layers[1:], (self.synthesis.to_image, self.config.num_ws - 1)]

    def forward(self, z: Tensor, truncation_psi: float = 1.0, noise_mode: str = "const") -> Tensor:
        return self.synthesis(self.broadcast(self.mapping(z, truncation_psi)), noise_mode)


class Rough:
    """A generator's lower blocks and its head in bfloat16.

    Styles are computed in float32, by the generator's own layers.
    """

    def __init__(self, generator: MobileGenerator):
        plain = generator.synthesis
        blocks = plain.blocks[: generator.features_block + 1]
        self.synthesis = copy.copy(plain)
        self.synthesis._modules = dict(plain._modules)
        self.synthesis.blocks = copy.deepcopy(blocks)
        self.synthesis.first = copy.deepcopy(plain.first)
        self.synthesis.first.affine = plain.first.affine
        for mine, given in zip(self.synthesis.blocks, blocks, strict=True):
            for name in ("up", "conv1", "conv2"):
                getattr(mine, name).affine = getattr(given, name).affine
        for layer in self.synthesis.convolutions:
            for name in ("weight", "depthwise", "pointwise", "bias", "noise"):
                if hasattr(layer, name):
                    weight = getattr(layer, name)
                    weight.data = weight.data.bfloat16()
        self.synthesis._parameters = {"const": nn.Parameter(plain.const.detach().bfloat16(), False)}
        self.head = copy.deepcopy(generator.head).bfloat16().requires_grad_(False)


def _shrunk(pictures: Tensor, size: int) -> Tensor:
    shrink = pictures.shape[-1] // size
    return pictures if shrink <= 1 else F.avg_pool2d(pictures, shrink)
