"""Checksums: whether a file is the one it should be.

Where the publisher states a sha256 it is checked. Where none is stated, the Hub's own checksum is
compared after the download, and the file's is recorded beside the cache (trust on first use); from
then on every file of that source has to be the same.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from ...errors import WeightsError
from ..entry import Source, Weights
from .cache import find_file


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
