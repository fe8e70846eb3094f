"""Recognise which network a file's content is, and write any readable one as a file of ours.

A reader is one row in READERS: what it is called, how its content is recognised, and the function
that builds it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from .. import weights
from ..errors import OptionError, WeightsError
from ..files import writable
from ..weights.formats.onnx import CONTENT
from .face_model import Checkpoint, FaceModel, ModelInfo
from .families import anime, facegen, mobile_stylegan, nvidia, rosinality

Content = Mapping[str, Any]
Metadata = Mapping[str, str]
UNKNOWN = ("unknown", "ask whoever made it")  # licence and its meaning


class Reader(NamedTuple):
    """One family of checkpoints."""

    what: str
    fits: Callable[[Content, Metadata], bool]
    build: Callable[[Checkpoint], FaceModel]


READERS = (
    Reader("DCGANs of this project", facegen.is_dcgan, facegen.dcgan_file),
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
                return reader.build(Checkpoint(content, metadata, info, file, device))
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
    """Say what a readable file is that holds no face generator."""
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


# --- as a file of ours -----------------------------------------------------------------


def info_of(entry: weights.Weights, at_hand: bool = True) -> ModelInfo:
    """Collect what the registry says of a model."""
    return ModelInfo(
        name=entry.name,
        title=entry.title,
        resolution=entry.resolution or 0,
        licence=entry.licence,
        licence_meaning=entry.licence_meaning,
        training_data=entry.origin,
        at_hand=at_hand,
        advice=entry.advice,
    )


def info_of_file(path: Path) -> ModelInfo:
    """Describe a file that the registry does not have."""
    name = writable(path.stem)
    if name in {entry.name for entry in weights.REGISTRY}:
        name += " (a file)"  # what the registry says does not hold for it
    return ModelInfo(name, name, 0, *UNKNOWN, "unknown")


def convert(
    source: str, out: Path, licence: str | None = None, align_corners: bool | None = None
) -> ModelInfo:
    """Write `source`, a name of the registry or a file, to `out`, computing the same to the bit.

    licence: of a file that does not say it; a file with the bytes of a registered checkpoint is
    recognised by them. align_corners: of a published anime generator, which does not say it either.
    Raises WeightsError, OptionError, OutputError.
    """
    if out.suffix != ".safetensors":
        raise OptionError(f"the output is {out.name}; its name must end in .safetensors")
    if out.exists():
        raise OptionError(f"{out} exists already; remove it or give another name")
    entry = {entry.name: entry for entry in weights.REGISTRY}.get(source)
    if entry is not None:
        path, content, metadata = weights.load(entry)
    else:
        path = Path(source)
        content, metadata = weights.read(path)
        entry = weights.same_bytes(path)
    if CONTENT in content:
        raise WeightsError(
            f"{path.name} is an ONNX network, which is not converted; it is used as it is (--anime)"
        )
    info = info_of(entry) if entry else info_of_file(path)
    written = {key: metadata[key] for key in facegen.FACTS if key in metadata}
    if entry is None and "licence" in written:
        info = replace(info, **written)  # type: ignore[arg-type]  # FACTS name texts only
    elif entry is None and licence:
        info = replace(info, licence=licence, licence_meaning="as its licence says")
    if licence and info.licence != licence:
        raise OptionError(f"the licence of {path.name} is known, {info.licence}; leave --licence")
    config = dict(entry.config) if entry else {}
    if align_corners is not None:
        config["align_corners"] = align_corners
    device = torch.device("cpu")
    if metadata.get("network") in anime.NETWORKS or anime.FIRST_KEY in content:
        facegen.save_as_it_is(
            out, anime.anime_generator(content, metadata, path.name, device, config), info
        )
        return info
    model = face_model(content, metadata, info, path.name, device)
    facegen.save_as_it_is(out, model, model.info)
    return model.info
