"""A portrait before another background."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from .. import images
from ..options.background import BLUR, TRANSPARENT, WEBP, BackgroundFile, colour_of
from .portrait import Portrait

_BLUR = 0.03  # over the side: the deviation


def before(portrait: Portrait, front: np.ndarray, share: np.ndarray, what: str) -> Portrait:
    """Return the portrait before another background, its drawing as well.

    front, share: of face/cutout.py, uint8 [R, R, 3] and float32 [R, R]. what: see
    options/background.py. Raises OptionError and, for a file that is no picture, ImageError."""
    if what in (TRANSPARENT, WEBP):
        alpha = np.round(share * 255).astype(np.uint8)
        return replace(portrait, pixels=front, alpha=alpha, webp=what == WEBP)
    pixels = _laid(front, share, _behind(portrait.pixels, share, what))
    stylized = portrait.stylized
    if stylized is not None:
        wide = cv2.resize(share, stylized.shape[1::-1])
        stylized = _laid(stylized, wide, _behind(stylized, wide, what))
    return replace(portrait, pixels=pixels, stylized=stylized)


def _laid(front: np.ndarray, share: np.ndarray, behind: np.ndarray) -> np.ndarray:
    alpha = share[..., None]
    return np.round(front * alpha + behind * (1 - alpha)).astype(np.uint8)


def _behind(pixels: np.ndarray, share: np.ndarray, what: str) -> np.ndarray:
    side = pixels.shape[0]
    if isinstance(what, BackgroundFile):
        return _covering(images.load(Path(what)), side)
    if what == BLUR:  # of the backdrop alone, or the person would bleed into it
        weight = (1 - share)[..., None] + 1e-3
        deviation = max(1.0, _BLUR * side)
        blurred = cv2.GaussianBlur(pixels * weight, (0, 0), deviation)
        spread = cv2.GaussianBlur(weight, (0, 0), deviation)
        return blurred / spread[..., None]
    return np.full_like(pixels, colour_of(what))


def _covering(picture: np.ndarray, side: int) -> np.ndarray:
    """Scale a picture to cover a square and cut out its middle, uint8 [side, side, 3]."""
    height, width = picture.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    return images.resize(
        np.ascontiguousarray(picture[top : top + short, left : left + short]), side
    )
