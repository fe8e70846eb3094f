"""DCGANs: from a training run's state, or the safetensors it exports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ... import weights
from ...networks import dcgan
from ..face_model import FaceModel, ModelInfo
from ..generator import Generator
from ..loading import build, load

NETWORK = "dcgan"  # metadata["network"], and the same key in a run's state
FACTS = ("title", "licence", "licence_meaning", "training_data")


def is_dcgan(content: Mapping, metadata: Mapping[str, str]) -> bool:
    return NETWORK in (metadata.get("network"), content.get("network"))


def dcgan_file(
    content: Mapping[str, Any],
    metadata: Mapping[str, str],
    info: ModelInfo,
    file: str,
    device: torch.device | str,
) -> FaceModel:
    """content: the tensors of an exported generator, or the whole state of a training run."""
    if metadata.get("network") == NETWORK:
        config, state, facts = json.loads(metadata["config"]), content, metadata
    else:
        facts = json.loads(content["options"])
        config, state = content["config"], content["generator"]
    generator = build(dcgan.Generator, dcgan.DcganConfig(**config), file)
    load(generator, state, file, device)
    known = {name: str(facts[name]) for name in FACTS if name in facts}
    info = replace(info, **known, resolution=generator.config.resolution)  # type: ignore[arg-type]
    return FaceModel(info, generator, None)


def save_dcgan(path: Path, generator: Generator, facts: Mapping[str, str]) -> None:
    config = json.dumps(generator.config.as_dict())
    metadata = {"format": "facegen", "network": NETWORK, "config": config, **facts}
    weights.write(path, generator.state_dict(), metadata)
