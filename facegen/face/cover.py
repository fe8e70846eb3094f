"""Irreversible covering of a face that cannot be replaced.

A mosaic or a blur of a face still is a picture of it, which recognisers learn to read (McPherson et
al. 2016, "Defeating Image Obfuscation with Deep Learning", https://arxiv.org/abs/1609.00408). Here
the tiles are independent of the features: their colours are a plane through the face's colours, its
mean and how the light falls across it, nine numbers in all, with noise on top that cannot be
reproduced without the face.
"""

from __future__ import annotations

import hashlib

import cv2
import numpy as np

from ..types import Face
from . import paste
from .detect import Glimpse

_ACROSS = 6  # tiles over a face's width
_LEAST_TILE = 3  # pixels
_LARGER = 1.15  # an ellipse over the box that it lies in
_SLOPE = 0.4  # how much of the light's fall stays
_NOISE = 9.0  # of 255, from tile to tile


def cover(pixels: np.ndarray, face: Face | Glimpse, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Lay a mosaic over a face of a photo, uint8 [H, W, 3], which is not modified.

    seed: of the noise. Returns (the photo with the face covered, where it changed, bool [H, W])."""
    changed = _place(face, pixels.shape[:2])
    result = pixels.copy()
    rows, columns = np.nonzero(changed)
    if not rows.size:
        return result, changed
    # Colours by a plane, least squares: c = a + b x + d y.
    at = np.stack([np.ones(rows.size), columns, rows], axis=1).astype(np.float64)
    at[:, 1:] -= at[:, 1:].mean(axis=0)
    plane = np.linalg.lstsq(at, pixels[rows, columns].astype(np.float64), rcond=None)[0]
    plane[1:] *= _SLOPE
    tile = max(_LEAST_TILE, round((face.box[2] - face.box[0]) / _ACROSS))
    of_row, of_column = (rows - rows.min()) // tile, (columns - columns.min()) // tile
    tiles = of_row * (of_column.max() + 1) + of_column
    count = np.maximum(np.bincount(tiles), 1)
    colours = np.stack([np.bincount(tiles, wanted) / count for wanted in (at @ plane).T], axis=1)
    digest = hashlib.sha256(seed.to_bytes(8, "big") + pixels[rows, columns].tobytes()).digest()
    noise = np.random.default_rng(int.from_bytes(digest, "big"))
    colours += noise.normal(0, _NOISE, (len(colours), 1)) + noise.normal(0, _NOISE, 3)
    result[rows, columns] = np.clip(np.rint(colours), 0, 255).astype(np.uint8)[tiles]
    return result, changed


def _place(face: Face | Glimpse, shape: tuple[int, ...]) -> np.ndarray:
    """Mark where a face is, with a margin: bool [H, W]."""
    mask = np.zeros(shape, np.uint8)
    left, top, right, bottom = face.box
    centre = (round((left + right) / 2), round((top + bottom) / 2))
    axes = (round(_LARGER * (right - left) / 2) + 1, round(_LARGER * (bottom - top) / 2) + 1)
    cv2.ellipse(mask, centre, axes, 0, 0, 360, (1.0,), -1)
    if isinstance(face, Face):
        outline = face.mesh[list(paste.OUTLINE), :2]
        middle = outline.mean(axis=0)
        hull = cv2.convexHull(np.rint(middle + _LARGER * (outline - middle)).astype(np.int32))
        cv2.fillConvexPoly(mask, hull, (1.0,))
    return mask > 0
