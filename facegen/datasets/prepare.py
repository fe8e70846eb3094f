"""Examine all files in several processes, and resume after an interruption."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path

from ..errors import DataError, OutputError
from ..files import make_folder, write_file
from ..options.prepare import PrepareOptions
from .listing import DATASET, UNFINISHED
from .sources import Entry, open_source
from .writer import Summary, assemble

STATE = "options.json"

Progress = Callable[[int, int], None]  # files done, files in all


def prepare(
    options: PrepareOptions,
    progress: Progress | None = None,
    writing: Progress = lambda done, whole: None,
) -> Summary:
    """Make the data set, or finish an interrupted one.

    progress: files examined; writing: pictures written. An exception, from `progress` too, leaves
    the work folder behind: call again to resume. Raises DataError for an unusable source,
    OutputError for a folder in other use.
    """
    entries = open_source(options.source).entries()
    if not entries:
        raise DataError(f"{options.source} holds no files; name a folder or ZIP of pictures")
    work = _begin(options)
    results = _examine_all(options, work, entries, progress or (lambda done, whole: None))
    summary = assemble(options, work, entries, results, writing)
    shutil.rmtree(work)
    return summary


def _begin(options: PrepareOptions) -> Path:
    """Make the work folder, or take that of an interrupted run with the same options."""
    out, source = Path(options.out), Path(options.source)
    work = out / UNFINISHED
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise OutputError(f"{out} lies in the source {source}; name a folder outside of it")
    if (out / DATASET).exists() and not (work / STATE).exists():
        shutil.rmtree(work, ignore_errors=True)  # what is left of it
        raise OutputError(f"{out} holds a finished data set; name a new folder, or delete it")
    ours = json.dumps(options.deciding(), indent=1)
    if (work / STATE).exists():
        theirs = (work / STATE).read_text(encoding="utf-8")
        if theirs != ours:
            raise OutputError(
                f"{out} holds an unfinished data set with {_differences(theirs, ours)}; go on "
                f"with its options, or delete {work}"
            )
        return work
    if out.exists() and (not out.is_dir() or set(os.listdir(out)) - {UNFINISHED}):
        raise OutputError(f"{out} is not an empty folder; name a new one for the data set")
    make_folder(work)
    write_file(work / STATE, ours.encode())
    return work


def _differences(theirs: str, ours: str) -> str:
    try:
        before, now = json.loads(theirs), json.loads(ours)
        pairs = [(name, before.get(name), now[name]) for name in now]
        return ", ".join(f"{name} {a}, not {b}" for name, a, b in pairs if a != b)
    except (ValueError, AttributeError):
        return "options that cannot be read"


def _examine_all(
    options: PrepareOptions, work: Path, entries: Sequence[Entry], progress: Progress
) -> list:
    from .checks import examine

    run = partial(examine, options, work)
    results: list = [None] * len(entries)
    wanted = [i for i, entry in enumerate(entries) if not entry.problem]
    count = min(options.workers or os.cpu_count() or 1, max(1, len(wanted)))
    progress(0, len(wanted))
    if count == 1:
        for done, index in enumerate(wanted, start=1):
            results[index] = run(entries[index])
            progress(done, len(wanted))
        return results
    # "fork" would copy mediapipe's threads half alive
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, context, _begin_worker)
    try:
        jobs = {pool.submit(run, entries[index]): index for index in wanted}
        for done, job in enumerate(as_completed(jobs), start=1):
            results[jobs[job]] = job.result()
            progress(done, len(wanted))
    except BrokenProcessPool as error:
        raise DataError(
            "a working process ended unexpectedly (out of memory, perhaps); call the same "
            "command again to go on, with --workers 1 if it happens again"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return results


def _begin_worker() -> None:
    """Leave Ctrl-C to the parent, end with it, and use one core each."""
    import cv2
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker has a parent"

    def follow() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
