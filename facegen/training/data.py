"""Training pictures as one uint8 array: decoded once, never in the training loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .. import images
from ..datasets.listing import list_pictures
from ..errors import DataError, ImageError

MIN_PICTURES = 8
MOST_ENLARGED = 2  # times; what is enlarged more teaches a generator to draw blurred pictures


def check_count(pictures: int, batch: int = 1) -> None:
    """Raise DataError for fewer than MIN_PICTURES, or than a batch that shows each only once."""
    if pictures < MIN_PICTURES:
        raise DataError(
            f"{pictures} pictures found, at least {MIN_PICTURES} are needed; "
            "name folders with more aligned faces"
        )
    if pictures < batch:
        raise DataError(
            f"{pictures} pictures are fewer than one batch of {batch}; "
            "bring more, or lower the batch"
        )


def load_pictures(folders: Sequence[Path | str], resolution: int) -> Tensor:
    """uint8 [N, 3, R, R] of all square pictures below the folders, resized to the resolution.

    Raises DataError if there are fewer than MIN_PICTURES, or one is broken, not square, or
    smaller than a MOST_ENLARGED-th of the resolution.
    """
    paths = list_pictures(folders)
    check_count(len(paths))
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
