"""How near a model comes to photos: by its encoder alone, in its usual steps, with patience.

    python benchmarks/inversion.py FOLDER [--aligned] [--first 955 --last 1004]
        [--steps 0 -1 200] [--model auto] [--device auto]

-1: the usual steps. Prints medians over the pictures of the folder, with the 10th and the 90th
percentile: the inversion's distance, what each recogniser thinks of photo and inversion, seconds.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from facegen import Studio, images
from facegen.datasets.sources import list_pictures
from facegen.errors import NoFaceError
from facegen.types import AlignedFace


def numbered(path: Path, first: int | None, last: int | None) -> bool:
    if first is None and last is None:
        return True
    digits = re.findall(r"\d+", path.stem)
    number = int(digits[-1]) if digits else -1
    return (first or 0) <= number <= (last if last is not None else number)


def spread(values: list[float]) -> str:
    low, middle, high = np.percentile(values, (10, 50, 90))
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def main() -> None:
    one = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    one.add_argument("folder", type=Path)
    one.add_argument("--aligned", action="store_true", help="the pictures are FFHQ crops")
    one.add_argument("--first", type=int)
    one.add_argument("--last", type=int)
    one.add_argument("--steps", type=int, nargs="+", default=[0, -1, 200])
    one.add_argument("--model", default="auto")
    one.add_argument("--device", default="auto")
    asked = one.parse_args()
    studio = Studio.load(asked.model, asked.device)
    faces = []
    for path in list_pictures([asked.folder]):
        if not numbered(path, asked.first, asked.last):
            continue
        pixels = images.load(path)
        try:
            if asked.aligned:
                faces.append(AlignedFace(images.resize(pixels, studio.resolution), quad=None))
            else:
                faces.append(studio.align(pixels))
        except NoFaceError as error:
            print(f"{path.name}: {error}")
    print(f"{studio.info.name}, {len(faces)} faces, {studio.device}")
    studio.invert(faces[0], steps=0)  # what is loaded at first use is nobody's time
    for steps in asked.steps:
        found: dict[str, list[float]] = {}
        for aligned in faces:
            inversion = studio.invert(aligned, steps=steps)
            measurement = studio.compare(aligned.pixels).measure(inversion.pixels)
            for name, each in measurement.identity.items():
                found.setdefault(name, []).append(each.distance)
            found.setdefault("distance", []).append(inversion.distance)
            found.setdefault("seconds", []).append(inversion.seconds)
        told = ", ".join(f"{name} {spread(values)}" for name, values in found.items())
        print(f"{studio.steps(steps)} steps: {told}", flush=True)


if __name__ == "__main__":
    main()
