"""The input of Ray's workers: a folder, local or in a store, as rows of bytes.

It holds pictures, WebDataset tars and Parquet files; what is wrong with one is in its row. A row:
key, by which a picture's state is known in the checkpoint; id; status and error, null where there
is nothing wrong; data, null where there is.
"""

from __future__ import annotations

import os
import platform
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from ray.data import Datasource
from ray.data.block import BlockMetadata
from ray.data.datasource import ReadTask

from ..errors import DataError, ImageError
from ..images import MAX_FILE_BYTES, SUFFIXES
from .listing import Item, walk
from .work import HEAD, PASSED_OVER, SKIPPED, UNREADABLE, open_listed, passed_over, read

TAR, PARQUET = ".tar", ".parquet"
TOO_LARGE = f"is above {MAX_FILE_BYTES >> 20} MB"
MAX_GROUP_BYTES = 1 << 30  # of the bytes' column in a row group of Parquet, decompressed
MAX_NAMES_BYTES = 64 << 20  # of the names' column, likewise
MAX_NAME_BYTES = 4096
SCHEMA = pa.schema(
    [("key", pa.string()), ("id", pa.string()), ("status", pa.string()), ("error", pa.string()),
     ("data", pa.large_binary())]
)  # fmt: skip


@dataclass(frozen=True)
class Columns:
    """The columns of Parquet files that hold the bytes and the names."""

    data: str = "bytes"  # "image.bytes" for a field of a struct
    id: str = "id"  # without such a column, a row's number is its name


class Folder(Protocol):
    """A folder on a disk or in a store."""

    def items(self) -> Iterator[Item]:
        """List every file; see listing.walk."""

    def read(self, item: Item) -> bytes:
        """Read a picture's bytes. Raises ImageError."""

    def open(self, item: Item) -> BinaryIO:
        """Open a tar or a Parquet file. Raises OSError."""

    def check(self) -> None:
        """Raise DataError unless it is there, on a worker."""


@dataclass(frozen=True)
class Local:
    """A folder of the disk that all machines of the cluster share, or one file in it."""

    folder: Path
    name: str = ""

    def items(self) -> Iterator[Item]:
        if self.name:
            stat = (self.folder / self.name).stat()
            return iter([Item(self.name, stat.st_size, stat.st_mtime_ns)])
        return walk(self.folder)

    def read(self, item: Item) -> bytes:
        return read(self.folder / item.relative, item)

    def open(self, item: Item) -> BinaryIO:
        return open_listed(self.folder / item.relative)

    def check(self) -> None:
        if not self.folder.is_dir():
            raise DataError(
                f"{self.folder} is not there on {platform.node()}; name a folder that all machines "
                "of the cluster share, or an address such as s3://bucket/folder"
            )


@dataclass(frozen=True)
class Remote:
    """A folder of a store that pyarrow knows, such as s3://bucket/folder, or one file in it."""

    store: pafs.FileSystem
    folder: str
    name: str = ""

    def _path(self, item: Item) -> str:
        return f"{self.folder}/{item.relative}"

    def items(self) -> Iterator[Item]:
        where = f"{self.folder}/{self.name}" if self.name else pafs.FileSelector(
            self.folder, recursive=True)  # fmt: skip
        try:
            found = self.store.get_file_info(where)
        except OSError as error:
            raise DataError(f"{self.folder} cannot be listed ({_line(error)})") from error
        files = [found] if self.name else found
        for info in sorted(files, key=lambda info: info.path):
            if info.type == pafs.FileType.File:
                relative = info.path[len(self.folder) :].lstrip("/")
                yield Item(relative, info.size or 0, info.mtime_ns or 0)

    def read(self, item: Item) -> bytes:
        if item.size > MAX_FILE_BYTES:
            raise ImageError(TOO_LARGE)
        try:
            with self.store.open_input_stream(self._path(item)) as file:
                data = bytes(file.read(MAX_FILE_BYTES + 1))
        except OSError as error:
            raise ImageError(f"cannot be read ({_line(error)})") from error
        if len(data) != item.size:
            raise ImageError("the file was changed while the batch ran; call it again")
        return data

    def open(self, item: Item) -> BinaryIO:
        return cast(BinaryIO, self.store.open_input_file(self._path(item)))

    def check(self) -> None:
        pass


def locate(source: str) -> Local | Remote:
    """Find the folder, or the one tar or Parquet file, that `source` names. Raises DataError."""
    if "://" in source:
        try:
            store, path = pafs.FileSystem.from_uri(source)
            kind = store.get_file_info(path.rstrip("/")).type
        except (OSError, ValueError) as error:
            raise DataError(f"{source} cannot be opened ({_line(error)})") from error
        if kind == pafs.FileType.NotFound:
            raise DataError(f"{source} is not there; name a folder, or a .tar or .parquet file")
        folder, name = _split(path.rstrip("/"), kind == pafs.FileType.File)
        return Remote(store, folder, name)
    place = Path(source).absolute()
    if place.is_dir():
        return Local(place)
    if not place.is_file() or place.suffix.lower() not in (TAR, PARQUET):
        raise DataError(f"{source} is not a folder, .tar or .parquet file; name one of these")
    return Local(place.parent, place.name)


def _split(path: str, is_file: bool) -> tuple[str, str]:
    if not is_file:
        return path, ""
    folder, _, name = path.rpartition("/")
    if not name.lower().endswith((TAR, PARQUET)):
        raise DataError(f"{path} is not a folder, .tar or .parquet file; name one of these")
    return folder, name


def key_of(item: Item) -> str:
    """Make the key of a file in its present state: once changed, it is done again."""
    return f"{item.id}|{item.size}|{item.changed}"


def is_picture(item: Item) -> bool:
    """Return True for what has one row: a picture, or an item with a problem."""
    return bool(item.problem) or not item.relative.lower().endswith((TAR, PARQUET))


@dataclass
class Pictures(Datasource):
    """The source of a run."""

    folder: Folder
    items: list[Item]  # what is read
    rows: int  # pictures in one table, at most
    columns: Columns = field(default_factory=Columns)

    def get_name(self) -> str:
        return "Pictures"

    def estimate_inmemory_data_size(self) -> int:
        return sum(item.size for item in self.items)

    def parts(self) -> list[list[Item]]:
        """Divide the items into read tasks; a tar or a Parquet file has its own."""
        parts = [[item] for item in self.items if not is_picture(item)]
        single = [item for item in self.items if is_picture(item)]
        return parts + [single[at : at + self.rows] for at in range(0, len(single), self.rows)]

    def get_read_tasks(
        self, parallelism: int, per_task_row_limit: int | None = None, data_context: Any = None
    ) -> list[ReadTask]:
        return [self._task(part, per_task_row_limit) for part in self.parts()]

    def _task(self, part: list[Item], limit: int | None) -> ReadTask:
        folder, columns, rows = self.folder, self.columns, self.rows
        metadata = BlockMetadata(
            num_rows=len(part) if is_picture(part[0]) else None,
            size_bytes=sum(item.size for item in part),
            input_files=None,
            exec_stats=None,
        )
        return ReadTask(
            lambda: _tables(_rows(folder, part, columns), rows), metadata, SCHEMA, limit
        )


Content = tuple["str | None", "str | None", "bytes | None"]  # status, error, data
Row = tuple[str, str, "str | None", "str | None", "bytes | None"]  # key, id, and that


def _tables(rows: Iterable[Row], most: int) -> Iterator[pa.Table]:
    """Group the rows into tables of at most so many, fewer where they are large."""
    held: list[Row] = []
    size = 0
    for row in rows:
        held.append(row)
        size += len(row[4] or b"")
        if len(held) == most or size > MAX_FILE_BYTES:
            yield _table(held)
            held, size = [], 0
    if held:
        yield _table(held)


def _table(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in rows], SCHEMA)


def _rows(folder: Folder, items: list[Item], columns: Columns) -> Iterator[Row]:
    folder.check()
    for item in items:
        if item.problem:
            yield key_of(item), item.id, SKIPPED, item.problem, None
        elif is_picture(item):
            yield key_of(item), item.id, *_read(folder, item)
        else:
            yield from _members(folder, item, columns)


def _read(folder: Folder, item: Item) -> Content:
    try:
        data = folder.read(item)
        if words := passed_over(item, lambda: data[:HEAD]):
            return PASSED_OVER, words, None
        return None, None, data
    except ImageError as error:
        return UNREADABLE, _line(error), None


def _members(folder: Folder, item: Item, columns: Columns) -> Iterator[Row]:
    """Read the rows of a tar or a Parquet file.

    If it is damaged, a row of the file itself follows those that could be read and says so.
    """
    seen: set[str] = set()

    def named(name: str) -> tuple[str, str]:
        base = f"{item.id}/{Item(name).id}"
        id, again = base, 2
        while id in seen:
            id, again = f"{base}#{again}", again + 1
        seen.add(id)
        return f"{id}|{key_of(item)}", id

    try:
        with folder.open(item) as file:
            is_tar = item.relative.lower().endswith(TAR)
            for name, content in _tar(file) if is_tar else _parquet(file, columns):
                yield *named(name), *content
    except (OSError, tarfile.TarError, pa.ArrowException, EOFError, ValueError) as error:
        words = f"{len(seen)} of its pictures could be read, then: {_line(error)}"
        yield key_of(item), item.id, UNREADABLE, words, None


def _tar(file: BinaryIO) -> Iterator[tuple[str, Content]]:
    with tarfile.open(fileobj=cast(Any, _Short(file)), mode="r:") as tar:
        for member in tar:
            tar.members = []  # type: ignore[attr-defined]  # or all headers stay in memory
            if not member.name.lower().endswith(SUFFIXES):
                continue
            if not member.isreg():
                if not member.isdir():
                    problem = "a link, a pipe or a device, which is not followed"
                    yield member.name, (SKIPPED, problem, None)
            elif member.size > MAX_FILE_BYTES:
                yield member.name, (UNREADABLE, TOO_LARGE, None)
            else:
                content = tar.extractfile(member)
                data = content.read() if content else b""
                if len(data) < member.size:
                    raise tarfile.ReadError("it ends in the middle of a picture")
                yield member.name, (None, None, data)


class _Short:
    """A file whose reads are no longer than a picture may be: a header may claim any length."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_FILE_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)


def _parquet(file: BinaryIO, columns: Columns) -> Iterator[tuple[str, Content]]:
    metadata = pq.read_metadata(file)
    schema = metadata.schema
    texts = [schema.column(at).path for at in range(len(schema))
             if schema.column(at).physical_type == "BYTE_ARRAY"]  # fmt: skip
    # As dictionaries, or one large cell that a thousand rows name would be held a thousand times.
    repeated = [name for name in (columns.data, columns.id) if name in texts]
    with pq.ParquetFile(file, metadata=metadata, read_dictionary=repeated) as parquet:
        held = [parquet.schema_arrow.field(at) for at in range(len(parquet.schema_arrow))]
        names = [one.name for one in held]
        top = columns.data.partition(".")[0]
        if top not in names:
            raise ValueError(
                f"no column {columns.data!r} (there are {', '.join(map(repr, names))}); name the "
                "column of bytes with --bytes-column"
            )
        wanted = [columns.data, *([columns.id] if columns.id in names else [])]
        number = 0
        for group in range(parquet.num_row_groups):
            told = metadata.row_group(group)
            if problem := _too_much(told, top, columns.id):
                yield f"row group {group}", (UNREADABLE, problem, None)
                number += told.num_rows
                continue
            for batch in parquet.iter_batches(8, row_groups=[group], columns=wanted):
                yield from _cells(batch, columns, number)
                number += batch.num_rows


def _too_much(group: Any, top: str, names: str) -> str | None:
    """Say why a row group is too large to read, by its metadata; None: it is not."""

    def size(first: str) -> int:
        return sum(
            group.column(at).total_uncompressed_size
            for at in range(group.num_columns)
            if group.column(at).path_in_schema.partition(".")[0] == first
        )

    pictures, words = size(top), size(names)
    if pictures > MAX_GROUP_BYTES:
        return f"{pictures >> 20} MB of bytes; at most {MAX_GROUP_BYTES >> 20} are read"
    if pictures > group.num_rows * (MAX_FILE_BYTES + 2**20):
        return f"{pictures >> 20} MB of bytes in {group.num_rows} rows: a cell {TOO_LARGE}"
    if words > MAX_NAMES_BYTES:
        return f"{words >> 20} MB of names; at most {MAX_NAMES_BYTES >> 20} are read"
    return None


def _cells(batch: pa.RecordBatch, columns: Columns, first: int) -> Iterator[tuple[str, Content]]:
    """Read what each row holds; no cell is copied before its length is known."""
    top, *steps = columns.data.split(".")
    cells = batch.column(top)
    for step in steps:
        there = pa.types.is_struct(cells.type) and cells.type.get_field_index(step) >= 0
        cells = pc.struct_field(cells, [step]) if there else pa.nulls(len(cells))
    lengths = _lengths(cells)
    given = batch.column(columns.id) if columns.id in batch.schema.names else None
    name_lengths = None if given is None else _lengths(given)
    for at in range(batch.num_rows):
        name = str(first + at)
        if given is not None and given[at].is_valid:
            if name_lengths is not None and name_lengths[at] > MAX_NAME_BYTES:
                problem = f"a name of {name_lengths[at]:,} bytes; it may have {MAX_NAME_BYTES:,}"
                yield name, (UNREADABLE, problem, None)
                continue
            name = str(given[at].as_py())
        if lengths is None or not cells[at].is_valid:
            null = not cells[at].is_valid
            problem = "no bytes" if null else f"no bytes, but {type(cells[at].as_py()).__name__}"
            yield name, (UNREADABLE, problem, None)
        elif lengths[at] > MAX_FILE_BYTES:
            yield name, (UNREADABLE, TOO_LARGE, None)
        else:
            value = cells[at].as_py()
            if isinstance(value, bytes):
                yield name, (None, None, value)
            else:
                yield name, (UNREADABLE, f"no bytes, but {type(value).__name__}", None)


def _lengths(column: pa.Array) -> list[int] | None:
    """Measure the bytes of each cell; None for a column without any."""
    if pa.types.is_dictionary(column.type):
        values = _lengths(column.dictionary)
        if values is None:
            return None
        return [0 if at is None else values[at] for at in column.indices.to_pylist()]
    kinds = pa.types
    tests = (kinds.is_binary, kinds.is_large_binary, kinds.is_string, kinds.is_large_string)
    if not any(test(column.type) for test in (*tests, kinds.is_fixed_size_binary)):
        return None
    return [length or 0 for length in pc.binary_length(column).to_pylist()]


def _line(error: Exception) -> str:
    return os.fsencode(" ".join(str(error).split())).decode("utf-8", "backslashreplace")
