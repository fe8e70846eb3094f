"""Training pictures as one uint8 array: decoded once, never in the training loop.

A folder is a data set that `prepare` made (then its dataset.json says which files belong to it),
or any folder of pictures, with or without a subfolder for each class as torchvision has them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .. import images
from ..errors import DataError, ImageError

EXTENSIONS = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
MIN_PICTURES = 8
MOST_ENLARGED = 2  # times; what is enlarged more teaches a generator to draw blurred pictures
DATASET = "dataset.json"  # what `prepare` writes beside the pictures
UNFINISHED = ".prepare"  # the folder in which it works until they are all there


def list_pictures(folders: Sequence[Path | str]) -> list[Path]:
    """All pictures below the folders, sorted, so that the order never depends on the disk.

    Raises DataError.
    """
    found: list[Path] = []
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise DataError(f"{folder} is no folder; name one that holds aligned face pictures")
        if (folder / DATASET).is_file():
            found += _of_dataset(folder)
        else:
            paths = [p for p in folder.rglob("*") if p.suffix.lower() in EXTENSIONS]
            if any(UNFINISHED in p.relative_to(folder).parts for p in paths):
                raise DataError(
                    f"{folder} holds a data set that 'prepare' has not finished; call it again "
                    f"with the same options, or delete the folder {UNFINISHED}"
                )
            # what lies beside a dataset.json further down is its contact sheet, no picture of it
            found += sorted(p for p in paths if not (p.parent / DATASET).is_file())
    return found


def _of_dataset(folder: Path) -> list[Path]:
    """The files that a data set's dataset.json names, augmented ones included, in its order."""
    path = folder / DATASET
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        names = [one["file"] for one in (*known["pictures"], *known["augmented"])]
        paths = [folder / name for name in names]
        inside = all(p.resolve().is_relative_to(folder.resolve()) for p in paths)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is no data set's description ({type(error).__name__}); prepare the data set "
            "again, or delete this file to read every picture in the folder"
        ) from error
    if not inside:
        raise DataError(f"{path} names files outside its folder; prepare the data set again")
    return paths


def load_pictures(folders: Sequence[Path | str], resolution: int) -> Tensor:
    """uint8 [N, 3, R, R] of all square pictures below the folders, resized to the resolution.

    Raises DataError if there are fewer than MIN_PICTURES, or one is broken, not square, or
    smaller than a MOST_ENLARGED-th of the resolution.
    """
    paths = list_pictures(folders)
    if len(paths) < MIN_PICTURES:
        raise DataError(
            f"{len(paths)} pictures found, at least {MIN_PICTURES} are needed; "
            "name folders with more aligned faces"
        )
    result = np.empty((len(paths), 3, resolution, resolution), np.uint8)
    for i, path in enumerate(paths):
        try:
            pixels = images.load(path)
        except ImageError as error:
            raise DataError(f"{path.name} cannot be read ({error}); remove it") from error
        height, width = pixels.shape[:2]
        if height != width:
            raise DataError(f"{path.name} is {width}x{height} pixels; crop it square first")
        if width * MOST_ENLARGED < resolution:
            raise DataError(
                f"{path.name} is {width}x{width} pixels, and this run looks at {resolution}; "
                f"bring pictures of {resolution // MOST_ENLARGED} or more, or lower the resolution"
            )
        result[i] = images.resize(pixels, (resolution, resolution)).transpose(2, 0, 1)
    return torch.from_numpy(result)


def batches(
    pictures: Tensor, size: int, generator: torch.Generator, mirrored: bool = True
) -> Iterator[Tensor]:
    """Endless random batches, float32 [size, 3, R, R] in [-1, 1], on the pictures' device.

    mirrored: every other picture, by chance, is shown mirrored.

    Pictures are drawn with replacement, so that the generator's state, which a checkpoint
    keeps, is all there is to know about the order.
    """
    while True:
        picked = torch.randint(len(pictures), (size,), generator=generator)
        flipped = torch.rand(size, generator=generator) < (0.5 if mirrored else 0.0)
        batch = pictures[picked.to(pictures.device)].float() / 127.5 - 1.0
        flipped = flipped[:, None, None, None].to(pictures.device)
        yield torch.where(flipped, batch.flip(3), batch)
