"""Anime generators: ours, AnimeGANv2's in the PyTorch port's format, and ONNX graphs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from ... import weights
from ...errors import WeightsError
from ...networks import animegan
from ...weights.formats.onnx import CONTENT
from ..loading import load
from .anime_onnx import graph_style

FIRST_KEY = "block_a.0.1.weight"
UNKNOWN = "what the owner of the pairs allows"
UNKNOWN_ONNX = "what its author allows; ask whoever made it"


def load_anime(name: str, device: torch.device) -> nn.Module:
    """The anime generator of that style, frozen. Raises WeightsError."""
    entry = weights.find(name)
    path, content, metadata = weights.load(entry)
    if CONTENT in content:
        return graph_style(content[CONTENT], path.name, device)
    return anime_generator(content, metadata, path.name, device, entry.config)


def anime_file(path: Path, device: torch.device) -> tuple[nn.Module, str, str]:
    """(generator, name, what its licence allows) from what `train anime` writes, or from ONNX.

    path: an exported safetensors, the checkpoint.pt of an unfinished run, or an ONNX network from
    picture to picture, which is named after its file. Raises WeightsError.
    """
    content, metadata = weights.read(path)
    if CONTENT in content:
        return graph_style(content[CONTENT], path.name, device), path.stem, _licence(path)
    if metadata.get("network") == "animegan":
        name = metadata.get("name", path.stem)
        return (
            anime_generator(content, metadata, path.name, device),
            name,
            metadata.get("licence_meaning", UNKNOWN),
        )
    try:
        state, name = content["average"], str(content["identity"]["style"])
        config = {"width": content["identity"]["width"], "skips": True}
    except (KeyError, TypeError) as error:
        raise WeightsError(
            f"{path.name} is no anime style; name an anime-STYLE.safetensors or checkpoint.pt "
            "that 'train anime' wrote, or an ONNX file"
        ) from error
    return anime_generator(state, {}, path.name, device, config), name, UNKNOWN


def anime_generator(
    content: Mapping, metadata: Mapping[str, str], file: str, device, config: Mapping | None = None
) -> animegan.Generator:
    """config: what a published file does not say of itself, such as align_corners."""
    if metadata.get("network") == "animegan":
        config = json.loads(metadata["config"])
    elif FIRST_KEY not in content:
        raise WeightsError(f"{file} is no anime generator; get the file again")
    try:
        with torch.device("meta"):
            network = animegan.Generator(**(config or {}))
    except (TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{file} has a config that makes no network ({error})") from error
    return load(network, content, file, device)


def anime_styles() -> tuple[str, ...]:
    """The names of the anime styles at hand."""
    return tuple(e.name for e in weights.of_kind("anime") if weights.locate(e) is not None)


def _licence(path: Path) -> str:
    """Of an ONNX file, which says nothing of it: that of the registered file with its bytes."""
    entry = weights.same_bytes(path)
    return entry.licence_meaning if entry else UNKNOWN_ONNX
