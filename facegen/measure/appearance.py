"""The appearance of a face beside its geometry: gaze, light, beard and glasses.

Measured on a picture and the mesh found in it; nothing is learned here.

Convention
    mesh: mediapipe's 478 points (468 and five on each iris), in pixels of the picture. "left" and
    "right" are the viewer's. Numbers have no unit but those that are named.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_LEFT_EYE, _RIGHT_EYE = (33, 133, 468), (362, 263, 473)  # corners from the left, iris
_LEFT_SIDE, _RIGHT_SIDE = (50, 205, 104, 118), (280, 425, 333, 347)  # cheeks and forehead
_CHEEKS = (50, 280, 101, 330)
_BEARDED = (199, 175, 200, 169, 394, 135, 364, 186, 410)  # chin, jaw, beside the mouth
_FOREHEAD = (151, 108, 337)
_BRIDGE = (168, 6, 197)  # of the nose, where glasses cross it
# Cheeks, beside the nose, forehead, tip of the nose, jaw and chin.
SHADED = (50, 280, 205, 425, 118, 347, 101, 330, 104, 333, 151, 4, 58, 288, 136, 365, 199)
_PATCH = 0.025  # half a patch's side, over the width of the face
_LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Appearance:
    """Measures of a face's appearance.

    gaze: how far the irises lie from the middle of the eyes to the viewer's right, over the width
    of an eye. light: how much brighter the face's right side is than its left, over their mean.
    beard: how much darker chin and jaw are than the cheeks, over the cheeks. glasses: the steepest
    edge on the nose's bridge, over the cheeks' brightness. above: how much brighter the forehead is
    than the cheeks, over the cheeks. exposure: the cheeks' brightness, 0 to 1."""

    gaze: float
    light: float
    beard: float
    glasses: float
    above: float
    exposure: float


def appearance(pixels: np.ndarray, mesh: np.ndarray) -> Appearance:
    """Measure a face in uint8 [R, R, 3] and its mesh [478, 3]."""
    luma = pixels @ _LUMA
    points = np.asarray(mesh, dtype=np.float64)[:, :2]
    half = max(1, round(_PATCH * np.ptp(points[:468, 0])))
    left, right = (_brightness(luma, points, side, half) for side in (_LEFT_SIDE, _RIGHT_SIDE))
    cheeks = _brightness(luma, points, _CHEEKS, half)
    return Appearance(
        gaze=gaze(points),
        light=(right - left) / max((right + left) / 2, 1.0),
        beard=1 - _brightness(luma, points, _BEARDED, half) / max(cheeks, 1.0),
        glasses=_edge(luma, points, half) / max(cheeks, 1.0),
        above=_brightness(luma, points, _FOREHEAD, half) / max(cheeks, 1.0) - 1,
        exposure=cheeks / 255,
    )


def shading(pixels: np.ndarray, mesh: np.ndarray) -> np.ndarray:
    """Measure where the light falls on a face in uint8 [R, R, 3], whatever the skin.

    Returns [N], the brightness at SHADED beside its mean. mesh: [478, 3]."""
    luma = pixels @ _LUMA
    points = np.asarray(mesh, dtype=np.float64)[:, :2]
    half = max(1, round(_PATCH * np.ptp(points[:468, 0])))
    found = np.array([_patch(luma, points[index], half).mean() for index in SHADED])
    return found / max(float(found.mean()), 1.0)


def light_apart(first: np.ndarray, second: np.ndarray) -> float:
    """Measure how two shadings differ: their root mean square, of a face's brightness."""
    return float(np.sqrt(np.mean((first - second) ** 2)))


def gaze(mesh: np.ndarray) -> float:
    """Measure the gaze (see Appearance) of a mesh [478, 2 or 3]."""
    points = np.asarray(mesh, dtype=np.float64)[:, :2]
    return (_of_eye(points, *_LEFT_EYE) + _of_eye(points, *_RIGHT_EYE)) / 2


def _of_eye(points: np.ndarray, left: int, right: int, iris: int) -> float:
    along = points[right] - points[left]
    return float((points[iris] - points[left]) @ along / max(along @ along, 1e-9) - 0.5)


def _brightness(luma: np.ndarray, points: np.ndarray, where: tuple[int, ...], half: int) -> float:
    return float(np.mean([_patch(luma, points[index], half).mean() for index in where]))


def _edge(luma: np.ndarray, points: np.ndarray, half: int) -> float:
    top, bottom = points[_BRIDGE[0]], points[_BRIDGE[-1]]
    x, height = (top[0] + bottom[0]) / 2, max(4, int(bottom[1] - top[1]))
    rows = int(top[1]) + np.arange(-height // 2, height)
    columns = int(x) + np.arange(-half, half + 1)
    rows, columns = (np.clip(i, 0, len(luma) - 1) for i in (rows, columns))
    profile = luma[np.ix_(rows, columns)].mean(axis=1)
    return float(np.abs(profile[2:] - profile[:-2]).max())


def _patch(luma: np.ndarray, point: np.ndarray, half: int) -> np.ndarray:
    row, column = (int(np.clip(v, half, len(luma) - half - 1)) for v in point[::-1])
    return luma[row - half : row + half + 1, column - half : column + half + 1]
