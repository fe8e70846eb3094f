"""What the benchmarks share: the photo and the model that they are told to use."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from facegen import Studio, images


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
