"""The StyleGAN2 generator: mapping network and skip-architecture synthesis network.

Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN",
CVPR 2020, https://arxiv.org/abs/1912.04958 (equations are numbered as there).

Parameter names follow the networks that NVIDIA released, so that a published state dict
needs no renaming; the FIR filter is a constant here and no part of the state dict.

Convention
    ws      float32 [N, num_ws, w_dim]; ws[:, i] drives the i-th convolution, and the toRGB
            layer of a block shares its index with the first convolution of the next block.
    images  float32 [N, 3, R, R] in about [-1, 1], not clamped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NOISE_MODES = ("const", "random", "none")
LRELU_SLOPE = 0.2
LRELU_GAIN = math.sqrt(2.0)  # keeps the variance after a leaky ReLU
HALF_CLAMP = 256.0  # Karras et al. 2020b (ADA), appendix: half-precision activations


@dataclass(frozen=True)
class GeneratorConfig:
    """Everything that decides the architecture.

    Channels at resolution r are min(channel_base // r, channel_max): FFHQ config-f at 1024
    pixels has channel_base 32768 and channel_max 512.
    """

    resolution: int
    z_dim: int = 512
    w_dim: int = 512
    channel_base: int = 32768
    channel_max: int = 512
    mapping_layers: int = 8

    def __post_init__(self) -> None:
        power = self.resolution.bit_length() - 1
        assert self.resolution == 2**power and power >= 3, f"resolution {self.resolution}"

    def channels(self, resolution: int) -> int:
        return min(self.channel_base // resolution, self.channel_max)

    @property
    def block_resolutions(self) -> list[int]:
        return [2**i for i in range(2, self.resolution.bit_length())]

    @property
    def num_ws(self) -> int:
        return 2 * len(self.block_resolutions)

    @property
    def layer_resolutions(self) -> list[int]:
        """[num_ws]: pixels at which each place of W+ works; the last one is toRGB alone."""
        return [4, *(r for r in self.block_resolutions[1:] for _ in range(2)), self.resolution]

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


# --- small pieces ----------------------------------------------------------------------


def normal(*shape: int, over: float = 1.0) -> Tensor:
    """Draw standard normal numbers divided by `over`; on the meta device only their shape.

    Arithmetic there would load torch's compiler, and a second of every start with it.
    """
    numbers = torch.empty(shape)
    return numbers if numbers.is_meta else numbers.normal_().div_(over)


def leaky_relu(x: Tensor) -> Tensor:
    return F.leaky_relu(x, LRELU_SLOPE) * LRELU_GAIN


def fir_blur(
    x: Tensor, padding: int, gain: float = 1.0, stride: int = 1, bias: Tensor | None = None
) -> Tensor:
    """Filter by the separable binomial [1, 3, 3, 1], zeros outside: H -> H + 2 padding - 3."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], device=x.device, dtype=x.dtype) / 8.0
    kernel = (taps[:, None] * taps[None, :] * gain).expand(x.shape[1], 1, 4, 4)
    return F.conv2d(x, kernel, bias, stride=stride, padding=padding, groups=x.shape[1])


def upsample_rgb(x: Tensor) -> Tensor:
    """Double the size of [N, 3, H, W] with the [1, 3, 3, 1] filter and zeros outside.

    Inside, that filter is exactly bilinear interpolation; one row of zeros around the
    picture makes the border exact as well.
    """
    x = F.interpolate(F.pad(x, (1, 1, 1, 1)), scale_factor=2, mode="bilinear", align_corners=False)
    return x[:, :, 2:-2, 2:-2]


class FullyConnected(nn.Module):
    """A linear layer with an equalised learning rate (Karras et al. 2018, section 4.1)."""

    def __init__(
        self, inputs: int, outputs: int, bias_init: float = 0.0, lr_multiplier: float = 1.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(normal(outputs, inputs, over=lr_multiplier))
        self.bias = nn.Parameter(torch.full((outputs,), bias_init / lr_multiplier))
        self.weight_gain = lr_multiplier / math.sqrt(inputs)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)


# --- modulated convolution -------------------------------------------------------------


def modulated_conv2d_plain(
    x: Tensor, weight: Tensor, styles: Tensor, up: bool = False, demodulate: bool = True
) -> Tensor:
    """Equations 1 and 3 word for word, one convolution a sample: the oracle for the fast path.

    x [N, I, H, W], weight [O, I, k, k], styles [N, I] -> [N, O, H, W], twice the size with up.
    """
    outputs = []
    for sample, style in zip(x, styles, strict=True):
        w = weight * style[None, :, None, None]
        if demodulate:
            w = w * (w.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).rsqrt()
        outputs.append(_convolve(sample[None], w, up))
    return torch.cat(outputs)


def modulated_conv2d(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    up: bool = False,
    demodulate: bool = True,
    bias: Tensor | None = None,
    gain: float = 1.0,
) -> Tensor:
    """gain * (the same + bias), as one ordinary convolution for the whole batch.

    A single picture: everything goes into the weights, and no pass over the activations, which
    are what costs at high resolutions, is left beside the convolution. Several: the style
    scales the input channels and demodulation the output channels (section 2.2 of the paper).
    """
    if demodulate and x.dtype == torch.float16:
        # half precision overflows easily; demodulation takes any scale out again
        styles = styles / styles.abs().amax(dim=1, keepdim=True).clamp_min(1e-8)
    bias = None if bias is None else (bias * gain).to(x.dtype)
    if len(x) == 1:
        w = weight * styles.reshape(1, -1, 1, 1)
        if demodulate:
            w = w * (gain * (w.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).rsqrt())
        elif gain != 1.0:
            w = w * gain
        return _convolve(x, w.to(x.dtype), up, bias)

    y = _convolve(x * styles.to(x.dtype)[:, :, None, None], weight.to(x.dtype), up)
    if demodulate:
        power = weight.float().square().sum(dim=(2, 3))  # [O, I]
        scale = gain * (F.linear(styles.float().square(), power) + 1e-8).rsqrt()  # [N, O]
        scale = scale.to(y.dtype)[:, :, None, None]
        return y * scale if bias is None else torch.addcmul(bias[None, :, None, None], y, scale)
    return y * gain if bias is None else bias[None, :, None, None] + y * gain


def _convolve(x: Tensor, weight: Tensor, up: bool, bias: Tensor | None = None) -> Tensor:
    if up:
        y = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
        return fir_blur(y, padding=1, gain=4.0, bias=bias)
    return F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)


class SynthesisLayer(nn.Module):
    """Modulated 3x3 convolution, noise, bias, leaky ReLU (figure 2c of the paper)."""

    noise_const: Tensor

    def __init__(self, inputs: int, outputs: int, w_dim: int, resolution: int, up: bool):
        super().__init__()
        self.up = up
        self.affine = FullyConnected(w_dim, inputs, bias_init=1.0)
        self.weight = nn.Parameter(normal(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.register_buffer("noise_const", normal(resolution, resolution))

    def forward(self, x: Tensor, styles: Tensor, noise: Tensor | None) -> Tensor:
        # No weight gain: demodulation divides by the norm of the weights. The gain of the
        # leaky ReLU goes before it, into the scaling, since it is positive.
        x = modulated_conv2d(x, self.weight, styles, up=self.up, bias=self.bias, gain=LRELU_GAIN)
        in_place = not torch.is_grad_enabled()  # saves a large allocation a layer
        if noise is not None:
            noise = (noise * (self.noise_strength * LRELU_GAIN)).to(x.dtype)
            x = x.add_(noise) if in_place else x + noise
        x = F.leaky_relu(x, LRELU_SLOPE, inplace=in_place)
        return x.clamp(-HALF_CLAMP, HALF_CLAMP) if x.dtype == torch.float16 else x


class ToRGB(nn.Module):
    """Modulated 1x1 convolution without demodulation."""

    def __init__(self, inputs: int, w_dim: int):
        super().__init__()
        self.affine = FullyConnected(w_dim, inputs, bias_init=1.0)
        self.weight = nn.Parameter(normal(3, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3))
        self.weight_gain = 1.0 / math.sqrt(inputs)

    def forward(self, x: Tensor, styles: Tensor) -> Tensor:
        styles = styles * self.weight_gain
        y = modulated_conv2d(x, self.weight, styles, demodulate=False, bias=self.bias)
        return (y.clamp(-HALF_CLAMP, HALF_CLAMP) if y.dtype == torch.float16 else y).float()


class SynthesisBlock(nn.Module):
    """All layers of one resolution."""

    conv0: SynthesisLayer  # but for the first block

    def __init__(self, config: GeneratorConfig, resolution: int):
        super().__init__()
        outputs = config.channels(resolution)
        self.first = resolution == 4
        if self.first:
            self.const = nn.Parameter(normal(outputs, 4, 4))
        else:
            inputs = config.channels(resolution // 2)
            self.conv0 = SynthesisLayer(inputs, outputs, config.w_dim, resolution, up=True)
        self.conv1 = SynthesisLayer(outputs, outputs, config.w_dim, resolution, up=False)
        self.torgb = ToRGB(outputs, config.w_dim)

    @property
    def layers(self) -> list[SynthesisLayer]:
        return [self.conv1] if self.first else [self.conv0, self.conv1]


# --- networks --------------------------------------------------------------------------


class MappingNetwork(nn.Module):
    """z [N, z_dim] -> w [N, w_dim]; z is normalised to unit mean square first."""

    w_avg: Tensor
    fc0: FullyConnected

    def __init__(self, config: GeneratorConfig):
        super().__init__()
        self.num_layers = config.mapping_layers
        for i in range(self.num_layers):
            inputs = config.z_dim if i == 0 else config.w_dim
            setattr(self, f"fc{i}", FullyConnected(inputs, config.w_dim, lr_multiplier=0.01))
        self.register_buffer("w_avg", torch.zeros(config.w_dim))

    def forward(self, z: Tensor, truncation_psi: float = 1.0) -> Tensor:
        x = z * (z.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()
        for i in range(self.num_layers):
            x = leaky_relu(getattr(self, f"fc{i}")(x))
        return self.w_avg.lerp(x, truncation_psi) if truncation_psi != 1 else x


class SynthesisNetwork(nn.Module):
    """ws [N, num_ws, w_dim] -> images [N, 3, R, R].

    half_dtype and half_from: blocks at half_from pixels and above compute in half_dtype
    (None: everything in float32). They are settings, not part of a checkpoint.
    """

    b4: SynthesisBlock

    def __init__(self, config: GeneratorConfig):
        super().__init__()
        self.config = config
        self.half_dtype: torch.dtype | None = None
        self.half_from = 8
        for resolution in config.block_resolutions:
            setattr(self, f"b{resolution}", SynthesisBlock(config, resolution))

    @property
    def blocks(self) -> list[tuple[int, SynthesisBlock]]:
        return [(r, getattr(self, f"b{r}")) for r in self.config.block_resolutions]

    @property
    def layers(self) -> list[SynthesisLayer]:
        return [layer for _, block in self.blocks for layer in block.layers]

    def styles(self, ws: Tensor) -> list[tuple[list[Tensor], Tensor]]:
        """Compute S: for each block the styles of its convolutions and of its toRGB layer."""
        result, index = [], 0
        for _, block in self.blocks:
            convs = [layer.affine(ws[:, index + i]) for i, layer in enumerate(block.layers)]
            index += len(convs)
            result.append((convs, block.torgb.affine(ws[:, index])))
        return result

    def forward(
        self,
        ws: Tensor,
        noise_mode: str = "const",
        noises: Sequence[Tensor] | None = None,
        up_to: int | None = None,
    ) -> Tensor:
        """Draw pictures.

        noises: one [H, W] or [N, 1, H, W] tensor a layer, in place of noise_mode. up_to: the
        resolution of the last block to run, for a smaller picture in less time.
        """
        assert noise_mode in NOISE_MODES, noise_mode
        shape = (self.config.num_ws, self.config.w_dim)
        assert ws.ndim == 3 and ws.shape[1:] == shape, f"ws {tuple(ws.shape)}, not [N, *{shape}]"
        given = iter(noises) if noises is not None else None
        x = self.b4.const[None].expand(ws.shape[0], -1, -1, -1)
        x = x.contiguous(memory_format=torch.channels_last)
        image = x.new_zeros(())
        styles = self.styles(ws)
        for (resolution, block), (conv_styles, rgb_styles) in zip(self.blocks, styles, strict=True):
            if self.half_dtype is not None and resolution >= self.half_from:
                x = x.to(self.half_dtype)
            for layer, style in zip(block.layers, conv_styles, strict=True):
                noise = next(given) if given else self._noise(layer, noise_mode, ws.shape[0])
                x = layer(x, style, noise)
            rgb = block.torgb(x, rgb_styles)
            image = rgb if block.first else upsample_rgb(image) + rgb
            if resolution == up_to:
                break
        return image

    @staticmethod
    def _noise(layer: SynthesisLayer, mode: str, batch: int) -> Tensor | None:
        if mode == "none":
            return None
        if mode == "const":
            return layer.noise_const
        size = layer.noise_const.shape
        return torch.randn(batch, 1, *size, device=layer.noise_const.device)


class Generator(nn.Module):
    """Mapping and synthesis together; `config` says how it was built."""

    has_w = True
    config: GeneratorConfig
    mapping: MappingNetwork
    synthesis: SynthesisNetwork

    def __init__(self, config: GeneratorConfig):
        super().__init__()
        self.config = config
        self.mapping = MappingNetwork(config)
        self.synthesis = SynthesisNetwork(config)

    @property
    def w_avg(self) -> Tensor:
        return self.mapping.w_avg

    @property
    def noise_shapes(self) -> list[tuple[int, int]]:
        maps = (layer.noise_const for layer in self.synthesis.layers)
        return [(noise.shape[0], noise.shape[1]) for noise in maps]

    @property
    def free_noises(self) -> list[Tensor]:
        """List the maps; none of a network trained without noise, which has no use for them."""
        layers = self.synthesis.layers
        heard = any(float(layer.noise_strength) != 0 for layer in layers)
        return [layer.noise_const for layer in layers] if heard else []

    @property
    def style_layers(self) -> list[tuple[FullyConnected, int]]:
        layers: list[tuple[FullyConnected, int]] = []
        index = 0
        for _, block in self.synthesis.blocks:
            layers += [(layer.affine, index + i) for i, layer in enumerate(block.layers)]
            index += len(block.layers)
            layers.append((block.torgb.affine, index))
        return layers

    def broadcast(self, w: Tensor) -> Tensor:
        """Repeat w [N, w_dim] in every layer -> ws [N, num_ws, w_dim]."""
        return w[:, None].expand(-1, self.config.num_ws, -1)

    def synthesize(
        self, ws: Tensor, noise_mode: str = "const", noises: Sequence[Tensor] | None = None
    ) -> Tensor:
        return self.synthesis(ws, noise_mode, noises)

    def preview(
        self,
        ws: Tensor,
        size: int,
        noise_mode: str = "const",
        noises: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Draw the skip connections' picture after the block that makes `size` pixels."""
        return self.synthesis(ws, noise_mode, noises, up_to=size)

    def reduced(self, ws: Tensor, size: int) -> Tensor:
        pictures = self.synthesize(ws)
        return F.avg_pool2d(pictures, pictures.shape[-1] // size)

    def forward(self, z: Tensor, truncation_psi: float = 1.0, noise_mode: str = "const") -> Tensor:
        return self.synthesis(self.broadcast(self.mapping(z, truncation_psi)), noise_mode)
