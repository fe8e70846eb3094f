"""The registry's files on this machine, and whether each is the one it should be; no network.

Where the publisher states a sha256 it is checked. Where none is stated, the Hub's own checksum is
compared after the download, and the file's is recorded beside the cache (trust on first use); from
then on every file of that source has to be the same.
"""

from __future__ import annotations

import contextlib
import json
import os
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


def expected_sha256(entry: Weights) -> str | None:
    """Return the local file's expected sha256: its publisher's, or that of the first use."""
    found = find_file(entry)
    if found is None or found.source is None:
        return None
    return found.source.sha256 or recorded().get(str(found.source))


def trust(entry: Weights) -> str:
    """Describe how the bytes of this entry are checked."""
    if entry.bundled:
        return "part of the checkout"
    if all(source.sha256 for source in entry.sources):
        return "sha256 stated by the publisher"
    return "sha256 recorded at first use"


def compare(
    entry: Weights, source: Source, path: Path, actual: str, announced: str | None = None
) -> None:
    """Compare with the stated sha256 or the one recorded at first use; record it if missing."""
    if source.sha256:
        expected: str | None = source.sha256
        whose = "its publisher states"
    else:
        known = recorded()
        expected, whose = known.get(str(source)), "the first download had"
        if expected is None and announced is not None:
            expected, whose = announced, "the Hub announced"
            if actual == expected:
                record(known | {str(source): actual})
        elif expected is None:
            record(known | {str(source): actual})
            return
    if actual != expected:
        forget = (
            f"; if the change is meant, 'weights remove --forget {entry.name}' trusts anew"
            if whose.startswith("the first")
            else ""
        )
        raise WeightsError(
            f"{path.name} of {entry.name} has the sha256 {actual[:16]}…, {whose} "
            f"{str(expected)[:16]}…{forget}"
        )


def _trust_store() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / "facegen-first-use.json"


def recorded() -> dict[str, str]:
    store = _trust_store()
    if not store.is_file():
        return {}
    try:
        found = json.loads(store.read_text())
        return {str(key): str(value) for key, value in found.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise WeightsError(f"{store} is damaged ({error}); delete it to trust anew") from error


def record(changed: dict[str, str]) -> None:
    store = _trust_store()
    partial = store.with_suffix(".partial")
    with contextlib.suppress(OSError):  # a read-only cache is not an error
        partial.write_text(json.dumps(changed, indent=1) + "\n")
        os.replace(partial, store)


def forget_source(source: Source) -> None:
    """Trust the next download of that source."""
    record({key: value for key, value in recorded().items() if key != str(source)})
