"""What the benchmarks share: the photo and the model they are told to use, a core taken away."""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from facegen import process

process.settle()  # as the command line and the page do, before torch is loaded

from facegen import Studio, images  # noqa: E402


def parser(description: str) -> argparse.ArgumentParser:
    """[PHOTO] --repeats --model --device."""
    made = argparse.ArgumentParser(description=description.splitlines()[0])
    made.add_argument("photo", nargs="?", help="without one, scikit-image's astronaut")
    made.add_argument("--repeats", type=int, default=5)
    made.add_argument("--model", default="auto")
    made.add_argument("--device", default="auto")
    return made


def photo(arguments: argparse.Namespace) -> np.ndarray:
    """uint8 [H, W, 3]."""
    if arguments.photo:
        return images.load(arguments.photo)
    from skimage import data

    return data.astronaut()


def studio(arguments: argparse.Namespace) -> Studio:
    return Studio.load(arguments.model, arguments.device)


@contextlib.contextmanager
def burning() -> Iterator[None]:
    """Another process that takes all of one core."""
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        child.kill()
        child.wait()
