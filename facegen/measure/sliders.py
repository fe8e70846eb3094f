"""Measures of the sliders of `edit` that show in a face's mesh and at points of it."""

from __future__ import annotations

import numpy as np

from ..face.landmarks import MESH_TO_68
from . import structure
from .appearance import appearance

SEEN = ("smile", "mouth", "eyes", "gaze", "yaw", "pitch", "beard", "glasses", "light")
HELD = ("above", "exposure")  # no sliders, but what they must not move: a shadow is not a beard
LIFT = 2.0  # weight of `lift` beside the mouth's width, in a smile
MOST_GLASSES = 0.4  # a thicker frame does not count more


def seen(pixels: np.ndarray, mesh: np.ndarray) -> tuple[float, ...]:
    """Measure SEEN and HELD of a picture uint8 [R, R, 3] and its mesh [478, 3]; NaN for NaN."""
    if np.isnan(mesh).any():
        return (np.nan,) * len(SEEN + HELD)
    shown, looks = structure.expression(mesh[:468]), appearance(pixels, mesh)
    smile = shown.smile + LIFT * lift(mesh)
    yaw, pitch, _ = structure.pose(mesh[:468])
    glasses = min(looks.glasses, MOST_GLASSES)
    return (
        *(smile, shown.mouth, shown.eyes, looks.gaze, yaw, pitch),
        *(looks.beard, glasses, looks.light, looks.above, looks.exposure),
    )


def lift(mesh: np.ndarray) -> float:
    """Measure how far the corners of the mouth lie above the middle of the lips.

    Over the distance between the outer corners of the eyes. With the mouth's width it follows what
    people call happy: the correlation over the 986 rated faces is 0.86, of the width alone 0.83."""
    points = np.asarray(mesh, dtype=np.float64)[list(MESH_TO_68)]
    corners, lips = (points[48] + points[54]) / 2, (points[62] + points[66]) / 2
    down = corners - (points[36] + points[45]) / 2
    across = np.linalg.norm(points[45] - points[36])
    return float((lips - corners) @ down / np.linalg.norm(down) / across)
