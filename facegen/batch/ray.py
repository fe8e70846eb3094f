"""The same batch on a Ray cluster: bytes in, bytes out, a row for each picture, whatever happens.

    listing -> read tasks -> [checkpoint's filter] -> Worker actors -> write tasks -> shards

Each actor has a process of its own that computes: a picture that kills it has a row, as on one
machine, and never takes an actor, or what waits for it, along. Read and write tasks wait for disks
and take no core. CheckpointConfig records which keys are in which shard; a
shard whose record was not finished is removed by the next run, and its pictures are done again.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any

# Read when Ray is imported: nothing is sent anywhere, and its core's log is not the user's.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
os.environ.setdefault("RAY_worker_niceness", "0")  # 15: they starve beside any other program

import pyarrow as pa
import ray
import ray.data
from ray.data.checkpoint import CheckpointConfig

from .. import process
from .._version import __version__
from ..errors import FacegenError, OptionError, OutputError
from .listing import Item
from .options import BatchOptions, RayOptions
from .ray_shards import CHECKPOINT, Out, Shards, shard_schema
from .ray_sources import SCHEMA, Columns, Local, Pictures, is_picture, key_of, locate
from .rows import alone
from .run import Ended, Listed, memory, model_identity
from .run import workers as workers_here
from .work import DIED, Work, begin, do_bytes

ROWS = 64  # pictures that are handed on together, and in a shard, at most
BLOCK_BYTES = 64 << 20  # of pictures that are handed on together, as far as one is not larger
STORE_BYTES = 512 << 20  # of Ray's object store where we start it; what is more goes to the disk
STARTS = 4  # of a cluster on this machine, before it is given up


class Worker:
    """An actor whose own process computes one picture after the other."""

    def __init__(self, work: Work):
        self.work = work
        self._start()

    def _start(self) -> None:
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), begin, (self.work,))

    def __call__(self, table: pa.Table) -> Iterator[pa.Table]:
        """Turn a table of ray_sources.SCHEMA into rows of ray_shards.shard_schema()."""
        for at in range(len(table)):
            key, id, status, error, data = (table[name][at].as_py() for name in SCHEMA.names)
            row: dict[str, Any] = {"status": status, "error": error}
            content: list[bytes] = []
            if status is None:
                row, content = self.compute(id, data)
            told = {**row, "id": id, "key": key, "done": time.time(), "data": content}
            yield pa.Table.from_pylist([told], shard_schema())

    def compute(self, id: str, data: bytes) -> tuple[dict[str, Any], list[bytes]]:
        for _ in range(2):
            try:
                return self._pool.submit(do_bytes, self.work, id, data).result()
            except BrokenProcessPool:
                self._start()
        return dict(DIED), []


def run(
    source: str,
    out: str,
    options: BatchOptions,
    told: RayOptions,
    model: str = "",
    device: str = "cpu",
    signer: tuple[Path, Path] | None = None,
    rows: int = ROWS,
) -> Iterator[Listed | Ended]:
    """Run the job on all pictures of `source`.

    source: a folder or an address that pyarrow knows, of pictures, tars and Parquet files. model,
    device, signer: see batch.run.run; files have to be there on each machine. rows: in a shard, at
    most.

    Stopped at any moment, the next call with the same options resumes. Raises DataError for a
    missing source, OutputError for a folder that is another job's, in use, or full, and OptionError
    for a cluster that does not answer.
    """
    folder = locate(source)
    if "://" not in out:
        out = str(Path(out).absolute())
        within = folder.folder if isinstance(folder, Local) else None
        if within and Path(out).resolve().is_relative_to(within.resolve()):
            raise OutputError(
                f"{out} lies in {within}, so results would be taken for photos; name another folder"
            )
    place = Out(out)
    identity = {
        "facegen": __version__, "model": model_identity(model), "device": device, "engine": "ray",
        "format": told.format, "cpus": told.cpus,
    }  # fmt: skip
    place.make()
    # a store has no locks
    with contextlib.nullcontext() if "://" in out else alone(Path(out)):
        place.claim(identity | options.told())
        done = place.done()
        pictures = before = 0
        items = []
        for item in folder.items():
            known = key_of(item) in done
            pictures += 1
            before += known
            if not known:
                items.append(item)
        work = Work(Path(), Path(tempfile.gettempdir()), options, model, device, signer, told.cpus)
        with _cluster(told, options, device) as count:
            yield Listed(pictures, before, count)
            try:
                if items:
                    columns = Columns(told.bytes_column, told.id_column)
                    _compute(Pictures(folder, items, _share(items, count, rows), columns), place,
                             work, told, count)  # fmt: skip
            finally:
                with process.undisturbed(), contextlib.suppress(OutputError):
                    place.write_manifest()
        yield Ended(*place.write_manifest())


def _share(items: list[Item], count: int, most: int) -> int:
    """Return how many pictures a task gets: few if there are few, so that no worker is idle."""
    return max(1, min(most, math.ceil(sum(map(is_picture, items)) / (4 * count))))


def _compute(pictures: Pictures, out: Out, work: Work, told: RayOptions, count: int) -> None:
    context = ray.data.DataContext.get_current().copy()
    context.target_max_block_size = BLOCK_BYTES
    context.enable_progress_bars = sys.stderr.isatty()
    context.print_on_execution_start = False
    context.checkpoint_config = _checkpoint(out)
    with ray.data.DataContext.current(context):
        data = ray.data.read_datasource(
            pictures,
            override_num_blocks=len(pictures.parts()),
            concurrency=max(1, count // 2),
            num_cpus=0,
        )
        data = data.map_batches(
            Worker,
            fn_constructor_args=(work,),
            batch_size=None,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=count),
            num_cpus=told.cpus,
            num_gpus=int(work.device != "cpu"),
            memory=memory(work.options) << 30,
        )
        sink = Shards(out, told.format == "webdataset")
        try:
            data.write_datasink(sink, concurrency=count, ray_remote_args={"num_cpus": 0})
        except (ray.exceptions.RayError, OSError) as error:
            raise _ours(error) from error


def _checkpoint(out: Out) -> Any:
    config = CheckpointConfig(
        "key",
        out.below(CHECKPOINT),
        delete_checkpoint_on_success=False,
        override_filesystem=out.store,
    )
    # One actor with as much memory as the keys need: by default ten, of 1 GiB each.
    config.checkpoint_actor_pool_max_size = 1
    config.checkpoint_actor_memory_bytes = 256 << 20
    return config


def _ours(error: BaseException) -> FacegenError:
    """Return our own error that Ray has wrapped, or one that reports Ray's."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, FacegenError):
            return OutputError(str(inner).splitlines()[0])
        inner = getattr(inner, "cause", None) or inner.__cause__
    return OutputError(f"Ray ended the run ({_last(error)}); call it again to go on")


@contextlib.contextmanager
def _cluster(told: RayOptions, options: BatchOptions, device: str) -> Iterator[int]:
    """Connect to a cluster, or start one for this run; yields the number of workers."""
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=UserWarning, module=r"ray\.data\.")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    folder = ""
    try:
        if told.address:
            _connect(f"address is {told.address!r}, where no Ray cluster answers", told.address)
        else:
            count = max(1, workers_here(options, device) // (1 if options.workers else told.cpus))
            # Where its sockets have short names. It may hold pictures, which Ray lays on the disk.
            folder = tempfile.mkdtemp(prefix="fg-", dir="/tmp" if os.path.isdir("/tmp") else None)
            _connect(
                "Ray does not start on this machine",
                "local",
                num_cpus=count * told.cpus + 1,  # one for the filter of what was done before
                object_store_memory=STORE_BYTES,
                include_dashboard=False,
                _node_ip_address="127.0.0.1",
                _temp_dir=folder,
            )
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():  # Ray has put its own there
                signal.signal(number, handler)
        yield count if folder else _workers(told, options, device)
    finally:
        with process.undisturbed():
            ray.shutdown()
            if folder:
                shutil.rmtree(folder, ignore_errors=True)


def _connect(otherwise: str, address: str, **more: Any) -> None:
    """Call ray.init without the lines that Ray's core writes to standard error.

    On a busy machine its processes can start too late for each other; then they are started once
    more. Raises OptionError.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        for attempt in reversed(range(STARTS)):
            try:
                ray.init(address, logging_level=logging.ERROR, log_to_driver=False, **more)
                return
            except Exception as error:  # Ray's own is no other than that
                ray.shutdown()
                if not attempt or address != "local":
                    raise OptionError(f"{otherwise} ({_last(error)}); see docs/scale.md") from error
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _workers(told: RayOptions, options: BatchOptions, device: str) -> int:
    """Return the number of workers: as requested, since the cluster may grow.

    By default as many as fit now: by cores, but one for the filter of what was done before, by
    memory, and by GPUs.
    """
    if options.workers:
        return options.workers
    found = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    need = {"CPU": told.cpus, "memory": memory(options) << 30, "GPU": int(device != "cpu")}
    fit = sum(
        int(min(node.get(name, 0) / amount for name, amount in need.items() if amount))
        for node in found
    )
    cores = sum(node.get("CPU", 0) for node in found)
    return max(1, min(fit, int((cores - 1) / told.cpus)))


def _last(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1][:300]
