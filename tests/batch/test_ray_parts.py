"""Ray's engine without a cluster: what is read, what is written, a picture that kills, mistakes."""

import errno
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import dying
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facegen.batch.options import BatchOptions, RayOptions
from facegen.batch.rows import alone
from facegen.cli import batch as command
from facegen.cli.main import main
from facegen.errors import DataError, OptionError, OutputError
from facegen.images import MAX_FILE_BYTES

if "CI" not in os.environ:
    pytest.importorskip("ray", reason="needs Ray: pip install -r requirements-ray.txt")

from facegen.batch import ray as engine
from facegen.batch import ray_shards, ray_sources
from facegen.batch.ray_shards import Out, sample_key, shard_schema
from facegen.batch.ray_sources import SCHEMA, Columns, Pictures, locate
from facegen.batch.work import Work

ROOT = Path(__file__).parents[2]


def rows(source: str, columns: Columns | None = None, most: int = 4) -> list[dict]:
    """As read tasks give them."""
    folder = locate(source)
    pictures = Pictures(folder, list(folder.items()), most, columns or Columns())
    return [row for task in pictures.get_read_tasks(1) for table in task()
            for row in table.to_pylist()]  # fmt: skip


def add(tar: tarfile.TarFile, name: str, data: bytes = b"", **more) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    for key, value in more.items():
        setattr(entry, key, value)
    tar.addfile(entry, io.BytesIO(data))


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.jpg").write_bytes(b"a")
    (folder / "link.jpg").symlink_to(folder / "deep" / "a.jpg")
    with tarfile.open(folder / "t.tar", "w") as tar:
        add(tar, "1.jpg", b"one")
        add(tar, "1.json", b"{}")
        add(tar, "../../1.jpg", b"out")
        add(tar, "1.jpg", b"again")
        add(tar, "far.jpg", type=tarfile.SYMTYPE, linkname="/etc/passwd")
    table = {"bytes": [b"x", None, b"y"], "id": ["p", "q", "p"]}
    pq.write_table(pa.table(table), folder / "t.parquet")
    return folder


def test_pictures_tars_and_parquet_are_rows_of_bytes(folder):
    found = {row["id"]: row for row in rows(str(folder))}
    assert {name: row["data"] for name, row in found.items() if row["status"] is None} == {
        "deep/a.jpg": b"a", "t.tar/1.jpg": b"one", "t.tar/../../1.jpg": b"out",
        "t.tar/1.jpg#2": b"again", "t.parquet/p": b"x", "t.parquet/p#2": b"y",
    }  # fmt: skip
    assert found["link.jpg"]["status"] == found["t.tar/far.jpg"]["status"] == "skipped"
    assert found["t.parquet/q"]["status"] == "unreadable"
    keys = [row["key"] for row in found.values()]
    assert len(set(keys)) == len(keys) == 9


def test_a_store_gives_the_same_rows_as_the_disk(folder):
    """Through pyarrow's file systems, as s3:// goes."""
    here = {row["id"]: row["data"] for row in rows(str(folder)) if row["status"] is None}
    there = {row["id"]: row["data"] for row in rows(folder.as_uri()) if row["status"] is None}
    assert there == here | {"link.jpg": b"a"}  # a store knows no links


def test_one_tar_or_parquet_file_is_a_source(folder, tmp_path):
    assert len(rows(str(folder / "t.tar"))) == 4
    assert len(rows((folder / "t.parquet").as_uri())) == 3
    for wrong in (folder / "deep" / "a.jpg", tmp_path / "none"):
        with pytest.raises(DataError, match="not a folder|is not there"):
            locate(str(wrong))
        with pytest.raises(DataError, match="not a folder|is not there"):
            locate(wrong.as_uri())
    with pytest.raises(DataError, match="cannot be opened"):
        locate("nothing://bucket")


def test_damaged_tars_and_parquet_files_have_a_row_that_says_so(folder):
    whole = (folder / "t.tar").read_bytes()
    (folder / "cut.tar").write_bytes(whole[:1800])
    (folder / "empty.tar").touch()
    (folder / "bad.parquet").write_bytes(b"PAR1 nothing PAR1")
    found = {row["id"]: row for row in rows(str(folder))}
    assert found["cut.tar/1.jpg"]["data"] == b"one"
    for name in ("cut.tar", "empty.tar", "bad.parquet"):
        assert found[name]["status"] == "unreadable" and "could be read" in found[name]["error"]


def test_what_is_too_large_is_not_read(folder, monkeypatch):
    with tarfile.open(folder / "bomb.tar", "w") as tar:
        add(tar, "bomb.jpg", bytes(MAX_FILE_BYTES + 1))
        add(tar, "small.jpg", b"small")
    with (folder / "header.tar").open("wb") as file:  # a header of 1 TB, as its writer says
        entry = tarfile.TarInfo("x")
        entry.type, entry.size = tarfile.XHDTYPE, 1 << 40
        file.write(entry.tobuf(tarfile.GNU_FORMAT))
    found = {row["id"]: row for row in rows(str(folder))}
    assert "above 64 MB" in found["bomb.tar/bomb.jpg"]["error"]
    assert found["bomb.tar/small.jpg"]["data"] == b"small"
    # Python 3.14 says it in words of its own.
    assert re.search("header of 1099511627776 bytes|empty header", found["header.tar"]["error"])
    monkeypatch.setattr(ray_sources, "MAX_GROUP_BYTES", 1)
    found = {row["id"]: row for row in rows(str(folder / "t.parquet"))}
    assert found["t.parquet/row group 0"]["status"] == "unreadable"


def test_columns_of_a_data_set_with_structs(tmp_path):
    table = pa.table({"image": [{"bytes": b"x", "path": "a.jpg"}, {"bytes": None, "path": "b"}]})
    pq.write_table(table, tmp_path / "t.parquet")
    first, second = rows(str(tmp_path), Columns("image.bytes"))
    assert first["id"] == "t.parquet/0" and first["data"] == b"x"
    assert second["status"] == "unreadable"
    (row,) = rows(str(tmp_path))
    assert "no column 'bytes'" in row["error"] and "--bytes-column" in row["error"]


def test_a_folder_that_a_machine_does_not_have_ends_the_run(folder, tmp_path):
    place = locate(str(folder))
    tasks = Pictures(place, list(place.items()), 4).get_read_tasks(1)
    folder.rename(tmp_path / "away")
    with pytest.raises(DataError, match=r"is not there on .*share"):
        list(tasks[0]())


def test_a_picture_that_kills_its_process_has_a_row(monkeypatch, tmp_path):
    monkeypatch.setattr(engine, "begin", dying.begin)
    monkeypatch.setattr(engine, "do_bytes", dying.do_bytes)
    worker = engine.Worker(Work(tmp_path, tmp_path, BatchOptions("align")))
    told = [("1|", "a", None, None, b"x"), ("2|", "bomb", None, None, b"x"),
            ("3|", "b", "skipped", "a link", None), ("4|", "c", None, None, b"x")]  # fmt: skip
    table = pa.Table.from_pylist(
        [dict(zip(SCHEMA.names, row, strict=True)) for row in told], SCHEMA
    )
    found = [row for part in worker(table) for row in part.to_pylist()]
    worker._pool.shutdown()
    assert [row["status"] for row in found] == ["done", "crashed", "skipped", "done"]
    assert found[0]["data"] == [b"made"] and found[1]["error"].startswith("the process")


def block(tmp_path) -> pa.Table:
    told = [
        {"id": "a.b/c.jpg", "status": "done", "files": ["pictures/a.b/c.jpg"], "data": [b"photo"]},
        {"id": "d", "status": "done", "files": ["pictures/d/face-00.png"], "data": [b"face"]},
        {"id": "e", "status": "unreadable", "error": "empty", "files": None, "data": []},
    ]
    rows = [{**row, "key": row["id"], "done": 1.0} for row in told]
    return pa.Table.from_pylist(rows, shard_schema())


def test_a_webdataset_tar_holds_each_rows_files(tmp_path):
    from ray.data.block import BlockAccessor

    sink = ray_shards._Tar(str(tmp_path))
    with sink.open_output_stream(f"{tmp_path}/x.tar") as file:
        sink.write_block_to_file(BlockAccessor.for_block(block(tmp_path)), file)
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar"]
    with tarfile.open(tmp_path / "x.tar") as tar:
        found = {member.name: tar.extractfile(member).read() for member in tar}
    assert set(found) == {"a%2Eb/c%2Ejpg.json", "a%2Eb/c%2Ejpg.jpg", "d.json", "d.face-00.png",
                          "e.json"}  # fmt: skip
    assert (
        found["a%2Eb/c%2Ejpg.jpg"] == b"photo" and json.loads(found["e.json"])["error"] == "empty"
    )
    assert sample_key("../x\n") == "%2E%2E/x%0A"


def test_a_full_disk_leaves_no_half_shard(tmp_path, monkeypatch):
    from ray.data.datasource import BlockBasedFileDatasink

    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    def opened(self, path):
        Path(path).touch()
        return Full()

    sink = ray_shards._Rows(str(tmp_path), True)
    monkeypatch.setattr(BlockBasedFileDatasink, "open_output_stream", opened)
    with (
        pytest.raises(OutputError, match=r"No space left.*call it again"),
        sink.open_output_stream(f"{tmp_path}/x.parquet") as file,
    ):
        file.write(b"half")
    assert not list(tmp_path.iterdir())


def test_the_manifest_has_a_pictures_newest_row(tmp_path):
    out = Out(str(tmp_path))
    out.claim({"job": "align"})
    (tmp_path / "shards").mkdir()
    for name, done, error in (("1", 2.0, "new"), ("2", 1.0, "old")):
        rows = [{"id": "a", "status": "failed", "error": error, "done": done}]
        pq.write_table(
            pa.Table.from_pylist(rows, shard_schema()), f"{tmp_path}/shards/{name}.parquet"
        )
    path, statuses = out.write_manifest()
    (row,) = pq.read_table(path).to_pylist()
    assert (
        row["error"] == "new" and row["shard"] == "shards/1.parquet" and statuses == {"failed": 1}
    )
    out.claim({"job": "align"})
    with pytest.raises(OutputError, match="job 'align' there, 'random' now"):
        out.claim({"job": "random"})


def test_another_engines_folder_is_refused_and_one_run_at_a_time(folder, tmp_path):
    from facegen.batch.run import run

    list(run(folder / "deep", tmp_path / "out", BatchOptions("align", workers=1)))
    on_ray = BatchOptions("align"), RayOptions()
    with pytest.raises(OutputError, match="engine None there, 'ray' now"):
        list(engine.run(str(folder), str(tmp_path / "out"), *on_ray))
    with pytest.raises(OutputError, match="lies in"):
        list(engine.run(str(folder), str(folder / "out"), *on_ray))
    with alone(tmp_path), pytest.raises(OutputError, match="another batch is at work"):
        list(engine.run(str(folder), str(tmp_path), *on_ray))


def test_errors_of_ours_come_out_of_rays():
    inner = OutputError("cannot write into x (No space left on device); free some space")
    outer = RuntimeError("task failed\n many lines")
    outer.__cause__ = inner
    assert str(engine._ours(outer)) == str(inner)
    assert "Ray ended the run (boom); call it again" in str(engine._ours(RuntimeError("a\nboom")))


def test_mistakes_on_the_command_line(folder, tmp_path, capsys, monkeypatch):
    words = ["batch", str(folder), "--out", str(tmp_path / "out"), "--job", "align"]
    for more, error in (
        (["--format", "webdataset"], "--format is for --engine ray"),
        (["--engine", "ray", "--format", "zip"], "format is 'zip'; it must be parquet or"),
        (["--engine", "ray", "--cpus", "0"], "cpus is 0"),
        (["--engine", "ray", "--address", "ray://x:1"], "Ray Data does not support"),
    ):
        assert main([*words, *more]) == 2
        assert error in capsys.readouterr().err
    monkeypatch.setattr(command, "missing", lambda extra: ["ray"])
    assert main([*words, "--engine", "ray"]) == 2
    assert "pip install -r requirements-ray.txt" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    with pytest.raises(OptionError, match="parquet or webdataset"):
        RayOptions(format="zip")


def test_the_cluster_file_is_valid():
    import jsonschema
    import yaml

    schema = Path(importlib.util.find_spec("ray").origin).parent / "autoscaler/ray-schema.json"
    jsonschema.validate(
        yaml.safe_load((ROOT / "docs" / "cluster.yaml").read_text()), json.loads(schema.read_text())
    )


def peak_of(folder: Path, *columns: str) -> int:
    """Megabytes that a process of its own takes at most for the rows of a folder, beyond what it
    had before."""
    program = (
        "import resource, sys\n"
        "from facegen.batch.ray_sources import Columns, Pictures, locate\n"
        "place = locate(sys.argv[1])\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "pictures = Pictures(place, list(place.items()), 4, Columns(*sys.argv[2:]))\n"
        "tasks = pictures.get_read_tasks(1)\n"
        "before = peak()\n"
        "for task in tasks:\n"
        "    for table in task():\n"
        "        del table\n"
        "print((peak() - before) // 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder), *columns],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(done.stdout)


def test_a_long_name_in_parquet_is_not_read(tmp_path):
    """Its few compressed kilobytes would become the whole of a machine's memory."""
    table = pa.table({"bytes": [b"x"], "id": ["n" * (100 << 20)]})
    pq.write_table(table, tmp_path / "t.parquet", compression="zstd")
    assert (tmp_path / "t.parquet").stat().st_size < 100_000
    (row,) = rows(str(tmp_path))
    assert "100 MB of names; at most 64 are read" in row["error"]
    assert peak_of(tmp_path) < 90
    table = pa.table({"bytes": [b"x", b"y"], "id": ["n" * 5000, "short"]})
    pq.write_table(table, tmp_path / "t.parquet")
    first, second = rows(str(tmp_path))
    assert first["id"] == "t.parquet/0" and "a name of 5,000 bytes" in first["error"]
    assert second["id"] == "t.parquet/short" and second["data"] == b"y"


@pytest.mark.parametrize("nested", [False, True])
def test_a_large_cell_that_many_rows_name_is_held_once(tmp_path, nested):
    large = b"\0" * (MAX_FILE_BYTES + 1)
    cells = pa.DictionaryArray.from_arrays([0] * 40 + [1], [large, b"small"])
    column = pa.StructArray.from_arrays([cells], ["bytes"]) if nested else cells
    pq.write_table(pa.table({"image": column}), tmp_path / "t.parquet", compression="zstd")
    assert (tmp_path / "t.parquet").stat().st_size < 100_000
    wanted = "image.bytes" if nested else "image"
    found = rows(str(tmp_path), Columns(wanted))
    assert [row["error"] for row in found[:40]] == ["is above 64 MB"] * 40
    assert found[40]["data"] == b"small"
    assert peak_of(tmp_path, wanted) < 8 * 64


def test_a_cell_that_must_be_too_large_is_not_even_unpacked(tmp_path):
    pq.write_table(
        pa.table({"bytes": [b"\0" * (300 << 20)]}), tmp_path / "t.parquet", compression="zstd"
    )
    (row,) = rows(str(tmp_path))
    assert "300 MB of bytes in 1 rows: a cell is above 64 MB" in row["error"]
    assert peak_of(tmp_path) < 100


@pytest.mark.parametrize(
    ("cells", "problem"),
    [([1, 2], "no bytes, but int"), (["a", "b"], "no bytes, but str"), ([None, None], "no bytes")],
)
def test_cells_that_are_no_bytes(tmp_path, cells, problem):
    pq.write_table(pa.table({"bytes": cells, "id": [7, None]}), tmp_path / "t.parquet")
    found = rows(str(tmp_path))
    assert [row["error"] for row in found] == [problem] * 2
    assert [row["id"] for row in found] == ["t.parquet/7", "t.parquet/1"]
