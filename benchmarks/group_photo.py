"""README's picture of a call, before and after: three people who do not exist, replaced in place.

    python benchmarks/group_photo.py --out docs/group-photo.jpg [--seeds 2,8,17] [--seed 7]
        [--model auto] [--device cpu]

Each of --seeds is a face of the generator in a tile of its own, as in a call on a screen. The whole
is one photo to `facegen anonymise`, which replaces all faces with --seed. Above before, below
after. Prints the manifest's entries.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import common  # noqa: F401  (settles the process before torch is loaded)
import numpy as np
from PIL import Image

from facegen import Studio, images
from facegen.options import AnonymiseOptions
from facegen.types import drained
from facegen.whole_photo.replace import replace_faces

TILE, GAP = 320, 6  # pixels
SCREEN = (28, 30, 33)  # its colour


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", default="2,8,17")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--model", default="auto")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    studio = Studio.load(arguments.model, arguments.device)
    seeds = [int(part) for part in arguments.seeds.split(",")]
    people = [images.to_pixels(studio.sample(1, seed, 0.7))[0] for seed in seeds]
    photo = call([images.resize(person, TILE) for person in people])
    options = AnonymiseOptions(seed=arguments.seed)
    done = drained(replace_faces(studio, photo, options))
    for entry in done.faces:
        print(entry, flush=True)
    between = np.full((2 * GAP, photo.shape[1], 3), 255, np.uint8)
    pair = np.concatenate([photo, between, done.pixels], axis=0)
    Image.fromarray(pair).save(arguments.out, quality=88)


def call(tiles: list[np.ndarray]) -> np.ndarray:
    """The tiles [TILE, TILE, 3] in a row on a screen."""
    width = GAP + len(tiles) * (TILE + GAP)
    screen = np.full((TILE + 2 * GAP, width, 3), SCREEN, np.uint8)
    for index, tile in enumerate(tiles):
        left = GAP + index * (TILE + GAP)
        screen[GAP : GAP + TILE, left : left + TILE] = tile
    return screen


if __name__ == "__main__":
    main()
