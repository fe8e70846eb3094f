"""Is a batch's memory flat? Many small pictures with `align`, the memory as they are done.

    python -m benchmarks.batch FOLDER-OF-PHOTOS [--pictures 10000] [--workers 2]

Prints after each tenth: pictures done, MiB of the parent, of the largest worker, pictures a second.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from PIL import Image

from facegen.batch.options import BatchOptions
from facegen.batch.run import Finished, Listed, run
from facegen.images import SUFFIXES


def resident(process: str = "self") -> float:
    """MiB."""
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    return next(
        (int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("VmRSS")), 0.0
    )


def children() -> list[str]:
    pid = os.getpid()
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def make(photos: Path, folder: Path, count: int) -> None:
    """Small crops of the photos, each file another one."""
    found = sorted(path for path in photos.iterdir() if path.suffix.lower() in SUFFIXES)
    small = [Image.open(path).convert("RGB").resize((96, 96)) for path in found]
    for index in range(count):
        picture = small[index % len(small)].copy()
        picture.putpixel((0, 0), (index % 256, index // 256, 0))
        picture.save(folder / f"{index:05d}.jpg", quality=85)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder, "in"), Path(folder, "out")
        source.mkdir()
        make(arguments.photos, source, arguments.pictures)
        options = BatchOptions("align", size=64, workers=arguments.workers)
        done = 0
        print("done  parent MiB  largest worker MiB  pictures/s")
        for event in run(source, out, options):
            if isinstance(event, Listed):
                since = time.perf_counter()
            elif isinstance(event, Finished):
                done += 1
                if done % max(1, arguments.pictures // 20) == 0:
                    rate = done / (time.perf_counter() - since)
                    worker = max(map(resident, children()))
                    print(f"{done:6d} {resident():9.0f} {worker:12.0f} {rate:12.1f}", flush=True)
        print(f"{(out / 'manifest.parquet').stat().st_size / 1024:.0f} KiB of manifest")


if __name__ == "__main__":
    main()
