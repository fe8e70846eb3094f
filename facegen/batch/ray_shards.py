"""The output of Ray's workers: whole shards of rows and bytes, and manifest.parquet of them."""

from __future__ import annotations

import contextlib
import io
import json
import platform
import posixpath
import tarfile
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from ray.data.datasource import BlockBasedFileDatasink

from ..errors import OutputError, counted
from .rows import JOB, MANIFEST, check_same, claimed, manifest_schema
from .work import PICTURES

SHARDS, CHECKPOINT = "shards", "checkpoint"


def shard_schema() -> pa.Schema:
    """Return the schema of a shard's row.

    A row of the manifest, its key in the checkpoint, when it was done (seconds since 1970), and the
    content of its `files`.
    """
    more = [("key", pa.string()), ("done", pa.float64()), ("data", pa.list_(pa.large_binary()))]
    return pa.schema([*manifest_schema(), *(pa.field(*one) for one in more)])


class Out:
    """The folder of results, on a disk or in a store."""

    def __init__(self, out: str):
        """Open the folder. Raises OutputError."""
        self.name = out
        try:
            if "://" in out:
                self.store, path = pafs.FileSystem.from_uri(out)
            else:
                self.store, path = pafs.LocalFileSystem(), out
        except (OSError, ValueError) as error:
            raise OutputError(f"{out} cannot be opened ({error})") from error
        self.path = path.rstrip("/")

    def below(self, *names: str) -> str:
        return posixpath.join(self.path, *names)

    def make(self) -> None:
        """Create the folder. Raises OutputError."""
        with self._writing():
            self.store.create_dir(self.path, recursive=True)

    def claim(self, told: Mapping[str, Any]) -> None:
        """Mark the folder as this job's. Raises OutputError if it is another's; see rows.claim."""
        with self._writing():
            if self.store.get_file_info(self.below(JOB)).type == pafs.FileType.File:
                with self.store.open_input_stream(self.below(JOB)) as file:
                    text = bytes(file.read()).decode("utf-8", "replace")
                check_same(self.name, text, told)
                return
            there = self.store.get_file_info(pafs.FileSelector(self.path, allow_not_found=True))
            foreign = [info for info in there if not info.base_name.startswith(".")]
            if foreign:
                items = counted(len(foreign), "item")
                raise OutputError(
                    f"{self.name} is not empty and holds no batch ({items}); name a new folder"
                )
            with self.replacing(JOB) as file:
                file.write(claimed(told))

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"cannot write into {self.name} ({error}); choose a folder that you may write to"
            ) from error

    @contextlib.contextmanager
    def replacing(self, name: str) -> Iterator[pa.NativeFile]:
        """Write a file under another name, and rename it when all is written."""
        part = self.below(f".{uuid.uuid4().hex}.part")
        try:
            with self.store.open_output_stream(part) as file:
                yield file
            self.store.move(part, self.below(name))
        except BaseException:
            with contextlib.suppress(OSError):
                self.store.delete_file(part)
            raise

    def done(self) -> set[str]:
        """Read the keys of what is done from the checkpoint."""
        folder = self.below(CHECKPOINT)
        found = self.store.get_file_info(pafs.FileSelector(folder, allow_not_found=True))
        keys: set[str] = set()
        for info in found:
            if info.path.endswith(".parquet") and not info.path.endswith(".pending.parquet"):
                with self.store.open_input_file(info.path) as file:
                    keys.update(pq.read_table(file, columns=["key"])["key"].to_pylist())
        return keys

    def write_manifest(self) -> tuple[str, Counter[str]]:
        """Write manifest.parquet: the newest row of each id, and its shard. Raises OutputError.

        -> (its name, how many pictures have which status).
        """
        names = manifest_schema().names
        schema = pa.schema([*manifest_schema(), pa.field("shard", pa.string())])
        try:
            found = self.store.get_file_info(
                pafs.FileSelector(self.below(SHARDS), allow_not_found=True)
            )
            tables = [pa.table({name: [] for name in (*schema.names, "done")},
                               pa.schema([*schema, pa.field("done", pa.float64())]))]  # fmt: skip
            for info in found:
                name = info.base_name
                if name.endswith(".parquet") and not name.startswith("."):
                    with self.store.open_input_file(info.path) as file:
                        table = pq.read_table(file, columns=[*names, "done"])
                    shard = pa.array([f"{SHARDS}/{name}"] * len(table), pa.string())
                    table = table.append_column("shard", shard)
                    tables.append(table.select(tables[0].schema.names).cast(tables[0].schema))
            table = pa.concat_tables(tables).sort_by([("id", "ascending"), ("done", "ascending")])
            ids = table["id"].to_pylist()
            last = [at + 1 == len(ids) or ids[at + 1] != id for at, id in enumerate(ids)]
            table = table.filter(pa.array(last, pa.bool_())).select(schema.names)
            with self.replacing(MANIFEST) as file:
                pq.write_table(table, file)
        except OSError as error:
            raise OutputError(f"cannot write {self.name}/{MANIFEST} ({error})") from error
        return f"{self.name}/{MANIFEST}", Counter(table["status"].to_pylist())


class _Whole(BlockBasedFileDatasink):
    """Files that get their name only when all is written: a node may die at any moment."""

    @contextlib.contextmanager
    def open_output_stream(self, path: str) -> Iterator[Any]:
        folder, name = posixpath.split(path)
        part = posixpath.join(folder, f".{name}.{uuid.uuid4().hex}.part")
        try:
            with super().open_output_stream(part) as file:
                yield file
            self.filesystem.move(part, path)
        except OSError as error:
            raise OutputError(
                f"cannot write into {folder} ({error}); free some space or choose a folder that "
                "you may write to, then call it again"
            ) from error
        finally:
            with contextlib.suppress(OSError):
                self.filesystem.delete_file(part)


class _Tar(_Whole):
    """A WebDataset tar: KEY.json, the row, and KEY.NAME for each of its files."""

    def __init__(self, path: str, **more: Any):
        super().__init__(path, file_format="tar", **more)

    def write_block_to_file(self, block: Any, file: Any) -> None:
        with tarfile.open(fileobj=file, mode="w|") as tar:
            for row in block.to_arrow().to_pylist():
                key = sample_key(row["id"])
                told = {name: row[name] for name in manifest_schema().names}
                _add(tar, f"{key}.json", json.dumps(told).encode(), row["done"])
                for name, data in zip(row["files"] or [], row["data"], strict=True):
                    _add(tar, f"{key}.{_extension(row['id'], name)}", data, row["done"])


class _Rows(_Whole):
    """Parquet of the rows, with the bytes unless a tar has them."""

    def __init__(self, path: str, with_data: bool, **more: Any):
        super().__init__(path, file_format="parquet", **more)
        self.with_data = with_data

    def write_block_to_file(self, block: Any, file: Any) -> None:
        table = block.to_arrow()
        if not self.with_data:
            table = table.drop_columns(["data"])
        pq.write_table(table, file)


class Shards(BlockBasedFileDatasink):
    """A shard for each block: NAME.parquet, and for WebDataset NAME.tar before it."""

    def __init__(self, out: Out, webdataset: bool):
        where = out.below(SHARDS)
        super().__init__(where, filesystem=out.store)
        self.job, self.out_name = out.below(JOB), out.name
        self.sinks: list[_Whole] = [_Tar(where, filesystem=out.store)] if webdataset else []
        self.sinks.append(_Rows(where, not webdataset, filesystem=out.store))

    def write_block(self, block: Any, block_index: int, ctx: Any) -> None:
        if self.filesystem.get_file_info(self.job).type != pafs.FileType.File:
            raise OutputError(
                f"{self.out_name} is not the same folder on {platform.node()}; name one that all "
                "machines of the cluster share, or an address such as s3://bucket/folder"
            )
        for sink in self.sinks:
            sink.write_block(block, block_index, ctx)


def sample_key(id: str) -> str:
    """Make a WebDataset sample's name, with the id's dots escaped as in an address (%2E).

    What follows the name's first dot is the extension.
    """
    return quote(id, safe="/ ").replace(".", "%2E")


def _extension(id: str, name: str) -> str:
    """Name a file in its sample: face-01.png of a.jpg/face-01.png; jpg of a.jpg, the photo."""
    if name == f"{PICTURES}/{id}":
        return posixpath.splitext(id)[1].lstrip(".").lower() or "bin"
    return name.rpartition("/")[2]


def _add(tar: tarfile.TarFile, name: str, data: bytes, time: float) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = len(data), int(time), 0o644
    tar.addfile(entry, io.BytesIO(data))
