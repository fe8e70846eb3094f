"""Pictures an hour on Ray with one and with two workers, and what a picture costs.

    python -m benchmarks.scale FOLDER-OF-PHOTOS [--job align] [--pictures 12] [--model NAME]

Prints the CPU seconds of a picture in one process (they hold on a machine that others use, too; the
first picture, which loads the model, is left out), then, from the times in the shards' rows, the
pictures an hour while all workers were at work.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pyarrow.dataset as pads

from facegen.batch.options import BatchOptions, RayOptions
from facegen.batch.work import Work, begin, do_bytes
from facegen.images import SUFFIXES


def seconds(work: Work, data: bytes) -> tuple[str, float, float]:
    """Status, seconds of the CPU, seconds of the clock."""
    cpu, wall = time.process_time(), time.perf_counter()
    row, _ = do_bytes(work, "a.jpg", data)
    return row["status"], time.process_time() - cpu, time.perf_counter() - wall


def alone(work: Work, photos: list[bytes]) -> None:
    with ProcessPoolExecutor(1, get_context("spawn"), begin, (work,)) as pool:
        _, *found = [pool.submit(seconds, work, data).result() for data in photos]
    print(
        f"{work.options.job}: {statistics.median(cpu for _, cpu, _ in found):.2f} CPU seconds a "
        f"picture, {statistics.median(wall for *_, wall in found):.2f} on the clock (medians of "
        f"{len(found)}, {sum(status == 'done' for status, *_ in found)} done)",
        flush=True,
    )


def on_ray(source: Path, options: BatchOptions, model: str) -> float:
    """Pictures an hour."""
    from facegen.batch.ray import run

    # Handed on together as in a large batch; a few seconds each would leave workers idle here.
    rows = 16 if options.job == "align" else 1
    with tempfile.TemporaryDirectory() as folder:
        list(run(str(source), f"{folder}/out", options, RayOptions(), model, rows=rows))
        table = pads.dataset(f"{folder}/out/shards").to_table(columns=["done"])
    done = sorted(table["done"].to_pylist())[options.workers - 1 :]  # once all have begun
    rate = 3600 * (len(done) - 1) / (done[-1] - done[0])
    print(f"{options.job}: {options.workers} workers {rate:.0f} pictures an hour", flush=True)
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--job", default="align", choices=("align", "generate"))
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--model", default="mobilestylegan-1024")
    arguments = parser.parse_args()
    found = sorted(path for path in arguments.photos.iterdir() if path.suffix.lower() in SUFFIXES)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        for index in range(arguments.pictures):
            path = found[index % len(found)]
            shutil.copy(path, source / f"{index:05d}{path.suffix}")
        model = "" if arguments.job == "align" else arguments.model
        work = Work(Path(), source, BatchOptions(arguments.job), model)
        alone(work, [path.read_bytes() for path in sorted(source.iterdir())][:9])
        one, two = (
            on_ray(source, BatchOptions(arguments.job, workers=count), model) for count in (1, 2)
        )
        print(f"{arguments.job}: two workers do {two / one:.2f} of one")


if __name__ == "__main__":
    main()
