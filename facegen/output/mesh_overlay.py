"""Overlay of both meshes: how far a variant's geometry lies from the reference's."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from .. import images
from ..types import Face

REFERENCE, VARIANT = (0, 150, 136), (230, 81, 0)  # teal and orange, for the colour-blind too
SIZE = 512  # pixels of the picture, at least

# The contours of the 68 points: (first, last, closed).
_CONTOURS = (
    *((0, 16, False), (17, 21, False), (22, 26, False), (27, 30, False), (31, 35, False)),
    *((36, 41, True), (42, 47, True), (48, 59, True), (60, 67, True)),
)


def overlay(pixels: np.ndarray, reference: Face, variant: Face) -> np.ndarray:
    """Draw both meshes over the paled variant: uint8 [S, S, 3] with S >= SIZE.

    pixels: the variant, uint8 [R, R, 3]; both faces in pixels of that crop. The reference is drawn
    in teal, the variant in orange."""
    scale = max(1.0, SIZE / pixels.shape[1])
    large = images.resize(pixels, round(pixels.shape[1] * scale)).astype(np.float32)
    canvas = Image.fromarray((0.55 * large + 0.45 * 255).round().astype(np.uint8))
    draw = ImageDraw.Draw(canvas)
    for face, colour in ((reference, REFERENCE), (variant, VARIANT)):
        for x, y in face.mesh[:, :2] * scale:
            draw.ellipse((x - 1, y - 1, x + 1, y + 1), fill=colour)
        points = face.landmarks * scale
        for first, last, closed in _CONTOURS:
            line = [tuple(point) for point in points[first : last + 1]]
            draw.line(line + line[:1] * closed, fill=colour, width=3, joint="curve")
    return np.asarray(canvas)
