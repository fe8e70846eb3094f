"""The registry's files on this machine; never uses the network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...errors import WeightsError
from ..entry import Source, Weights

_FACEGEN = Path(__file__).resolve().parents[2]
# At the top of the repository; in an installed package, where the wheel puts them.
BUNDLED_FOLDER = _FACEGEN.parent / "weights"
if not (BUNDLED_FOLDER / "face-128.safetensors").is_file():
    BUNDLED_FOLDER = _FACEGEN / "bundled"


@dataclass(frozen=True)
class Located:
    """A file on this machine; source None: bundled."""

    path: Path
    source: Source | None


def locate(entry: Weights) -> Path | None:
    """Find the file on this machine, or None; never uses the network."""
    found = find_file(entry)
    return found.path if found else None


def find_file(entry: Weights) -> Located | None:
    if entry.bundled:
        path = BUNDLED_FOLDER / entry.file
        return Located(path, None) if path.is_file() else None
    for source in entry.sources:
        if there := cached(source):
            return Located(there, source)
    return None


def cached(source: Source) -> Path | None:
    from huggingface_hub import constants, try_to_load_from_cache

    path = try_to_load_from_cache(
        source.repo, source.file, cache_dir=constants.HF_HUB_CACHE, revision=source.revision
    )
    return Path(path) if isinstance(path, str) else None


def delete(path: Path) -> None:
    """Delete a file of the cache and the blob it links to. Raises WeightsError."""
    blob = path.resolve()
    try:
        path.unlink(missing_ok=True)
        if blob.parent.name == "blobs":
            blob.unlink(missing_ok=True)
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be deleted ({error.strerror}); delete it by hand"
        ) from error
