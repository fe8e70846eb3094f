"""Weights, as the rest of the project sees them: what is known, where it is, what is in it.

The parts: registry.py (what there is, as data), hub/ (the cache and the network), checkpoints/
(reading files without running them).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import hub
from .checkpoints import fingerprint, read, write
from .errors import WeightsError
from .hub import BUNDLED_FOLDER, fetch, locate, remove, trust, verify
from .registry import REGISTRY, Source, Weights, find, megabytes, of_kind

__all__ = [
    "BUNDLED_FOLDER", "REGISTRY", "Source", "Weights", "fetch", "find", "fingerprint", "load",
    "locate", "megabytes", "of_kind", "read", "remove", "same_bytes", "trust", "verify", "write",
]  # fmt: skip


def load(
    entry: Weights, progress: hub.Progress | None = None
) -> tuple[Path, Mapping[str, Any], dict[str, str]]:
    """(file, content, metadata) of an entry, fetched if need be; what is read is what was checked.

    Raises WeightsError.
    """
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
