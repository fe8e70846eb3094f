"""Segmentation of a face's skin from what lies over it, by its colour.

Convention
    Masks are uint8, 0 or 1, of the crop's size; meshes are mediapipe's, in pixels of the crop.
    Colours are CIELAB.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

# Points of mediapipe's mesh in the middle of bare skin: forehead, bridge and tip of the nose,
# below the eyes, cheeks, chin.
_PLACES = (151, 108, 337, 6, 4, 118, 347, 205, 425, 50, 280, 199)
_PLACE = 0.022  # of the crop's side: half the side of the patch around such a point
EYES = ((33, 160, 158, 133, 153, 144), (362, 385, 387, 263, 373, 380))
MOUTH = (61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181)
_BROWS = ((70, 63, 105, 66, 107), (336, 296, 334, 293, 300))
_ALIKE = 14.0  # in a and b: places nearer than this have one colour
_ALIKE_L = 40.0
_ENOUGH = 3  # places of a skin's hue, for the others to have no say
_SKIN_AB, _SKIN_DARKER, _SKIN_LIGHTER = 13.0, 38.0, 26.0  # how far skin is from its usual colour
_SKIN_HUE = (10.0, 90.0)  # degrees, of skin in any light that shows colours truly
_SKIN_CHROMA = 6.0
_CLIPPED = 252  # of 255: a channel that high says nothing of the colour
_LEAST_SHARE = 0.06  # of the face: with less skin than that nothing is known of its tone


@dataclass(frozen=True)
class Skin:
    """A face's skin. mask: where it is. colour: usual L, a and b. share: of the face's region."""

    mask: np.ndarray
    colour: np.ndarray
    share: float

    @property
    def known(self) -> bool:
        """Tell whether there is enough skin to take the tone from."""
        return self.share >= _LEAST_SHARE


def find(pixels: np.ndarray, mesh: np.ndarray, inside: np.ndarray) -> Skin:
    """Find the skin of a face in a crop, uint8 or float32 [S, S, 3] up to 255.

    mesh: [468, 2 or 3]. inside: the face's region.
    """
    lab = lab_of(pixels)
    mesh = mesh[:, :2]
    colour = _usual(lab, pixels, mesh)
    off = lab - colour
    like = np.hypot(off[..., 1], off[..., 2]) < _SKIN_AB + 0.15 * abs(float(colour[1]))
    like &= (off[..., 0] > -_SKIN_DARKER) & (off[..., 0] < _SKIN_LIGHTER)
    like &= pixels.max(axis=2) < _CLIPPED
    mask = (like & (inside > 0) & (features(mesh, len(pixels)) == 0)).astype(np.uint8)
    return Skin(mask, colour, float(mask.sum() / max(int(inside.sum()), 1)))


def features(mesh: np.ndarray, size: int) -> np.ndarray:
    """Mark the eyes, brows and the mouth, with a margin."""
    mask = np.zeros((size, size), np.uint8)
    for points in (*EYES, *_BROWS, MOUTH):
        fill(mask, mesh[list(points), :2])
    return cv2.dilate(mask, np.ones((3, 3), np.uint8), iterations=max(1, round(0.012 * size)))


def fill(mask: np.ndarray, points: np.ndarray) -> None:
    """Draw the hull of points [K, 2] into a mask."""
    cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(points).astype(np.int32)), (1.0,))


def lab_of(pixels: np.ndarray) -> np.ndarray:
    """Convert pixels up to 255 into CIELAB, float32."""
    return cv2.cvtColor(
        np.clip(pixels.astype(np.float32), 0, 255) / np.float32(255), cv2.COLOR_RGB2LAB
    )


def _usual(lab: np.ndarray, pixels: np.ndarray, mesh: np.ndarray) -> np.ndarray:
    """Choose the colour that most of the places have, of those of a skin's hue."""
    size, reach = len(lab), max(1, round(_PLACE * len(lab)))
    colours = []
    for x, y in np.rint(mesh[list(_PLACES)]).astype(int):
        place = np.s_[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
        if not (0 <= x < size and 0 <= y < size):
            continue
        patch, bright = lab[place].reshape(-1, 3), pixels[place].max(axis=2).reshape(-1)
        if (bright < _CLIPPED).mean() > 0.5:
            colours.append(np.median(patch[bright < _CLIPPED], axis=0))
    if not colours:
        return np.median(lab.reshape(-1, 3), axis=0)
    found = np.array(colours)
    skinlike = _hue_of_skin(found)
    if skinlike.sum() >= _ENOUGH:  # else the light is coloured, or the photo black and white
        found = found[skinlike]
    apart = found[:, None] - found[None]
    alike = (np.hypot(apart[..., 1], apart[..., 2]) < _ALIKE) & (np.abs(apart[..., 0]) < _ALIKE_L)
    return np.median(found[alike[int(alike.sum(axis=1).argmax())]], axis=0)


def _hue_of_skin(lab: np.ndarray) -> np.ndarray:
    hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1]))
    low, high = _SKIN_HUE
    return (hue > low) & (hue < high) & (np.hypot(lab[..., 1], lab[..., 2]) > _SKIN_CHROMA)
