"""NVIDIA's StyleGAN2 and StyleGAN2-ADA, in the PyTorch pickles; its relatives refused by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...errors import WeightsError
from ...weights.formats.nvidia_pickle import Network
from ..face_model import Checkpoint, FaceModel
from ..loading import check_fir, load_generator

# Data sets of the published networks that show no faces of people.
_NO_FACES = re.compile(r"afhq|lsun|cifar|brecahad|imagenet|landscape", re.IGNORECASE)


def generator_alone(checkpoint: Checkpoint) -> FaceModel:
    content, _, info, file, device = checkpoint
    network = content.get("G_ema") or content.get("G")
    if not isinstance(network, Network):
        names = ", ".join(sorted(content)) or "nothing"
        raise WeightsError(f"{file} has no generator (G_ema) but {names}; get another file")
    _refuse_relatives(network, content.get("training_set_kwargs"), file)
    generator = load_generator(from_nvidia(network.state, file), file, device)
    info = replace(info, resolution=generator.config.resolution)
    return FaceModel(info, generator, None)


def _refuse_relatives(network: Network, data: object, file: str) -> None:
    """Raise WeightsError, saying what it is, for all but an unconditional StyleGAN2 of faces."""
    keys, config = list(network.state), network.config
    if any(key.startswith(("synthesis.input.", "synthesis.L0_")) for key in keys):
        larger = {"path_stem", "head_layer_names", "up_factor"} & config.keys()
        if larger or "Superres" in network.class_name:
            what = "a StyleGAN-XL generator"
        else:
            what = "a StyleGAN3 generator"
        raise WeightsError(f"{file} is {what}; StyleGAN2 and StyleGAN2-ADA are read")
    c_dim = config.get("c_dim", 0)
    if c_dim or any(key.startswith("mapping.embed") for key in keys):
        raise WeightsError(
            f"{file} is a conditional generator (c_dim {c_dim}): it wants to be told a class for "
            "each picture; unconditional ones are read"
        )
    if not any(key.startswith("synthesis.b4.") for key in keys):
        raise WeightsError(
            f"{file} holds a network of class {network.class_name!r}, no StyleGAN2 generator"
        )
    if config.get("img_channels", 3) != 3:
        raise WeightsError(f"{file} draws {config['img_channels']} channels, not red, green, blue")
    path = data.get("path") if isinstance(data, Mapping) else None
    if isinstance(path, str) and (match := _NO_FACES.search(re.split(r"[/\\]", path)[-1])):
        raise WeightsError(f"{file} was trained on {match[0]}, not on faces of people")


def from_nvidia(state: Mapping[str, Tensor], file: str = "the checkpoint") -> Mapping[str, Tensor]:
    """NVIDIA's keys -> ours, which are the same without the FIR filters; those are checked."""
    for key in state:
        if key.endswith(".resample_filter"):
            check_fir(key, state[key], file)
    return _Without(state, ".resample_filter")


class _Without(Mapping):
    """A state dict without some keys; tensors stay unmade until they are read."""

    def __init__(self, state: Mapping[str, Tensor], suffix: str):
        self._state = state
        self._keys = {key: None for key in state if not key.endswith(suffix)}

    def __getitem__(self, key: str) -> torch.Tensor:
        if key not in self._keys:
            raise KeyError(key)
        return self._state[key]

    def __iter__(self) -> Any:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)
