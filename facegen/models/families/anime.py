"""Networks that draw: ours, AnimeGANv2's in the PyTorch port's format, and ONNX graphs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from ... import weights
from ...errors import WeightsError
from ...networks import animegan
from ...networks.drawing import DrawingNet
from ...weights.formats.onnx import CONTENT
from ..loading import load
from .anime_onnx import graph_style

FIRST_KEY = "block_a.0.1.weight"  # of a published AnimeGANv2 generator
# What a file of ours calls its network: what `train anime` makes, and what was converted.
NETWORKS = {"drawing": DrawingNet, "animegan": animegan.Generator}
UNKNOWN = "what the owner of the pictures allows"
UNKNOWN_ONNX = "what its author allows; ask whoever made it"


def load_anime(name: str, device: torch.device) -> nn.Module:
    """The anime generator of that style, frozen. Raises WeightsError."""
    entry = weights.find(name)
    path, content, metadata = weights.load(entry)
    if CONTENT in content:
        return graph_style(content[CONTENT], path.name)
    return anime_generator(content, metadata, path.name, device, entry.config)


def anime_file(path: Path, device: torch.device) -> tuple[nn.Module, str, str]:
    """(network, name, what its licence allows) from what `train anime` writes, or from ONNX.

    path: an exported safetensors, the latest.pt of an unfinished run, or an ONNX network from
    picture to picture, which is named after its file. Raises WeightsError.
    """
    content, metadata = weights.read(path)
    if CONTENT in content:
        return graph_style(content[CONTENT], path.name), path.stem, _licence(path)
    if metadata.get("network") in NETWORKS:
        network = anime_generator(content, metadata, path.name, device)
        name = metadata.get("name", path.stem)
        return network, name, metadata.get("licence_meaning", UNKNOWN)
    try:
        state, said = content["average"], json.loads(content["options"])
        style, config = str(said["style"]), {key: said[key] for key in ("width", "detail")}
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path.name} is no anime style; name an anime-STYLE.safetensors or latest.pt "
            "that 'train anime' wrote, or an ONNX file"
        ) from error
    return _build(DrawingNet, config, state, path.name, device), style, UNKNOWN


def anime_generator(
    content: Mapping,
    metadata: Mapping[str, str],
    file: str,
    device: torch.device,
    config: Mapping | None = None,
) -> nn.Module:
    """config: what a published file does not say of itself, such as align_corners."""
    network = NETWORKS.get(metadata.get("network", ""))
    if network is not None:
        config = json.loads(metadata["config"])
    elif FIRST_KEY in content:
        network = animegan.Generator
    else:
        raise WeightsError(f"{file} is no anime generator; get the file again")
    return _build(network, config or {}, content, file, device)


def _build(
    network: type[nn.Module], config: Mapping, state: Mapping, file: str, device: torch.device
) -> nn.Module:
    try:
        with torch.device("meta"):
            built = network(**config)
    except (TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{file} has a config that makes no network ({error})") from error
    return load(built, state, file, device)


def _licence(path: Path) -> str:
    """Of an ONNX file, which says nothing of it: that of the registered file with its bytes."""
    entry = weights.same_bytes(path)
    return entry.licence_meaning if entry else UNKNOWN_ONNX
