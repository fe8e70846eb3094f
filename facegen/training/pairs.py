"""Photo/anime pairs: a folder of NAME-photo.jpg and NAME-anime.jpg, aligned to the pixel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import DataError
from ..images import SUFFIXES, load, to_tensor

# Both pictures are seen at various sizes, mostly enlarged: strokes that suit a scene of
# 960 pixels would be too fine for a face of 256.
SCALES = (0.75, 1.75)
# A generated face is small and enlarged before it is stylized. Some of the photos are made
# soft in the same way, so that the generator learns to draw a crisp line from a soft edge.
SOFT_SHARE = 0.3
SOFT_FACTORS = (1.5, 4.0)


@dataclass(frozen=True)
class Pair:
    """One photograph and its drawing, both uint8 [H, W, 3] of one size."""

    name: str
    photo: np.ndarray
    anime: np.ndarray


def read_pairs(folder: Path, smallest: int) -> list[Pair]:
    """All pairs of a folder, by name.

    Raises DataError for a folder without pairs, a photo without its drawing, two sizes in a
    pair, or a picture with a side below `smallest` pixels.
    """
    photos = sorted(p for p in folder.glob("*-photo.*") if p.suffix.lower() in SUFFIXES)
    if not photos:
        raise DataError(
            f"{folder} holds no pairs; it needs at least two, named NAME-photo.jpg and "
            "NAME-anime.jpg"
        )
    return [_read_pair(path, smallest) for path in photos]


def _read_pair(path: Path, smallest: int) -> Pair:
    name = path.stem.removesuffix("-photo")
    drawing = path.with_name(f"{name}-anime{path.suffix}")
    if not drawing.is_file():
        raise DataError(f"{path.name} has no drawing; put {drawing.name} beside it")
    photo, anime = load(path), load(drawing)
    if photo.shape != anime.shape:
        raise DataError(
            f"pair {name} is {_size(photo)} and {_size(anime)} pixels; both must be of one "
            "size, so resize one of them"
        )
    if min(photo.shape[:2]) < smallest:
        raise DataError(
            f"pair {name} is {_size(photo)} pixels; each side needs {smallest} or more, so "
            "leave it out or train with a smaller crop"
        )
    return Pair(name, photo, anime)


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"


def split(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """(training pairs, test pairs): the last sixth by name is never trained on."""
    if len(pairs) < 2:
        raise DataError(
            f"there is {len(pairs)} pair; at least 2 are needed, one to train on and one to test"
        )
    tests = max(1, round(len(pairs) / 6))
    return list(pairs[:-tests]), list(pairs[-tests:])


def random_crops(
    pairs: Sequence[Pair], count: int, size: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """(photos, drawings): two float32 [count, 3, size, size] in [-1, 1], cropped alike."""
    crops = [_random_crop(pairs[rng.integers(len(pairs))], size, rng) for _ in range(count)]
    photos, drawings = zip(*crops, strict=True)
    return torch.cat(photos), torch.cat(drawings)


def _random_crop(pair: Pair, size: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    height, width = pair.photo.shape[:2]
    scale = math.exp(rng.uniform(*np.log(SCALES)))
    side = min(round(size / scale), height, width)
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    mirrored = rng.random() < 0.5

    def cut(pixels: np.ndarray) -> Tensor:
        pixels = pixels[top : top + side, left : left + side]
        pixels = pixels[:, ::-1] if mirrored else pixels
        return _resize(to_tensor(np.ascontiguousarray(pixels)), size)

    photo, drawing = cut(pair.photo), cut(pair.anime)
    if rng.random() < SOFT_SHARE:
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
