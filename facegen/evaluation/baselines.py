"""Baselines: the traditional ways to hide a face, measured beside the variants.

All of them get the aligned crop, uint8 [R, R, 3], and the mesh found in it, and degrade the face
alone, as a user of an editor would.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

CELLS = 16  # across the face's box, of the pixelation
SIGMA = 0.08  # of the blur, over the longer side of the face's box
_OVAL = 468  # points of the mesh without the irises
_EYES = (33, 133, 362, 263)  # corners


def blur(pixels: np.ndarray, mesh: np.ndarray) -> np.ndarray:
    """Blur by a Gaussian within the face's outline."""
    left, top, right, bottom = _box(mesh, pixels.shape[0])
    sigma = SIGMA * max(right - left, bottom - top)
    return _within(pixels, cv2.GaussianBlur(pixels, (0, 0), sigma), mesh)


def pixelate(pixels: np.ndarray, mesh: np.ndarray) -> np.ndarray:
    """Pixelate the face's box into squares, CELLS across."""
    left, top, right, bottom = _box(mesh, pixels.shape[0])
    rows = max(1, round(CELLS * (bottom - top) / (right - left)))
    part = pixels[top:bottom, left:right]
    few = cv2.resize(part, (CELLS, rows), interpolation=cv2.INTER_AREA)
    degraded = pixels.copy()
    degraded[top:bottom, left:right] = cv2.resize(
        few, (right - left, bottom - top), interpolation=cv2.INTER_NEAREST
    )
    return degraded


def bar(pixels: np.ndarray, mesh: np.ndarray) -> np.ndarray:
    """Draw a black bar over both eyes, as newspapers did: a quarter of the face's width high."""
    degraded = pixels.copy()
    points = mesh[:, :2]
    eyes = points[list(_EYES)]
    along = eyes[-1] - eyes[0]
    middle = eyes.mean(axis=0)
    half_high = 0.125 * np.ptp(points[:_OVAL, 0])
    down = np.array([-along[1], along[0]]) / max(float(np.linalg.norm(along)), 1e-6) * half_high
    corners = [middle + side * 0.8 * along + way * down for side, way in _CORNERS]
    cv2.fillPoly(degraded, [np.array(corners).round().astype(np.int32)], (0, 0, 0))
    return degraded


DEGRADED: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "blur": blur,
    "pixelation": pixelate,
    "black bar": bar,
}
_CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1))


def _box(mesh: np.ndarray, size: int) -> tuple[int, int, int, int]:
    points = mesh[:_OVAL, :2]
    left, top = np.clip(np.floor(points.min(axis=0)).astype(int), 0, size - 2)
    right, bottom = np.clip(np.ceil(points.max(axis=0)).astype(int), 0, size)
    return int(left), int(top), max(int(right), int(left) + 1), max(int(bottom), int(top) + 1)


def _within(pixels: np.ndarray, degraded: np.ndarray, mesh: np.ndarray) -> np.ndarray:
    outline = cv2.convexHull(mesh[:_OVAL, :2].astype(np.float32)).round().astype(np.int32)
    mask = np.zeros(pixels.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, outline, (255,))
    return np.where(mask[:, :, None] > 0, degraded, pixels)
