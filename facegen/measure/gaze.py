"""Gaze direction, from the irises in mediapipe's mesh and the pose of the head.

The eye is modelled as a ball that turns within its lids. An iris moved by s of the eye's width
stands for an angle of asin(s / REACH): the iris lies 0.38 of the distance between the corners of
the eye away from the middle of the ball (10.9 of 29 mm in adults: Bekerman et al., J. Ophthalmol.
2014, 503645, gives the ball's radius as 12 mm; the iris lies about 1 mm below its surface).

The mesh shows less of a movement than there is: GAIN of one across, and 0.17 of one up or down,
which is within the noise. So across the eyes count, up and down the head alone. Measured by
benchmarks/gaze.py on irises that were moved by known amounts.

Convention
    Angles in radians: (across, down), across positive to the viewer's right, down positive
    downwards.
"""

from __future__ import annotations

import numpy as np

from . import structure

_EYES = ((33, 133, 468), (362, 263, 473))  # corners from the viewer's left, iris
REACH = 0.38  # the iris's distance from the middle of the eyeball, over the eye's width
GAIN = 0.55  # of a movement across, that the mesh shows
ERROR = (0.039, 0.122)  # rad, of a movement's angle: median, and below which nine of ten lie


def in_eyes(mesh: np.ndarray) -> np.ndarray:
    """Measure where the irises lie in the eyes of a mesh [478, 3], over the eye's width: [2].

    Across from the middle between the corners, down from the line between them; mean of both eyes.
    """
    points = np.asarray(mesh, dtype=np.float64)[:, :2]
    found = []
    for left, right, iris in _EYES:
        along = points[right] - points[left]
        down = np.array([-along[1], along[0]])
        off = points[iris] - (points[left] + points[right]) / 2
        found.append(np.array([off @ along, off @ down]) / max(float(along @ along), 1e-9))
    return np.mean(found, axis=0)


def direction(mesh: np.ndarray) -> np.ndarray:
    """Measure where the face of a mesh [478, 3] looks in the camera's view: [2].

    From the head, and across from the eyes as well."""
    yaw, pitch, _ = structure.pose(mesh[:468])
    across = np.arcsin(np.clip(in_eyes(mesh)[0] / GAIN / REACH, -1, 1))
    return np.array([across + np.radians(yaw), np.radians(pitch)])


def apart(first: np.ndarray, second: np.ndarray) -> float:
    """Return the angle between two directions."""
    a, b = (
        np.array([np.sin(x) * np.cos(y), np.sin(y), np.cos(x) * np.cos(y)])
        for x, y in (first, second)
    )
    return float(np.arccos(np.clip(a @ b, -1, 1)))
