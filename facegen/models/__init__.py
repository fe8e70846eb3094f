"""From a name or a file to built, strictly loaded, frozen networks.

Foreign checkpoints are renamed to our keys by pure functions on state dicts; a key too many or too
few is an error, always. What is read: see formats.py.
"""

from __future__ import annotations

from pathlib import Path

import torch

from .. import weights
from ..errors import WeightsError
from ..hub import Progress
from .anime import anime_file, anime_generator, anime_styles, load_anime
from .building import generator_config
from .community import from_rosinality
from .converting import convert, info_of, info_of_file
from .dcgan import EXPORTED
from .face import W_SAMPLES, FaceModel, ModelInfo
from .formats import face_model
from .nvidia import from_nvidia
from .ours import FORMAT, save_as_it_is, save_face_model
from .renderer import Renderer

__all__ = [
    "EXPORTED", "FORMAT", "W_SAMPLES", "FaceModel", "ModelInfo", "Renderer", "anime_file", "anime_generator",
    "anime_styles", "available", "best_at_hand", "convert", "face_model", "from_nvidia",
    "from_rosinality", "generator_config", "info_of", "load_anime", "load_face_model",
    "save_as_it_is", "save_face_model",
]  # fmt: skip


def available() -> list[ModelInfo]:
    """The face models of the registry, those at hand first."""
    found = [info_of(entry, weights.locate(entry) is not None) for entry in weights.of_kind("face")]
    return sorted(found, key=lambda info: not info.at_hand)


def best_at_hand() -> str:
    """The registered model that needs no download: with an encoder if possible, then the largest.

    A generator alone would answer a photo only after minutes of optimisation.
    """
    here = [e for e in weights.of_kind("face") if weights.locate(e) is not None]
    return max(here, key=lambda e: (e.encoder, e.resolution or 0)).name if here else "bundled"


def load_face_model(name: str, device: torch.device, progress: Progress | None = None) -> FaceModel:
    """ "auto", a name of the registry, or a path. Raises WeightsError.

    progress: of a download, if one is needed.
    """
    if name == "auto":
        name = best_at_hand()
    known = name in {entry.name for entry in weights.REGISTRY}
    if not known and _looks_like_a_path(name):
        path = _of_run(Path(name))
        info = info_of_file(path)
        content, metadata = weights.read(_existing(path))
    else:
        entry = weights.find(name)
        if entry.kind != "face":
            raise WeightsError(f"{name} is a model of kind {entry.kind!r}, not a face generator")
        path, content, metadata = weights.load(entry, progress)
        info = info_of(entry)
    return face_model(content, metadata, info, path.name, device)


def _looks_like_a_path(name: str) -> bool:
    return bool(Path(name).suffix) or "/" in name or "\\" in name or _exists(Path(name))


def _of_run(path: Path) -> Path:
    """The model in a training run's folder; another path as it is."""
    return path / EXPORTED if _exists(path / EXPORTED) else path


def _exists(path: Path) -> bool:
    try:
        return path.exists() or path.is_symlink()
    except (OSError, RuntimeError, ValueError):  # too long a name, a closed folder, a loop
        return False


def _existing(path: Path) -> Path:
    try:
        there = path.exists() or path.is_symlink()
    except (OSError, RuntimeError, ValueError):
        there = True  # let the reader say what is wrong with it
    if not there:
        raise WeightsError(f"there is no checkpoint file {path}; give a name or another path")
    return path
