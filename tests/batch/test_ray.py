"""On a cluster of two machines, which are processes of this one: one dies, the driver dies, and
nothing is lost, nothing twice, nothing other than without Ray."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

if "CI" not in os.environ:
    pytest.importorskip("ray", reason="needs Ray: pip install -r requirements-ray.txt")

from facegen.batch.options import BatchOptions
from facegen.batch.run import run as run_here

ROOT = Path(__file__).parents[2]
ALIGN = BatchOptions("align", size=64, workers=2)


@pytest.fixture(scope="module")
def source(tmp_path_factory, astronaut) -> Path:
    folder = tmp_path_factory.mktemp("source")
    (folder / "deep").mkdir()
    face = Image.fromarray(astronaut[:280, 100:380])
    for index in range(40):
        place = folder / "deep" if index % 3 == 0 else folder
        face.resize((200 + index, 200 + index)).save(place / f"{index:02d}.jpg")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (folder / "link.png").symlink_to(folder / "01.jpg")
    return folder


@pytest.fixture(scope="module")
def cluster():
    """A head without cores and two machines, with two and with one."""
    from ray.cluster_utils import Cluster

    folder = tempfile.mkdtemp(prefix="fg-", dir="/tmp")  # short: names of sockets
    (Path(folder) / "ray").mkdir()
    cluster, sizes = Cluster(), {"object_store_memory": 80 << 20, "include_dashboard": False}
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RAY_TMPDIR", folder)
            patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
            patch.setenv("RAY_worker_niceness", "0")  # 15: they starve beside any other test
            add_node(cluster, num_cpus=0, **sizes)
            cluster.first = add_node(cluster, num_cpus=2, **sizes)
            cluster.second = add_node(cluster, num_cpus=1, **sizes)
            yield cluster
    finally:
        cluster.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def add_node(cluster, **told):
    """Ray's processes give up on each other after 15 seconds, which a busy machine may need."""
    for attempt in range(4):
        try:
            return cluster.add_node(**told)
        except Exception as error:  # Ray's own is no other
            if "timed out" not in str(error) or attempt == 3:
                raise


def start(cluster, source: Path, out: Path, workers: int) -> subprocess.Popen:
    command = [sys.executable, "-m", "facegen", "batch", str(source), "--out", str(out)]
    command += ["--job", "align", "--size", "64", "--workers", str(workers)]
    command += ["--engine", "ray", "--address", cluster.address]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def committed(out: Path) -> int:
    found = [path for path in out.glob("checkpoint/*.parquet") if ".pending" not in path.name]
    return sum(pq.read_metadata(path).num_rows for path in found)


def wait_for(condition, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 240
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def computing(node) -> bool:
    """Whether a process that a worker has started for its pictures runs on this machine."""
    parents = {process.process.pid for process in node.all_processes["raylet"]}
    lines = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            lines[int(folder.name)] = int(fields[1]), (folder / "cmdline").read_bytes()
        except OSError:
            continue
    while more := {pid for pid, (parent, _) in lines.items() if parent in parents} - parents:
        parents |= more
    return any(b"spawn_main" in lines[pid][1] for pid in parents & set(lines))


def rows_of(out: Path) -> list[dict]:
    return [row for path in sorted(out.glob("shards/*.parquet"))
            for row in pq.read_table(path).to_pylist()]  # fmt: skip


def check_complete(out: Path, here: Path) -> None:
    """The rows and bytes are those of the other engine, each once."""
    manifest = pq.read_table(out / "manifest.parquet").drop_columns(["shard"]).to_pylist()
    assert manifest == pq.read_table(here / "manifest.parquet").to_pylist()
    rows = rows_of(out)
    keys = [row["key"] for row in rows]
    assert len(keys) == len(set(keys)) == len(manifest), "nothing lost, nothing twice"
    for row in rows:
        for name, data in zip(row["files"] or [], row["data"], strict=True):
            assert (here / name).read_bytes() == data
    assert not list(out.rglob("*.part")) and not list(out.rglob("*.pending.parquet"))


@pytest.fixture(scope="module")
def here(source, tmp_path_factory) -> Path:
    """The same job without Ray."""
    out = tmp_path_factory.mktemp("here")
    list(run_here(source, out, ALIGN))
    return out


def test_a_machine_dies_in_the_middle_and_the_run_ends_whole(cluster, source, here, tmp_path):
    out = tmp_path / "out"
    driver = start(cluster, source, out, 3)  # one for each core: the second machine works, too
    wait_for(lambda: committed(out) and computing(cluster.second), driver)
    cluster.remove_node(cluster.second, allow_graceful=False)
    assert committed(out) < 42, "it has to die before the end"
    told, errors = driver.communicate(timeout=240)
    assert driver.returncode == 0 and b"40 done, 1 skipped, 1 unreadable" in told, errors
    check_complete(out, here)


def test_the_driver_is_killed_and_called_again(cluster, source, here, tmp_path):
    out = tmp_path / "out"
    driver = start(cluster, source, out, 2)
    wait_for(lambda: committed(out), driver)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    before = committed(out)
    assert 0 < before < 42
    driver = start(cluster, source, out, 2)
    told, errors = driver.communicate(timeout=240)
    assert driver.returncode == 0 and b"40 done" in told, errors
    assert b"of 42 pictures were done before" in errors
    check_complete(out, here)
