"""Our own safetensors: the networks, their config, the licence and the metrics in one file.

DCGANs are also read from a training run's state.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ... import weights
from ...errors import WeightsError
from ...networks import dcgan
from ...networks.encoder import Encoder, EncoderConfig
from ...networks.stylegan2 import Generator, GeneratorConfig
from ..face_model import Checkpoint, FaceModel, ModelInfo
from ..face_model import Generator as AnyGenerator
from ..loading import build, load, prepare, resized, seen_by, strip
from .anime import NETWORKS
from .rosinality import E4e, load_encoder, with_e4e

DCGAN = "dcgan"  # metadata["network"], and the same key in a run's state
FORMAT = "facegen"  # metadata["format"]
ATTRIBUTES = "attribute."  # prefix of the editing directions' keys
FACTS = ("title", "licence", "licence_meaning", "training_data")


def save_face_model(
    path: Path, generator: Generator, encoder: Encoder | None, facts: Mapping[str, str]
) -> None:
    """Write one safetensors file; facts (licence, metrics, …) as metadata.

    Weights in half precision; vectors, which cost nothing, as they are.
    """
    config = {"generator": generator.config.as_dict()}
    tensors = {f"generator.{k}": v for k, v in generator.state_dict().items()}
    if encoder is not None:
        config["encoder"] = encoder.config.as_dict()
        tensors |= {f"encoder.{k}": v for k, v in encoder.state_dict().items()}
    metadata = {"format": FORMAT, "network": "face", "config": json.dumps(config), **facts}
    tensors = {k: (v.half() if v.ndim > 1 else v.float()).cpu() for k, v in tensors.items()}
    weights.write(path, tensors, metadata)


def save_as_it_is(path: Path, model: FaceModel | nn.Module, info: ModelInfo) -> None:
    """Write a model of any origin as a file of ours that computes the same, to the last bit.

    model: a FaceModel, or an anime generator. info: whose licence goes along.
    """
    about = {name: asdict(info)[name] for name in FACTS}
    if isinstance(model, FaceModel) and not model.generator.has_w:
        return save_dcgan(path, model.generator, about)
    config: dict[str, Any]
    if not isinstance(model, FaceModel):
        network = next(name for name, kind in NETWORKS.items() if isinstance(model, kind))
        config = dict(vars(model)["options"])
        tensors = model.state_dict()
    else:
        encoder: Any = model.encoder  # one of two kinds, each with a config of its own
        network, config = "face", {"generator": model.generator.config.as_dict()}
        tensors = {f"generator.{k}": v for k, v in model.generator.state_dict().items()}
        if isinstance(encoder, E4e):
            config["e4e"] = {"num_ws": model.generator.config.num_ws}
        elif encoder is not None:
            config["encoder"] = encoder.config.as_dict()
        if encoder is not None:
            tensors |= {f"encoder.{k}": v for k, v in encoder.state_dict().items()}
        tensors |= {f"{ATTRIBUTES}{k}": v for k, v in model.attributes.items()}
    metadata = {"format": FORMAT, "network": network, "config": json.dumps(config), **about}
    weights.write(path, tensors, metadata)


def face_file(checkpoint: Checkpoint) -> FaceModel:
    content, metadata, info, file, device = checkpoint
    if metadata.get("network") != "face":
        raise WeightsError(f"{file} is a {metadata.get('network')} file, not a face generator")
    config = json.loads(metadata["config"])
    generator = build(Generator, GeneratorConfig(**config["generator"]), file)
    load(generator, strip(content, "generator."), file, device)
    # the registry knows better than the file what a registered model may be used for
    said = {} if info.licence != "unknown" else {k: metadata[k] for k in FACTS if k in metadata}
    facts: dict[str, Any] = {**said, "resolution": generator.config.resolution}
    info = replace(info, **facts)
    generator, state = prepare(generator, device), strip(content, "encoder.")
    if "e4e" in config:
        encoder = load_encoder(generator.config.num_ws, strip(state, "encoder."), file, device)
        return with_e4e(generator, encoder, state["latent_avg"], info, file)
    if "encoder" not in config:
        if state:
            raise WeightsError(f"{file} has an encoder that its header does not tell of: damaged")
        return FaceModel(info, generator, None)
    encoder = build(Encoder, EncoderConfig(**config["encoder"]), file)
    for name in ("num_ws", "w_dim"):
        ours, theirs = getattr(encoder.config, name), getattr(generator.config, name)
        if ours != theirs:
            raise WeightsError(f"{file} has an encoder of {name} {ours}, a generator of {theirs}")
    load(encoder, state, file, device)
    size, draw = encoder.config.resolution, seen_by(encoder, generator)
    return FaceModel(
        info=info,
        generator=generator,
        encode=lambda images: encoder.encode(resized(images, size), draw),
        encoder=encoder,
        attributes=_attributes(content, generator.config.w_dim, file, device),
    )


def _attributes(
    content: Mapping[str, Any], w_dim: int, file: str, device: torch.device | str
) -> dict[str, Tensor]:
    directions = strip(content, ATTRIBUTES)
    for name, direction in directions.items():
        if direction.shape != (w_dim,) or not torch.isfinite(direction).all():
            raise WeightsError(f"{file} has a direction {name!r} without its {w_dim} numbers")
    return {name: direction.float().to(device) for name, direction in directions.items()}


# --- DCGANs ----------------------------------------------------------------------------


def is_dcgan(content: Mapping, metadata: Mapping[str, str]) -> bool:
    """Say whether a file is a DCGAN of this project."""
    return DCGAN in (metadata.get("network"), content.get("network"))


def dcgan_file(checkpoint: Checkpoint) -> FaceModel:
    """Build an exported generator, or that of the whole state of a training run."""
    content, metadata, info, file, device = checkpoint
    if metadata.get("network") == DCGAN:
        config, state, facts = json.loads(metadata["config"]), content, metadata
    else:
        facts = json.loads(content["options"])
        config, state = content["config"], content["generator"]
    generator = build(dcgan.Generator, dcgan.DcganConfig(**config), file)
    load(generator, state, file, device)
    said = {name: str(facts[name]) for name in FACTS if name in facts}
    info = replace(info, **said, resolution=generator.config.resolution)  # type: ignore[arg-type]
    return FaceModel(info, generator, None)


def save_dcgan(path: Path, generator: AnyGenerator, facts: Mapping[str, str]) -> None:
    """Write one safetensors file; facts as metadata."""
    config = json.dumps(generator.config.as_dict())
    metadata = {"format": "facegen", "network": DCGAN, "config": config, **facts}
    weights.write(path, generator.state_dict(), metadata)
