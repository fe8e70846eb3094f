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
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .haar import inverse_haar
from .preview import PreviewHead

LRELU_SLOPE = 0.2
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


class MobileMapping(nn.Module):
    """z [N, z_dim] -> w [N, w_dim]; z is normalised to unit mean square first."""

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
        self.blocks = nn.ModuleList(Block(i, o, config.w_dim, r) for i, o, r in shapes)
        self.to_image = ToImage(config.channels[-1], config.w_dim)

    @property
    def convolutions(self) -> list[DenseConv | Conv]:
        """Those that add noise, in their order."""
        return [self.first, *(conv for block in self.blocks for conv in (block.conv1, block.conv2))]

    def features(
        self,
        ws: Tensor,
        noise_mode: str = "const",
        noises: Sequence[Tensor] | None = None,
        up_to: int | None = None,
    ) -> Tensor:
        """The activations after the block that makes up_to pixels; None: after the last.

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
        """The picture's Haar coefficients, [N, 12, R / 2, R / 2]: the first three over 2 are the
        picture averaged over 2x2."""
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
        # Draws on a CPU where no gradient is asked for: the loader sets it (mobile_fast.py), for
        # the weights must be there already.
        self.fast: Fast | None = None
        # Previews in bfloat16, where the processor multiplies it: set by `roughen`.
        self.rough: Rough | None = None

    @property
    def w_avg(self) -> Tensor:
        return self.mapping.w_avg

    @property
    def noise_shapes(self) -> list[tuple[int, int]]:
        return [tuple(layer.noise.shape) for layer in self.synthesis.convolutions]

    @property
    def free_noises(self) -> list[Tensor]:
        """None: the maps were learned with the network, as part of the face."""
        return []

    def broadcast(self, w: Tensor) -> Tensor:
        """w [N, w_dim] -> ws [N, num_ws, w_dim], the same w in every place."""
        return w[:, None].expand(-1, self.config.num_ws, -1)

    def _quickly(self, ws: Tensor, noise_mode: str) -> bool:
        """One set of maps serves all codes there, so fresh noise for each takes the plain way."""
        wanted = torch.is_grad_enabled() or ws.is_cuda or noise_mode == "random"
        return self.fast is not None and not wanted

    def _scaled(self, noises: Sequence[Tensor]) -> list[Tensor]:
        layers = self.synthesis.convolutions
        return [noise * layer.noise.std() for noise, layer in zip(noises, layers, strict=True)]

    def synthesize(
        self, ws: Tensor, noise_mode: str = "const", noises: Sequence[Tensor] | None = None
    ) -> Tensor:
        if self._quickly(ws, noise_mode) and (noises is None or noises[0].ndim == 2):
            return self.fast(ws, noise_mode if noises is None else self._scaled(noises))
        return self.synthesis(ws, noise_mode, noises)

    def reduced(self, ws: Tensor, size: int) -> Tensor:
        """Without the last step: the low band of its Haar transform is the picture's half."""
        if size == self.config.resolution:
            return self.synthesize(ws)
        return _shrunk(self.synthesis.coefficients(ws)[:, :3] / 2, size)

    def roughen(self) -> None:
        """From now on previews are computed in bfloat16, by copies of the weights as they are
        now: less than half the time on a processor that multiplies it. Gradients go through them,
        to ws alone."""
        self.rough = Rough(self)

    def preview(
        self,
        ws: Tensor,
        size: int,
        noise_mode: str = "const",
        noises: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """[N, 3, size, size] for a size up to 256, by the head; see networks/preview.py."""
        head = self.head if self.rough is None else self.rough.head
        return _shrunk(head(*self.preview_inputs(ws, noise_mode, noises)), size)

    def preview_inputs(
        self, ws: Tensor, noise_mode: str = "const", noises: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """What the head draws from: features [N, channels, 128, 128] as the next block would
        scale them, and the styles of the layers above them."""
        if self.rough is not None:
            x = self.rough.synthesis.features(ws, noise_mode, noises, up_to=FEATURES_AT)
        elif self._quickly(ws, noise_mode) and noises is None:
            x = self.fast.features(ws, FEATURES_AT, noise_mode)
        else:
            x = self.synthesis.features(ws, noise_mode, noises, up_to=FEATURES_AT)
        block = self.features_block + 1
        scale = self.synthesis.blocks[block].up.affine(ws[:, 2 * block + 1])
        return x * scale.to(x.dtype)[:, :, None, None], self.styles_above(ws)

    def styles_above(self, ws: Tensor) -> Tensor:
        """[N, channels of all layers above what previews are made of]: all that those layers
        know of a code."""
        return torch.cat([layer.affine(ws[:, place]) for layer, place in self._layers_above], dim=1)

    @property
    def style_layers(self) -> list[tuple[Affine, int]]:
        """Those of bfloat16's copy are the same modules: see Rough."""
        below = self.synthesis
        found = [(below.first.affine, 0)]
        for i in range(self.features_block + 1):
            block = below.blocks[i]
            found += [(block.up.affine, 2 * i + 1), (block.conv1.affine, 2 * i + 1)]
            found.append((block.conv2.affine, 2 * i + 2))
        up = self.features_block + 1
        found.append((self.synthesis.blocks[up].up.affine, 2 * up + 1))
        return [*found, *((layer.affine, place) for layer, place in self._layers_above)]

    @property
    def _layers_above(self) -> list[tuple[Up | Conv | ToImage, int]]:
        """With their places of W+; the first upsampling's style is in the features already."""
        found = []
        for i in range(self.features_block + 1, len(self.synthesis.blocks)):
            block = self.synthesis.blocks[i]
            found += [(block.up, 2 * i + 1), (block.conv1, 2 * i + 1), (block.conv2, 2 * i + 2)]
        return [*found[1:], (self.synthesis.to_image, self.config.num_ws - 1)]

    def forward(self, z: Tensor, truncation_psi: float = 1.0, noise_mode: str = "const") -> Tensor:
        return self.synthesis(self.broadcast(self.mapping(z, truncation_psi)), noise_mode)


class Rough:
    """A generator's lower blocks and its head in bfloat16; styles are computed in float32, by the
    generator's own layers."""

    def __init__(self, generator: MobileGenerator):
        plain = generator.synthesis
        blocks = plain.blocks[: generator.features_block + 1]
        self.synthesis = copy.copy(plain)
        self.synthesis._modules = dict(plain._modules)
        self.synthesis.blocks = nn.ModuleList(copy.deepcopy(blocks))
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
