"""Draw the pictures of `examples/`: python tools/examples.py

astronaut.jpg is scikit-image's photograph of Eileen Collins (NASA, public domain), small.png and
damaged.jpg are what a telephone and a bad scan might leave of it, group.jpg is a photo of three
people whom the default model invents.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter
from skimage.data import astronaut

from facegen import Studio, images
from facegen.output.provenance import TRAINED_MEDIA, jpeg_bytes

FOLDER = Path(__file__).parents[1] / "examples"
HEAD = (118, 0, 338, 220)  # of the astronaut: left, top, right, bottom
SMALL = 72  # pixels of the whole head
NOISE = 14.0  # of 255, standard deviation
SEEDS = 2, 8, 17
TILE, GAP, WALL = 400, 8, (186, 190, 194)  # pixels, pixels, the colour between people


def main() -> None:
    photo = Image.fromarray(astronaut())
    photo.save(FOLDER / "astronaut.jpg", quality=95)
    head = photo.crop(HEAD)
    head.resize((SMALL, SMALL), Image.Resampling.LANCZOS).save(FOLDER / "small.png")
    (FOLDER / "damaged.jpg").write_bytes(damaged(head))
    studio = Studio.load("mobilestylegan-1024", "cpu")
    people = [images.to_pixels(studio.sample(1, seed))[0] for seed in SEEDS]
    group = row([images.resize(person, TILE) for person in people])
    (FOLDER / "group.jpg").write_bytes(jpeg_bytes(group, TRAINED_MEDIA))


def damaged(picture: Image.Image) -> bytes:
    """Blur, add noise, and compress too much."""
    blurred = np.asarray(picture.filter(ImageFilter.GaussianBlur(2.0)), float)
    noise = np.random.default_rng(0).normal(0, NOISE, blurred.shape)
    out = io.BytesIO()
    Image.fromarray((blurred + noise).clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=30)
    return out.getvalue()


def row(tiles: list[np.ndarray]) -> np.ndarray:
    """Put square tiles side by side."""
    wall = np.full((TILE + 2 * GAP, GAP + len(tiles) * (TILE + GAP), 3), WALL, np.uint8)
    for index, tile in enumerate(tiles):
        left = GAP + index * (TILE + GAP)
        wall[GAP : GAP + TILE, left : left + TILE] = tile
    return wall


if __name__ == "__main__":
    main()
