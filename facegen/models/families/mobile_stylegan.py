"""MobileStyleGAN as a face model: the package's generator, and beside it what is ours.

Ours is one file in weights/: the head that draws previews, the encoder, and what was measured on
samples: the directions of pose and expression, and what tells a natural face. Without it the
generator draws random faces only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ... import runtime, weights
from ...errors import WeightsError
from ...networks.mobile_fast import FastSynthesis
from ...networks.mobile_stylegan import MobileConfig, MobileGenerator
from ...networks.photo_encoder import SIZE, PhotoEncoder, PhotoEncoderConfig
from ..face_model import Checkpoint, FaceModel
from ..loading import build, load, resized, strip

NETWORK = "mobile_stylegan"  # metadata["network"] of the converted generator
COMPANION = "photo_encoder"  # and of our file
MEASURED = "measured."  # prefix of what was measured on samples: directions, naturalness


def is_mobile(content: Mapping, metadata: Mapping[str, str]) -> bool:
    return metadata.get("network") == NETWORK


def companion_of(name: str) -> Path:
    """Name our file beside the generator of that name; it may not be there."""
    return weights.BUNDLED_FOLDER / f"{name}-encoder.safetensors"


def mobile_file(checkpoint: Checkpoint) -> FaceModel:
    """Build the converted generator and its companion. Raises WeightsError."""
    content, _, info, file, device = checkpoint
    path = companion_of(info.name)
    ours, about = weights.read(path)
    if about.get("network") != COMPANION:
        raise WeightsError(f"{path.name} is not a MobileStyleGAN's encoder; get it back with git")
    generator = load_generator(content, file, device, strip(ours, "head."))
    config = PhotoEncoderConfig(**json.loads(about["config"]))
    for name in ("num_ws", "w_dim"):
        here, there = getattr(config, name), getattr(generator.config, name)
        if here != there:
            raise WeightsError(f"{path.name} is of a generator with {name} {here}, not {there}")
    encoder = build(PhotoEncoder, config, path.name)
    load(encoder, strip(ours, "encoder."), path.name, device)
    return FaceModel(
        info=replace(info, resolution=generator.config.resolution),
        generator=generator,
        encode=_encode(generator, encoder),
        encoder=encoder,
        measured=strip(ours, MEASURED),
    )


def load_generator(
    content: Mapping,
    file: str,
    device: torch.device | str,
    head: Mapping[str, Tensor] | None = None,
) -> MobileGenerator:
    """Load the generator alone. Raises WeightsError.

    head: the state of its PreviewHead; None: all zeros, which draws no preview.
    """
    config = config_of(content, file)
    with torch.device("meta"):
        generator = MobileGenerator(config)
    if head is None:
        head = {k: torch.zeros(v.shape) for k, v in generator.head.state_dict().items()}
    state = dict(content) | {f"head.{key}": value for key, value in head.items()}
    load(generator, state, file, device)
    if torch.device(device).type == "cpu":
        generator.fast = FastSynthesis(generator.synthesis)
        if runtime.cpu_multiplies_bfloat16():
            generator.roughen()
    return generator


def config_of(content: Mapping, file: str) -> MobileConfig:
    """Read the config of a converted generator off its shapes."""
    try:
        blocks = {
            int(m[1]) for key in content if (m := re.match(r"synthesis\.blocks\.(\d+)\.", key))
        }
        channels = tuple(
            content[f"synthesis.blocks.{i}.conv2.pointwise"].shape[0] for i in range(len(blocks))
        )
        w_dim, z_dim = content["mapping.fc0.weight"].shape
    except (KeyError, ValueError) as error:
        raise WeightsError(
            f"{file} is not a complete MobileStyleGAN: {error} is missing"
        ) from error
    return MobileConfig(z_dim, w_dim, channels)


def _encode(generator: MobileGenerator, encoder: PhotoEncoder) -> Any:
    def draw(ws: Tensor) -> Tensor:
        return generator.preview(ws, SIZE).clamp(-1, 1)

    return lambda images: encoder.encode(resized(images, SIZE), draw)


def save_companion(
    path: Path,
    head: Mapping[str, Tensor],
    encoder: PhotoEncoder,
    measured: Mapping[str, Tensor],
    facts: Mapping[str, str],
) -> None:
    """Our file: weights in half precision, vectors and measurements as they are."""
    tensors = {f"head.{k}": v.float() for k, v in head.items()}
    tensors |= {
        f"encoder.{k}": v.half() if v.ndim > 1 else v.float()
        for k, v in encoder.state_dict().items()
    }
    tensors |= {f"{MEASURED}{k}": v.float() for k, v in measured.items()}
    config = json.dumps(encoder.config.as_dict())
    weights.write(
        path, tensors, {"format": "facegen", "network": COMPANION, "config": config, **facts}
    )
