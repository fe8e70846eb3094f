"""The community's PyTorch StyleGAN2 (`g_ema`), and e4e, which has one in it.

Key names: https://github.com/rosinality/stylegan2-pytorch and
https://github.com/omertov/encoder4editing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import WeightsError
from ...networks import e4e
from ..face_model import Checkpoint, FaceModel, ModelInfo, sample_w
from ..loading import LIMITS, check_fir, generator_config, load, load_generator, resized, strip

_KEYS = (
    (r"style\.(\d+)\.(weight|bias)", lambda m: f"mapping.fc{int(m[1]) - 1}.{m[2]}"),
    (r"input\.input", lambda m: "synthesis.b4.const"),
    (r"conv1\.(.+)", lambda m: f"synthesis.b4.conv1.{_layer(m[1])}"),
    (r"to_rgb1\.(.+)", lambda m: f"synthesis.b4.torgb.{_layer(m[1])}"),
    (
        r"convs\.(\d+)\.(.+)",
        lambda m: f"synthesis.b{8 << int(m[1]) // 2}.conv{int(m[1]) % 2}.{_layer(m[2])}",
    ),
    (r"to_rgbs\.(\d+)\.(.+)", lambda m: f"synthesis.b{8 << int(m[1])}.torgb.{_layer(m[2])}"),
    (
        r"noises\.noise_(\d+)",
        lambda m: f"synthesis.b{4 << (int(m[1]) + 1) // 2}.conv{(int(m[1]) + 1) % 2}.noise_const",
    ),
)


def _layer(name: str) -> str:
    names = {
        "conv.weight": "weight",
        "conv.modulation.weight": "affine.weight",
        "conv.modulation.bias": "affine.bias",
        "noise.weight": "noise_strength",
        "activate.bias": "bias",
        "bias": "bias",
    }
    return names.get(name, name)


def from_rosinality(
    state: Mapping[str, Tensor], latent_avg: Tensor | None, file: str = "the checkpoint"
) -> dict[str, Tensor]:
    """Rename the community's StyleGAN2 keys to ours. FIR kernels are checked and dropped."""
    result = {}
    state = {**state, **_own_noises(state)}
    for key, value in state.items():
        if key.endswith(".kernel"):
            check_fir(key, value, file)
            continue
        for pattern, rename in _KEYS:
            if match := re.fullmatch(pattern, key):
                name = rename(match)
                break
        else:
            raise WeightsError(f"{file} has the key {key!r}, which no StyleGAN2 generator has")
        result[name] = _reshape(name, value)
    w_dim = result["mapping.fc0.bias"].shape[0] if "mapping.fc0.bias" in result else 512
    result["mapping.w_avg"] = torch.zeros(w_dim) if latent_avg is None else latent_avg.flatten()
    return result


def generator_state(content: Mapping[str, Any]) -> Mapping[str, Tensor] | None:
    """Take the generator out of a file's content; None where there is none.

    It lies under "g_ema", under "state_dict", or is the content itself, with or without the
    "module." of data-parallel training.
    """
    for state in (content.get("g_ema"), content.get("state_dict"), content):
        if not isinstance(state, Mapping):
            continue
        keys = [key for key in state if isinstance(key, str)]
        if keys and all(key.startswith("module.") for key in keys):
            state = strip(state, "module.")
        if "input.input" in state:
            return state
    return None


def _own_noises(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Draw the maps of the fine noise for a file that has none, as those of early versions.

    Standard normal, as in all others, and the same at each reading.
    """
    if any(key.startswith("noises.") for key in state):
        return {}
    strengths = [key for key in state if re.fullmatch(r"convs\.\d+\.noise\.weight", key)]
    random = torch.Generator().manual_seed(0)
    maps = {}
    for index in range(1 + len(strengths)):
        side = 4 << (index + 1) // 2
        if side > LIMITS["resolution"]:
            break  # what is wrong with it is reported where its shapes are compared
        maps[f"noises.noise_{index}"] = torch.randn(1, 1, side, side, generator=random)
    return maps


def _reshape(name: str, value: Tensor) -> Tensor:
    """Drop the leading 1 that the community keeps where NVIDIA's layout has none."""
    last = name.rsplit(".", 1)[-1]
    if last == "noise_const":
        return value.reshape(value.shape[-2:])
    if last == "noise_strength":
        return value.reshape([])
    if name.endswith("torgb.bias"):
        return value.flatten()
    if (last == "weight" and value.ndim == 5) or (last == "const" and value.ndim == 4):
        return value[0]
    return value


def generator_alone(checkpoint: Checkpoint) -> FaceModel:
    """{"g_ema": state dict, "latent_avg": [512]}, or see generator_state."""
    content, _, info, file, device = checkpoint
    state, average = generator_state(content), content.get("latent_avg")
    if state is None:
        raise WeightsError(f"{file} has a g_ema that is not a StyleGAN2 generator; get it again")
    generator = load_generator(from_rosinality(state, average, file), file, device)
    if average is None:  # fine-tuned files often come without
        generator.w_avg.copy_(sample_w(generator).mean(dim=0))
    info = replace(info, resolution=generator.config.resolution)
    return FaceModel(info, generator, None)


def e4e_file(checkpoint: Checkpoint) -> FaceModel:
    """{"state_dict": {encoder.*, decoder.*}, "latent_avg", "opts"}."""
    content, _, info, file, device = checkpoint
    opts = content.get("opts")
    opts = opts if isinstance(opts, Mapping) else getattr(opts, "__dict__", {})
    kind = opts.get("encoder_type", "Encoder4Editing")
    if kind != "Encoder4Editing":
        # the same keys and shapes, but its codes are no offsets from the first one
        raise WeightsError(
            f"{file} is a {kind} (pSp) encoder, not e4e, and computes something else; "
            "take e4e_ffhq_encode.pt"
        )
    state, average = content["state_dict"], content["latent_avg"].float().reshape(-1, 512)
    generator_state = from_rosinality(strip(state, "decoder."), average[0].clone(), file)
    num_ws = generator_config(generator_state, file).num_ws
    encoder = load_encoder(num_ws, strip(state, "encoder."), file, device)
    generator = load_generator(generator_state, file, device)
    return with_e4e(generator, encoder, average, info, file)


def load_encoder(
    num_ws: int, state: Mapping[str, Tensor], file: str, device: torch.device | str
) -> e4e.Encoder:
    with torch.device("meta"):
        encoder = e4e.Encoder(num_ws)
    load(encoder, state, file, device, in_place=True)  # 1.1 GB, used once a photo
    return encoder


def with_e4e(
    generator: Any, encoder: Any, average: Tensor, info: ModelInfo, file: str
) -> FaceModel:
    """average: latent_avg, one code or one a layer, [1 or num_ws, 512]."""
    num_ws = generator.config.num_ws
    if len(average) not in (1, num_ws) or generator.config.w_dim != average.shape[1]:
        raise WeightsError(
            f"{file} has a latent_avg of {tuple(average.shape)}, not [1 or {num_ws}, 512]"
        )
    offset = average.to(generator.mapping.w_avg.device, copy=True)

    whole = E4e(encoder, offset)
    info = replace(info, resolution=generator.config.resolution)
    return FaceModel(info, generator, whole, whole)


class E4e(nn.Module):
    """images [N, 3, R, R] of any size -> ws [N, num_ws, 512]."""

    def __init__(self, encoder: e4e.Encoder, latent_avg: Tensor):
        super().__init__()
        self.encoder = encoder
        self.register_buffer("latent_avg", latent_avg)

    def forward(self, images: Tensor) -> Tensor:
        return self.encoder(resized(images, e4e.INPUT_SIZE)) + self.latent_avg
