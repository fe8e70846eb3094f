"""The store of an evaluation: measurements of pictures in OUT/records, so that a run resumes.

A record's file is named by its kind and a digest of everything that decides its numbers. So an
interrupted run goes on where it was, another model or other options start anew, and files of an
earlier format are never read.

    source-KEY.npz     a source (a reference photo) and the pictures made of it
    random-KEY.npz     up to A_RECORD random faces, named by their seeds
    made-KEY.npz       of the protocol: the variants of a source whose files lie in OUT/variants
    attack-KEY.npz     of the protocol: an attacker's results
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, OptionError
from ..files import make_folder, replacing, write_file

FORMAT = 3  # of the records; a new one makes those before it unreadable
A_RECORD = 100  # random faces in a file
SOURCE, RANDOM = "source", "random"  # kinds of records
_EARLIER = ("reference-*.npz", "samples-*.npz")  # records of formats 1 and 2

Row = dict[str, np.ndarray]


def row_of(values: Mapping[str, Any]) -> Row:
    """Make a picture's row of numbers, truths and arrays."""
    return {name: np.asarray(value) for name, value in values.items()}


@dataclass(frozen=True)
class Rows:
    """Measurements of several pictures.

    names: of the pictures, K. fields: name -> [K, ...], in the order of names. facts: what is
    known beside them, ready for JSON."""

    names: tuple[str, ...] = ()
    fields: Mapping[str, np.ndarray] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Mapping[str, Row], **facts: Any) -> Rows:
        """Stack rows that have the same fields."""
        first: Row = next(iter(rows.values()), {})
        stacked = {field: np.stack([row[field] for row in rows.values()]) for field in first}
        return cls(tuple(rows), stacked, facts)

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows | None:
        """Join the pictures of several records; None without any."""
        if not parts:
            return None
        names = tuple(name for part in parts for name in part.names)
        first = parts[0].fields
        return cls(names, {f: np.concatenate([part.fields[f] for part in parts]) for f in first})

    @property
    def rows(self) -> list[Row]:
        """The measurements of each picture, in the order of names."""
        return [
            {field: values[index] for field, values in self.fields.items()}
            for index in range(len(self.names))
        ]

    def row(self, name: str) -> Row:
        """Return the measurements of one picture. Raises ValueError for an unknown name."""
        return self.rows[self.names.index(name)]

    def save(self, path: Path) -> None:
        """Write them, whole or not at all. Raises OutputError."""
        text = json.dumps({"names": self.names, "facts": self.facts})
        with replacing(path) as part, part.open("wb") as file:
            arrays: dict[str, Any] = {"__about__": np.array(text), **self.fields}
            np.savez_compressed(file, **arrays)


def load(path: Path) -> Rows | None:
    """Load a record; None where it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            fields = {name: stored[name] for name in stored.files}
        about = json.loads(str(fields.pop("__about__")))
        return Rows(tuple(about["names"]), fields, about["facts"])
    except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error):
        return None


@dataclass(frozen=True)
class Store:
    """The records of one run. settings: what decides all of its numbers, ready for JSON."""

    out: Path
    settings: Mapping[str, Any]

    def file(self, kind: str, *decides: object) -> Path:
        """Name the file of a record. decides: what its numbers depend on beside the settings."""
        told = json.dumps([FORMAT, self.settings], sort_keys=True) + repr(decides)
        digest = hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()
        return self.out / "records" / f"{kind}-{digest[:24]}.npz"

    def load(self, kind: str, *decides: object) -> Rows | None:
        """Load a record; None where it is missing or damaged."""
        return load(self.file(kind, *decides))

    def save(self, rows: Rows, kind: str, *decides: object) -> Rows:
        """Keep a record. Raises OutputError."""
        make_folder(self.out / "records")
        rows.save(self.file(kind, *decides))
        return rows

    def once(self, measured: Callable[[], Rows], kind: str, *decides: object) -> Rows:
        """Load a record, or measure and keep it."""
        found = self.load(kind, *decides)
        return self.save(measured(), kind, *decides) if found is None else found


def has_earlier(out: Path) -> bool:
    """Test whether a folder holds records of an earlier version, which nothing reads."""
    return any(any((out / "records").glob(pattern)) for pattern in _EARLIER)


def begin(out: Path, settings: Mapping[str, Any]) -> Store:
    """Open a folder whose files have no settings in their names, or check that it has the same.

    Raises OptionError where it is another run's, DataError where an earlier version began it."""
    file = out / "settings.json"
    if file.is_file():
        before = settings_of(out)
        for name, value in json.loads(json.dumps(settings)).items():
            if before.get(name) != value:
                raise OptionError(
                    f"{name} is {value}, but {out} was begun with {before.get(name)}; name "
                    "another folder, or ask for the same"
                )
    else:
        make_folder(out)
        content = {"format": FORMAT, **settings}
        write_file(file, (json.dumps(content, indent=1) + "\n").encode())
    return Store(out, settings_of(out))


def settings_of(out: Path) -> dict[str, Any]:
    """Read what a folder was begun with; empty where nothing was. Raises DataError."""
    file = out / "settings.json"
    if not file.is_file():
        return {}
    try:
        settings: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        began = settings.pop("format", 1)
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f"cannot read {file}; name another folder") from error
    if began != FORMAT:
        raise DataError(
            f"{out} was begun by another version of Facegen (format {began}, now {FORMAT}); name "
            "another folder"
        )
    return settings
