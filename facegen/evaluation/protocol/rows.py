"""Measurements of pictures in files: one a source, one a hundred random faces."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...files import replacing
from .looking import Row

SOURCE, RANDOM, PLAIN = "source", "random face", "plain"
OURS = "facegen"


@dataclass(frozen=True)
class Rows:
    """Measurements of several pictures: fields [K, ...], in the order of names."""

    names: tuple[str, ...]
    fields: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, rows: Mapping[str, Row]) -> Rows:
        first = next(iter(rows.values()))
        stacked = {field: np.stack([row[field] for row in rows.values()]) for field in first}
        return cls(tuple(rows), stacked)

    def save(self, path: Path) -> None:
        arrays: dict[str, Any] = {"__names__": np.array(self.names), **self.fields}
        with replacing(path) as part, part.open("wb") as file:
            np.savez(file, **arrays)


def load(path: Path) -> Rows | None:
    """Load a file; None where it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            fields = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None
    names = fields.pop("__names__", np.array([]))
    return Rows(tuple(str(name) for name in names), fields)


@dataclass(frozen=True)
class Kind:
    """The pictures of one kind, all sources.

    fields: [N, ...]; NaN or False where a source has none. there: [N] bool."""

    name: str
    there: np.ndarray
    fields: Mapping[str, np.ndarray]


def by_kind(sources: Sequence[Rows]) -> dict[str, Kind]:
    """Group by kind, in the order of sources."""
    names = dict.fromkeys(name for rows in sources for name in rows.names)
    kinds: dict[str, Kind] = {}
    for name in names:
        places = [rows.names.index(name) if name in rows.names else None for rows in sources]
        fields = {}
        for field, first in sources[0].fields.items():
            empty = np.zeros_like(first[0])
            if empty.dtype.kind == "f":
                empty = np.full_like(first[0], np.nan)
            fields[field] = np.stack(
                [
                    empty if place is None else rows.fields[field][place]
                    for rows, place in zip(sources, places, strict=True)
                ]
            )
        kinds[name] = Kind(name, np.array([place is not None for place in places]), fields)
    return kinds
