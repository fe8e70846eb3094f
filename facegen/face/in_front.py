"""Detection of what lies in front of a face: hands, masks and other things by their colour.

A mask, a scarf or a cup hides the mouth, dark glasses the eyes; other things are found by a colour
that neither skin nor hair nor lips have. A beard is not one: it leaves the lips bare. What looks
like skin, and the clear lenses of spectacles, cannot be separated from the face.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .. import images
from . import hands, paste, skin
from .detect import Detector

MOST_HIDDEN = 0.6  # of the face's region: with less of it left, no face is drawn
_SIZE = 256  # pixels of the crop at which this is done
_UNLIKE = 17.0  # in a and b, from the skin's colour
_GREY = 4.0  # chroma of a face on a black and white photo, where nothing can be told
_ONE_COLOUR = 16.0  # from a thing's usual colour
_BEYOND = 0.12  # of the crop's side: how far beyond the face's region things are followed
_DARK, _LIGHT = -24.0, 14.0  # in L, from the skin's colour, of what has hardly any colour
_COLOURLESS = 12.0  # chroma
_LEAST, _LEAST_STRANGE = 0.06, 0.03  # of the region: what is smaller is a shadow or a reflection
_COVERED = 0.75  # of the mouth, or of an eye, by one thing
_STRANGE, _STRANGE_CHROMA = 26.0, 16.0
_NO_HUE = (-25.0, 115.0)  # degrees: skin, lips and hair; other hues are none of a face's
_EYE = 1.9  # what dark glasses hide, over the eye itself


@dataclass(frozen=True)
class InFront:
    """What lies in front of a face.

    mask: uint8 [R, R], 1 where something lies in front and stays; None where nothing does. hidden:
    the share of the face's region behind it. hand: whether it is only a hand, which may be drawn
    over where the person would still be recognised by what stays."""

    mask: np.ndarray | None = None
    hidden: float = 0.0
    hand: bool = False

    @property
    def told(self) -> str:
        """Say in a word what it is."""
        return "a hand" if self.hand else "" if self.mask is None else "a mask, glasses or the like"

    @property
    def too_much(self) -> bool:
        """Tell whether too little of the face is visible to draw another one."""
        return self.hidden > MOST_HIDDEN


def find(detector: Detector, crop: np.ndarray, mesh: np.ndarray) -> InFront:
    """Find what lies in front of the face with that mesh [468, 2 or 3] in a crop [R, R, 3]."""
    hand = hands.in_front(detector, crop, mesh)
    strange = things(crop, mesh)
    if strange is None:
        return InFront(hand, 0.0, hand is not None)
    both = strange if hand is None else strange | hand
    region = paste.region([mesh[:, :2]], len(crop)) > 0
    return InFront(both, float(both[region].mean()))


def things(crop: np.ndarray, mesh: np.ndarray) -> np.ndarray | None:
    """Mark, uint8 [R, R], what is not skin and hides mouth or eyes, or is of a strange colour.

    None where nothing is."""
    small = images.resize(crop, _SIZE)
    points = mesh[:, :2] * (_SIZE / len(crop))
    region = paste.region([points], _SIZE)
    lab = skin.lab_of(cv2.GaussianBlur(small, (0, 0), 1.0))
    usual = skin.find(small, points, region).colour
    if np.hypot(*usual[1:]) < _GREY:
        return None
    off = lab - usual
    apart, chroma = np.hypot(off[..., 1], off[..., 2]), np.hypot(lab[..., 1], lab[..., 2])
    hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1]))
    strange = (apart > _STRANGE) & (chroma > _STRANGE_CHROMA)
    strange &= (hue < _NO_HUE[0]) | (hue > _NO_HUE[1])
    dark = (off[..., 0] < _DARK) & (chroma < _COLOURLESS)
    light = (off[..., 0] > _LIGHT) & (chroma < _COLOURLESS)
    around = cv2.dilate(region, _round(2 * round(_BEYOND * _SIZE) + 1)) > 0
    parts = [np.zeros_like(region)]
    for unlike, hides in ((apart > _UNLIKE, "mouth"), (dark, "mouth"), (light, "mouth"),
                          (dark, "eyes"), (strange, "")):  # fmt: skip
        parts += _pieces(unlike & around, points, region, hides, lab)
    found = np.max(parts, axis=0)
    if not found.any():
        return None
    found = cv2.morphologyEx(found, cv2.MORPH_CLOSE, _round(7))
    found = cv2.dilate(found, _round(3))
    grown = images.resize(np.repeat(found[..., None] * np.uint8(255), 3, axis=2), len(crop))
    return (grown[..., 0] > 127).astype(np.uint8)


def _pieces(
    unlike: np.ndarray, mesh: np.ndarray, region: np.ndarray, hides: str, lab: np.ndarray
) -> list[np.ndarray]:
    """List the connected pieces that hide the mouth or both eyes, or all that are large enough."""
    mask = cv2.morphologyEx(unlike.astype(np.uint8), cv2.MORPH_OPEN, _round(5))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, _round(5))
    least = (_LEAST if hides else _LEAST_STRANGE) * int(region.sum())
    places = _places(mesh, hides)
    if any(mask[place > 0].mean() <= _COVERED for place in places):
        return []
    count, pieces = cv2.connectedComponents(mask)
    found = [(pieces == number).astype(np.uint8) for number in range(1, count)]
    return [
        _of_one_colour(piece, region, lab)
        for piece in found
        if (piece & region).sum() >= least and (not places or any(_meets(piece, places)))
    ]


def _of_one_colour(piece: np.ndarray, region: np.ndarray, lab: np.ndarray) -> np.ndarray:
    """Extend a piece beyond the face's region only as far as its colour.

    A wall behind it is not skin either."""
    usual = np.median(lab[(piece & region) > 0], axis=0)
    alike = np.linalg.norm(lab - usual, axis=2) < _ONE_COLOUR
    return piece & (region | alike.astype(np.uint8))


def _meets(piece: np.ndarray, places: list[np.ndarray]) -> list[bool]:
    return [bool((piece & place).any()) for place in places]


def _places(mesh: np.ndarray, hides: str) -> list[np.ndarray]:
    places = []
    for points in {"mouth": (skin.MOUTH,), "eyes": skin.EYES}.get(hides, ()):
        corners = mesh[list(points)]
        middle = corners.mean(axis=0)
        place = np.zeros((_SIZE, _SIZE), np.uint8)
        skin.fill(place, middle + (_EYE if hides == "eyes" else 1.0) * (corners - middle))
        places.append(place)
    return places


def _round(width: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
