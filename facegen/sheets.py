"""Many small pictures on one sheet, to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def grid(pictures: Sequence[np.ndarray], columns: int, gap: int = 2, background: int = 255):
    """Pictures of one size, uint8 [H, W, 3], row by row -> pixels uint8 [*, *, 3].

    gap: pixels between and around them, in the background's grey.
    """
    assert len(pictures), "a sheet needs a picture"
    height, width = pictures[0].shape[:2]
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    shape = (rows * (height + gap) + gap, columns * (width + gap) + gap, 3)
    sheet = np.full(shape, background, np.uint8)
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        top, left = gap + row * (height + gap), gap + column * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return sheet
