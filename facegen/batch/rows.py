"""The progress of a batch: one line for each picture, written when its files are there.

manifest.parquet is made of these lines. Memory: less than 1 KiB for each picture, whatever its row
holds.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import filelock

from ..errors import OutputError, counted
from ..files import replacing, write_file
from .listing import Item

ROWS, JOB, MANIFEST = "rows.jsonl", "job.json", "manifest.parquet"
GROUP = 5_000  # rows that are held at once when the manifest is written


class Rows:
    """The rows of a batch in its folder. One process writes at a time (see run.py).

    damaged: lines that could not be read; they are gone, and their pictures count as not done.
    """

    def __init__(self, folder: Path):
        self.path = folder / ROWS
        self._known: dict[str, tuple[int, int, int]] = {}  # id -> place in the file, size, changed
        self.damaged = 0
        try:
            self._file = self.path.open("a+b")
            self._recover()
        except OSError as error:
            raise OutputError(f"cannot write {self.path} ({error.strerror})") from error

    def _recover(self) -> None:
        """Read what is there; drop a last line that was cut off in the middle."""
        good, place = self._read()
        if self.damaged:
            with replacing(self.path) as part, part.open("wb") as new:
                for start, length in good:
                    self._file.seek(start)
                    new.write(self._file.read(length))
            self._file.close()
            self._file = self.path.open("a+b")
            told, self._known = self.damaged, {}
            _, place = self._read()
            self.damaged = told
        self._file.truncate(place)
        self._end = place

    def _read(self) -> tuple[list[tuple[int, int]], int]:
        """Read the lines: ((place, length) of each good one, where the last whole line ends)."""
        self._file.seek(0)
        place, good = 0, []
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            try:
                row = json.loads(line)
                self._known[row["id"]] = place, row["size"], row["changed"]
                good.append((place, len(line)))
            except (ValueError, TypeError, KeyError, RecursionError):
                self.damaged += 1
            place += len(line)
        return good, place

    def __len__(self) -> int:
        return len(self._known)

    def has(self, item: Item) -> bool:
        """Return True if this picture was done, as it is now."""
        known = self._known.get(item.id)
        return known is not None and known[1:] == (item.size, item.changed)

    def add(self, item: Item, row: Mapping[str, Any]) -> None:
        """Append a row. Raises OutputError if the disk is full; a later run then does it again."""
        told = {**row, "id": item.id, "size": item.size, "changed": item.changed}
        line = json.dumps(told).encode() + b"\n"
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            raise OutputError(
                f"cannot write {self.path} ({error.strerror}); free some space, then call it again"
            ) from error
        self._known[item.id] = self._end, item.size, item.changed
        self._end += len(line)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate over the rows by id, the last one of each."""
        with self.path.open("rb") as file:
            for name in sorted(self._known):
                file.seek(self._known[name][0])
                yield json.loads(file.readline())

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()


def manifest_schema() -> Any:
    """Return the pyarrow schema of manifest.parquet, see docs/batch.md."""
    import pyarrow as pa

    return pa.schema(
        [
            ("id", pa.string()),
            ("status", pa.string()),
            ("error", pa.string()),
            ("sha256", pa.string()),
            ("seed", pa.int64()),
            ("files", pa.list_(pa.string())),
            ("faces", pa.int32()),
            ("identity_dlib", pa.float64()),
            ("identity_sface", pa.float64()),
            ("different_person", pa.bool_()),
            ("landmark_nme", pa.float64()),
            ("model", pa.string()),
            ("licence", pa.string()),
        ]
    )


def write_manifest(rows: Rows, folder: Path) -> Path:
    """Write manifest.parquet, by id. Raises OutputError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = manifest_schema()
    path = folder / MANIFEST
    with replacing(path) as part, pq.ParquetWriter(part, schema) as writer:
        held: list[dict[str, Any]] = []
        for row in rows:
            held.append({name: row.get(name) for name in schema.names})
            if len(held) == GROUP:
                writer.write_table(pa.Table.from_pylist(held, schema))
                held.clear()
        writer.write_table(pa.Table.from_pylist(held, schema))
    return path


def fingerprint(told: Mapping[str, Any]) -> str:
    """Hash what the results depend on, with sha256."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Allow one run at a time in a folder. Raises OutputError."""
    lock = filelock.FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise OutputError(
            f"another batch is at work in {folder}; wait until it has ended"
        ) from error
    except OSError as error:
        raise OutputError(
            f"cannot write into {folder} ({error.strerror}); choose a folder that you may write to"
        ) from error
    try:
        yield
    finally:
        lock.release()


def claim(folder: Path, told: Mapping[str, Any]) -> None:
    """Mark a folder as this job's. Raises OutputError if it is another's."""
    path = folder / JOB
    if not path.exists():
        foreign = [entry.name for entry in folder.iterdir() if not entry.name.startswith(".")]
        if foreign:
            raise OutputError(
                f"{folder} is not empty and holds no batch ({counted(len(foreign), 'item')}); name "
                "a new folder"
            )
        write_file(path, claimed(told))
        return
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise OutputError(f"{path} cannot be read; name a new folder") from error
    check_same(str(folder), text, told)


def claimed(told: Mapping[str, Any]) -> bytes:
    """Write job.json's content for a job."""
    return json.dumps({"fingerprint": fingerprint(told), **told}, indent=2).encode() + b"\n"


def check_same(folder: str, text: str, told: Mapping[str, Any]) -> None:
    """Raise OutputError unless job.json's text is this job's."""
    try:
        there = json.loads(text)
        known = there["fingerprint"]
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{folder}/{JOB} cannot be read; name a new folder") from error
    here = {"fingerprint": fingerprint(told), **told}
    if known != here["fingerprint"]:
        names = dict.fromkeys((*told, *(name for name in there if name != "fingerprint")))
        differs = [name for name in names if there.get(name) != told.get(name)]
        values = ", ".join(f"{name} {there.get(name)!r} there, {told.get(name)!r} now"
                           for name in differs)  # fmt: skip
        raise OutputError(
            f"{folder} holds another job ({values}); give the same options to go on, or name a "
            "new folder"
        )
