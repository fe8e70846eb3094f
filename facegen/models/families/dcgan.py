"""DCGANs: from a training run's state, or the safetensors it exports.

A DCGAN draws from z itself. What asks it for w, or for layers to vary, gets an OptionError.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ... import weights
from ...networks import dcgan
from ..face_model import FaceModel, ModelInfo, refuse_w
from ..loading import build, load

NETWORK = "dcgan"  # metadata["network"], and the same key in a run's state
EXPORTED = "model.safetensors"  # a training run's model, in the run's folder
FACTS = ("title", "licence", "licence_meaning", "training_data")


class _Config(dcgan.DcganConfig):
    @property
    def num_ws(self):
        refuse_w()


class Generator(dcgan.Generator):
    """Refuses, by name, what a StyleGAN2 has and a DCGAN has not."""

    @property
    def mapping(self):
        refuse_w()

    @property
    def synthesis(self):
        refuse_w()

    @property
    def broadcast(self):
        refuse_w()


def is_dcgan(content: Mapping, metadata: Mapping[str, str]) -> bool:
    return NETWORK in (metadata.get("network"), content.get("network"))


def dcgan_file(content, metadata, info: ModelInfo, file: str, device) -> FaceModel:
    """content: the tensors of an exported generator, or the whole state of a training run."""
    if metadata.get("network") == NETWORK:
        config, state, facts = json.loads(metadata["config"]), content, metadata
    else:
        facts = json.loads(content["options"])
        config, state = content["config"], content["generator"]
    generator = build(Generator, _Config(**config), file)
    load(generator, state, file, device)
    known = {name: str(facts[name]) for name in FACTS if name in facts}
    info = replace(info, **known, resolution=generator.config.resolution)
    return FaceModel(info, generator, None)


def save_dcgan(path: Path, generator: dcgan.Generator, facts: Mapping[str, str]) -> None:
    config = json.dumps(generator.config.as_dict())
    metadata = {"format": "facegen", "network": NETWORK, "config": config, **facts}
    weights.write(path, generator.state_dict(), metadata)
