"""Offline augmentation: more pictures from one, for a trainer that does not augment itself.

Borders are continued by their mirror image. Amounts are drawn from the picture's own hash, so
that they depend on nothing else: not on its number, the order, or the processes at work.
"""

from __future__ import annotations

import hashlib

import cv2
import numpy as np

ROTATION = 15.0  # degrees, either way
SHEAR, SCALE, SHIFT = 0.1, 0.1, 0.05  # at most; shift in units of the side
# Gaussian sigma and length of the motion in units of a 64th of the side: a face of 64 pixels
# moved by 2 to 6 of them.
SIGMA = (0.3, 1.0)
MOTION = (2.0, 6.0)


def augment(pixels: np.ndarray, kind: str, seed: int) -> np.ndarray:
    """One of options.AUGMENTATIONS applied to square pixels uint8 [S, S, 3]; the same shape."""
    rng = _random(pixels, kind, seed)
    side = pixels.shape[0]
    if kind == "flip":
        return np.ascontiguousarray(pixels[:, ::-1])
    if kind == "rotation":
        return _warp(pixels, _turn(rng.uniform(-ROTATION, ROTATION)))
    if kind == "affine":
        shear = rng.uniform(-SHEAR, SHEAR, 2)
        scale = 1 + rng.uniform(-SCALE, SCALE, 2)
        matrix = np.array([[scale[0], shear[0]], [shear[1], scale[1]]])
        return _warp(pixels, matrix, rng.uniform(-SHIFT, SHIFT, 2) * side)
    if kind == "blur":
        sigma = rng.uniform(*SIGMA) * side / 64
        return cv2.GaussianBlur(pixels, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    assert kind == "motion", kind
    kernel = motion_kernel(rng.uniform(*MOTION) * side / 64, rng.uniform(0, 180))
    return cv2.filter2D(pixels, -1, kernel, borderType=cv2.BORDER_REFLECT_101)


def motion_kernel(length: float, degrees: float) -> np.ndarray:
    """The path of a point that moves evenly along a straight line: sums to 1, odd sides."""
    half = int(np.ceil(length / 2))
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    direction = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    for step in np.linspace(-length / 2, length / 2, 8 * half + 1):
        x, y = half + step * direction[0], half + step * direction[1]
        left, top = int(np.floor(x)), int(np.floor(y))
        for column, row in ((left, top), (left + 1, top), (left, top + 1), (left + 1, top + 1)):
            share = (1 - abs(x - column)) * (1 - abs(y - row))
            if share > 0:
                kernel[row, column] += share
    return kernel / kernel.sum()


def _random(pixels: np.ndarray, kind: str, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(pixels.tobytes() + f"{kind}{seed}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _turn(degrees: float) -> np.ndarray:
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[cos, sin], [-sin, cos]])


def _warp(pixels: np.ndarray, matrix: np.ndarray, shift: np.ndarray | float = 0.0) -> np.ndarray:
    """A linear map about the centre, then a shift in pixels."""
    centre = np.full(2, (pixels.shape[0] - 1) / 2)
    offset = centre - matrix @ centre + shift
    return cv2.warpAffine(
        pixels,
        np.column_stack([matrix, offset]),
        pixels.shape[:2],
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )
