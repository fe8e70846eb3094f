"""What a drawn style is learned from: pairs of photo and drawing, or two folders of pictures.

Pairs are files NAME-photo.jpg and NAME-drawn.jpg of one folder that show the same: the drawing's
size may be another one, its proportions not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..datasets.listing import list_pairs, list_pictures_in
from ..errors import DataError
from ..images import load, to_tensor
from ..networks.drawing import FACTOR, MARGIN, SIDE

# How much larger or smaller than SIDE a picture is seen: faces do not fill theirs equally.
SCALES = (0.8, 1.25)
# A small face is enlarged before it is drawn. Some of the photos are made soft in the same way, so
# that the network learns to draw a crisp line from a soft edge; all of them where less than SIDE is
# to be seen, about as much as then.
SOFT_SHARE = 0.3
SOFT_FACTORS = (1.5, 3.0)
AROUND = (0.7, 1.3)
# Photo and drawing are brightened, darkened and tinted alike: light differs more than teachers'
# pictures do.
GAMMA, GAIN = 0.25, 0.06


@dataclass(frozen=True)
class Pair:
    """One photograph and its drawing, both uint8 [H, W, 3], of one shape or scaled ones."""

    name: str
    photo: np.ndarray
    drawing: np.ndarray


def read_pairs(folder: Path, smallest: int) -> list[Pair]:
    """All pairs of a folder, by name.

    Raises DataError for a folder without pairs, a photo without its drawing, two proportions in
    a pair, or a picture with a side below `smallest` pixels.
    """
    return [_read_pair(photo, drawing, smallest) for photo, drawing in list_pairs(folder)]


def _read_pair(photo: Path, drawing: Path, smallest: int) -> Pair:
    name = photo.stem.removesuffix("-photo")
    pair = Pair(name, load(photo), load(drawing))
    (height, width), (tall, wide) = pair.photo.shape[:2], pair.drawing.shape[:2]
    if abs(height / width - tall / wide) > 0.01 * height / width:
        raise DataError(
            f"pair {name} is {_size(pair.photo)} and {_size(pair.drawing)} pixels; both must "
            "have the same proportions, so crop one of them"
        )
    if min(height, width, tall, wide) < smallest:
        raise DataError(
            f"pair {name} is {_size(pair.photo)} and {_size(pair.drawing)} pixels; each side "
            f"needs {smallest} or more, so leave it out"
        )
    return pair


def read_pictures(folder: Path, smallest: int) -> list[np.ndarray]:
    """All pictures of a folder, by name, uint8 [H, W, 3].

    Raises DataError for a folder without any, or one with a side below `smallest` pixels.
    """
    pictures = []
    for path in list_pictures_in(folder):
        pixels = load(path)
        if min(pixels.shape[:2]) < smallest:
            raise DataError(
                f"{path.name} is {_size(pixels)} pixels; each side needs {smallest} or more, so "
                "leave it out"
            )
        pictures.append(pixels)
    return pictures


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"


def split(pairs: Sequence[Pair], tests: int = 0) -> tuple[list[Pair], list[Pair]]:
    """(training pairs, test pairs): the last `tests` by name, or a sixth for 0, are never
    trained on. Raises DataError if too few are left."""
    tests = tests or max(1, round(len(pairs) / 6))
    if len(pairs) <= tests:
        raise DataError(
            f"there are {len(pairs)} pairs and {tests} of them for testing; at least one more "
            "is needed to train on"
        )
    return list(pairs[:-tests]), list(pairs[-tests:])


# --- what a step sees ------------------------------------------------------------------


@dataclass(frozen=True)
class View:
    """A place of a picture: its corner and side as shares of the picture, and how it is seen."""

    left: float
    top: float
    width: float
    height: float
    mirrored: bool

    def of(self, pixels: np.ndarray, size: int, inset: float = 0.0) -> Tensor:
        """Float32 [1, 3, size, size] in [-1, 1]; inset: what is left out at each side, as a
        share of the place."""
        tall, wide = pixels.shape[:2]
        left, top = (self.left + inset * self.width), (self.top + inset * self.height)
        right, bottom = left + (1 - 2 * inset) * self.width, top + (1 - 2 * inset) * self.height
        box = (left * wide, top * tall, min(right, 1.0) * wide, min(bottom, 1.0) * tall)
        seen = Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC, box)
        seen = np.asarray(seen)
        return to_tensor(np.ascontiguousarray(seen[:, ::-1] if self.mirrored else seen))


def random_view(shape: tuple[int, ...], size: int, rng: np.random.Generator) -> View:
    """A place that is `size` pixels wide where the picture has about SIDE x SIDE of them."""
    height, width = shape[:2]
    scale = math.exp(rng.uniform(*np.log(SCALES)))
    side = min(size / (SIDE * scale) * math.sqrt(height * width), height, width)
    left, top = rng.uniform(0, width - side), rng.uniform(0, height - side)
    mirrored = bool(rng.random() < 0.5)
    return View(left / width, top / height, side / width, side / height, mirrored)


def random_pairs(
    pairs: Sequence[Pair], count: int, size: int, rng: np.random.Generator, detail: int = SIDE
) -> tuple[Tensor, Tensor]:
    """(photos, drawings): float32 [count, 3, size + 2 MARGIN, ...] and [count, 3, FACTOR size,
    ...] in [-1, 1]; the drawings show the photos without their margins. detail: see DrawingNet."""
    found = []
    whole = size + 2 * MARGIN
    for _ in range(count):
        pair = pairs[rng.integers(len(pairs))]
        view = random_view(pair.photo.shape, whole, rng)
        drawing = view.of(pair.drawing, FACTOR * size, MARGIN / whole)
        found.append(_varied(view.of(pair.photo, whole), drawing, detail, rng))
    photos, drawings = zip(*found, strict=True)
    return torch.cat(photos), torch.cat(drawings)


def random_crops(
    pictures: Sequence[np.ndarray], count: int, size: int, rng: np.random.Generator, factor: int = 1
) -> Tensor:
    """Float32 [count, 3, factor size, ...] in [-1, 1]: each shows what is `size` pixels wide
    where its picture has about SIDE x SIDE of them."""
    found = []
    for _ in range(count):
        pixels = pictures[rng.integers(len(pictures))]
        found.append(random_view(pixels.shape, size, rng).of(pixels, factor * size))
    return torch.cat(found)


def _varied(
    photo: Tensor, drawing: Tensor, detail: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    gamma = math.exp(rng.uniform(-GAMMA, GAMMA))
    gain = torch.from_numpy(rng.uniform(1 - GAIN, 1 + GAIN, (1, 3, 1, 1))).float()
    photo, drawing = (
        (((x + 1) / 2).pow(gamma) * gain * 2 - 1).clamp(-1, 1) for x in (photo, drawing)
    )
    if detail < SIDE:
        photo = soften(photo, SIDE / detail * rng.uniform(*AROUND))
    elif rng.random() < SOFT_SHARE:
        photo = soften(photo, rng.uniform(*SOFT_FACTORS))
    return photo, drawing


def soften(images: Tensor, factor: float) -> Tensor:
    """Reduce by the factor and enlarge again: what a small face looks like when enlarged."""
    size = images.shape[-1]
    return _resize(_resize(images, max(1, round(size / factor))), size)


def _resize(images: Tensor, size: int) -> Tensor:
    if images.shape[-1] == size:
        return images
    resized = F.interpolate(
        images, (size, size), mode="bicubic", align_corners=False, antialias=True
    )
    return resized.clamp(-1, 1)
