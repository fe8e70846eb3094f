"""From a name or a file to built, strictly loaded, frozen networks.

Foreign checkpoints are renamed to our keys by pure functions on state dicts; a key too many or too
few is an error, always. What is read: see recognise.py.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from .. import weights
from ..errors import WeightsError
from ..weights.hub import Progress
from .face_model import W_SAMPLES, FaceModel, Generator, ModelInfo
from .families.anime import anime_file, anime_generator, load_anime
from .families.facegen import FORMAT, save_as_it_is, save_face_model
from .families.mobile_stylegan import companion_of
from .families.nvidia import from_nvidia
from .families.rosinality import from_rosinality
from .loading import generator_config
from .recognise import convert, face_model, info_of, info_of_file
from .renderer import Renderer

__all__ = [
    "FORMAT", "W_SAMPLES", "FaceModel", "Generator", "ModelInfo", "Renderer",
    "anime_file", "anime_generator", "available", "convert", "default_at_hand",
    "face_model", "fetch_beside", "fetch_default", "from_nvidia", "from_rosinality",
    "generator_config", "info_of",
    "load_anime", "load_face_model", "save_as_it_is", "save_face_model",
]  # fmt: skip


Say = Callable[[str], None]  # a line for the user
Loaded = tuple[Path, Mapping[str, Any], dict[str, str]]


def available() -> list[ModelInfo]:
    """List the face models of the registry, available ones first."""
    models = [info_of(entry, weights.at_hand(entry)) for entry in weights.of_kind("face")]
    return sorted(models, key=lambda info: not info.at_hand)


def default_at_hand() -> str:
    """Name what "auto" stands for where nothing may be fetched."""
    entry = weights.find(weights.DEFAULT)
    return entry.name if _whole_default() and weights.at_hand(entry) else weights.FALLBACK


def fetch_default(
    progress: Progress | None = None, say: Say | None = None
) -> tuple[weights.Weights, Loaded]:
    """Fetch what "auto" stands for: its entry, and its file, content and metadata.

    The registry's default, fetched at its first use, which `say` gets in one line with its
    size and licence, and with it what it is refined and judged by. Where it cannot be had: the
    bundled model, and `say` gets what is missing and how to get it. progress: (bytes so far,
    bytes in all).
    """
    entry = weights.find(weights.DEFAULT)
    say = say or logging.getLogger("facegen").warning  # to standard error unless configured
    if _whole_default():
        if not (weights.at_hand(entry) or weights.packages.offline()):
            size = weights.megabytes(entry.size)
            say(f"fetching {entry.name}, once ({size}); {entry.licence}; {entry.advice}")
        try:
            loaded = weights.load(entry, progress)
            fetch_beside(progress, say)
            return entry, loaded
        except WeightsError as error:
            reason = getattr(error, "reason", error)
            say(
                f"{reason}; going on with the model {weights.FALLBACK!r}. 'python -m facegen "
                f"weights fetch {entry.name}' gets it"
            )
    entry = weights.find(weights.FALLBACK)
    return entry, weights.load(entry)


def fetch_beside(progress: Progress | None = None, say: Say | None = None) -> None:
    """Fetch what the default is refined and judged by. It works without, only less well.

    say: gets in a line what is fetched, or why it could not be; unless given, standard error.
    """
    say = say or logging.getLogger("facegen").warning
    for name in weights.BESIDE_DEFAULT:
        entry = weights.find(name)
        if weights.at_hand(entry) or weights.packages.offline():
            continue
        say(f"fetching {name}, once ({weights.megabytes(entry.size)}); {entry.licence}")
        try:
            weights.fetch(entry, progress)
        except WeightsError as error:
            reason = getattr(error, "reason", error)
            say(f"{reason}; going on without. 'python -m facegen weights fetch {name}' gets it")


def _whole_default() -> bool:
    """Say whether its encoder is there: without, a photo would take minutes."""
    return companion_of(weights.DEFAULT).is_file()


def load_face_model(
    name: str, device: torch.device, progress: Progress | None = None, say: Say | None = None
) -> FaceModel:
    """Load "auto" (see fetch_default), a name of the registry, or a path. Raises WeightsError.

    progress: of a download, if one is needed. say: gets in a line what "auto" fetches, or why
    it could not; standard error unless given.
    """
    if name == "auto":
        entry, (path, content, metadata) = fetch_default(progress, say)
        info = info_of(entry)
    elif isinstance(source := weights.which_face(name), Path):
        path, info = source, info_of_file(source)
        content, metadata = weights.read(path)
    else:
        path, content, metadata = weights.load(source, progress)
        info = info_of(source)
    return face_model(content, metadata, info, path.name, device)
