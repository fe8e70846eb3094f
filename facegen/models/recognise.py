"""Which network a file's content is: the table of what is read, and of what is known but not.

A reader is one row in READERS: what it is called, how its content is told apart, and the function
that builds it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch

from ..errors import WeightsError
from ..weights.formats.onnx import CONTENT
from .face_model import FaceModel, ModelInfo
from .families import anime, dcgan, facegen, mobile_stylegan, nvidia, rosinality

Content = Mapping[str, Any]
Metadata = Mapping[str, str]


class Reader(NamedTuple):
    """build: (content, metadata, info, file, device) -> FaceModel; file is for messages only."""

    what: str
    fits: Callable[[Content, Metadata], bool]
    build: Callable[..., FaceModel]


READERS = (
    Reader("DCGANs of this project", dcgan.is_dcgan, dcgan.dcgan_file),
    Reader(
        "MobileStyleGANs out of their package",
        mobile_stylegan.is_mobile,
        mobile_stylegan.mobile_file,
    ),
    Reader(
        "this project's safetensors",
        lambda content, metadata: metadata.get("format") == facegen.FORMAT,
        facegen.face_file,
    ),
    Reader(
        "NVIDIA's StyleGAN2 pickles",
        lambda content, metadata: metadata.get("file_format") == "nvidia",
        nvidia.generator_alone,
    ),
    Reader(
        "e4e files",
        lambda content, metadata: "state_dict" in content and "latent_avg" in content,
        rosinality.e4e_file,
    ),
    Reader(
        "community StyleGAN2 files (g_ema)",
        lambda content, metadata: (
            "g_ema" in content or rosinality.generator_state(content) is not None
        ),
        rosinality.generator_alone,
    ),
)

# (a key's beginning, what the file is)
REFUSED = (
    (CONTENT, "an ONNX network, which can only draw in a style (--anime)"),
    (anime.FIRST_KEY, "an AnimeGANv2 generator, which draws in a style (--anime)"),
    ("synthesis.L0_", "a StyleGAN3 generator"),
    ("synthesis.input.", "a StyleGAN3 generator"),
    ("generator.progression.", "a StyleGAN1 generator"),
    ("features.0.", "a VGG classifier"),
    ("layer1.0.", "a ResNet classifier"),
    ("final_conv.", "a StyleGAN2 discriminator"),
    ("final_linear.", "a StyleGAN2 discriminator"),
    ("encoder.", "an encoder without its generator"),
    ("unet.", "a diffusion model"),
    ("model.diffusion_model.", "a diffusion model"),
    ("down_blocks.", "a diffusion model"),
    ("mtl.", "a face landmark or attribute network"),
)


def face_model(
    content: Content, metadata: Metadata, info: ModelInfo, file: str, device: torch.device
) -> FaceModel:
    """Build whatever is in a file. Whatever is wrong with it is a WeightsError."""
    try:
        for reader in READERS:
            if reader.fits(content, metadata):
                return reader.build(content, metadata, info, file, device)
        raise WeightsError(f"{file} {what_else(content)}")
    except WeightsError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise WeightsError(
            f"{file} is damaged or no face generator ({type(error).__name__}: {reason}); "
            "get it again"
        ) from error


def what_else(content: Content) -> str:
    """What a readable file is that holds no face generator."""
    readable = ", ".join(reader.what for reader in READERS)
    state = content.get("state_dict", content)
    keys = [key for key in state if isinstance(key, str)] if isinstance(state, Mapping) else []
    keys += [key for key in content if isinstance(key, str)]
    for beginning, what in REFUSED:
        if any(key.startswith(beginning) for key in keys):
            return f"is {what}, no face generator; readable are {readable}"
    if {"d", "d_optim"} & content.keys():
        return f"is a StyleGAN2 discriminator without its generator; readable are {readable}"
    return f"holds no face generator that is known here; readable are {readable}"
