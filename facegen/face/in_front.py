"""Detection of what lies in front of a face: hands, masks and other things by their colour.

A mask, a scarf or a cup hides the mouth, dark glasses the eyes; other things are found by a colour
that neither skin nor hair nor lips have. A beard is not one: it leaves the lips bare. What looks
like skin, and the clear lenses of spectacles, cannot be separated from the face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .. import images
from . import paste, skin
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

# Of mediapipe's 21 points of a hand: 0 the wrist, then four of each finger from the thumb on, from
# the palm to the tip. The outline around them has a hand's usual proportions, in units of its
# length from the wrist to the middle finger's root; the network itself gives none.
MOST_COVERED = 0.6  # of the face: what hides more is taken for a mistake, and the face replaced
_LENGTH = (0, 9)  # wrist, root of the middle finger
_PALM = (0, 1, 5, 9, 13, 17)
_FINGERS = ((1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20))
# Half a width, in units of the hand's length, at a finger's root and at its tip.
_THUMB, _FINGER, _LITTLE = (0.18, 0.115), (0.125, 0.095), (0.11, 0.085)
_HEEL = 0.14  # how far the palm bulges below the little finger
_ROUND_PALM = 0.12  # how far the flesh goes beyond the palm's points
_TIP = 0.08  # and beyond a finger's last point, which is not its end
_WRIST, _ARM = 0.3, 0.7  # half the wrist's width; so much of the arm is drawn
_SHIFT = 4  # bits of a fraction of a pixel that cv2 draws with


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
    hand = hands_over(detector, crop, mesh)
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
        if (piece & region).sum() >= least
        and (not places or any((piece & place).any() for place in places))
    ]


def _of_one_colour(piece: np.ndarray, region: np.ndarray, lab: np.ndarray) -> np.ndarray:
    """Extend a piece beyond the face's region only as far as its colour.

    A wall behind it is not skin either."""
    usual = np.median(lab[(piece & region) > 0], axis=0)
    alike = np.linalg.norm(lab - usual, axis=2) < _ONE_COLOUR
    return piece & (region | alike.astype(np.uint8))


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


def hands_over(detector: Detector, crop: np.ndarray, mesh: np.ndarray) -> np.ndarray | None:
    """Mark, uint8 [R, R], where a hand lies over the face with that mesh, in a crop [R, R, 3].

    None without a hand, or where it hides more than MOST_COVERED: an error would leave the old
    face."""
    hands = detector.hands_of_crop(crop)
    mask = silhouette(hands, len(crop))
    face = paste.region([mesh[:, :2]], len(crop)) > 0
    share = float(mask[face].mean()) if face.any() else 0.0
    return mask if 0 < share <= MOST_COVERED else None


def silhouette(hands: Sequence[np.ndarray], size: int) -> np.ndarray:
    """Mark, uint8 [size, size], the hands [21, 2] in a crop of that side."""
    mask = np.zeros((size, size), np.uint8)
    for points in hands:
        length = float(np.linalg.norm(points[_LENGTH[1]] - points[_LENGTH[0]]))
        if length < 2:
            continue
        outwards = (points[17] - points[5]) / max(
            float(np.linalg.norm(points[17] - points[5])), 1e-6
        )
        heel = points[0] + (points[17] - points[0]) * 0.4 + _HEEL * length * outwards
        palm = cv2.convexHull(_fixed(np.concatenate([points[list(_PALM)], heel[None]])))
        cv2.fillConvexPoly(mask, palm, (1.0,), shift=_SHIFT)
        cv2.polylines(
            mask, [palm], True, (1.0,), max(1, round(2 * _ROUND_PALM * length)), shift=_SHIFT
        )
        away = points[0] - points[9]
        _stroke(mask, points[0], points[0] + _ARM * away, _WRIST * length, _WRIST * length)
        for finger, joints in enumerate(_FINGERS):
            widths = _THUMB if finger == 0 else _LITTLE if finger == 4 else _FINGER
            chain = points[list(joints)]
            last = chain[-1] - chain[-2]
            end = chain[-1] + last / max(float(np.linalg.norm(last)), 1e-6) * _TIP * length
            radii = np.linspace(*widths, len(joints)) * length
            for i in range(len(joints) - 1):
                _stroke(mask, chain[i], chain[i + 1], radii[i], radii[i + 1])
            _stroke(mask, chain[-1], end, radii[-1], radii[-1] * 0.8)
    return mask


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.rint((points - 0.5) * 2**_SHIFT).astype(np.int32)


def _stroke(
    mask: np.ndarray, start: np.ndarray, end: np.ndarray, first: float, last: float
) -> None:
    """Draw a round-ended stroke that changes its half width on the way."""
    along = end - start
    across = np.array([-along[1], along[0]]) / max(float(np.linalg.norm(along)), 1e-6)
    corners = [start + first * across, end + last * across, end - last * across,
               start - first * across]  # fmt: skip
    cv2.fillConvexPoly(mask, _fixed(np.array(corners)), (1.0,), shift=_SHIFT)
    for point, radius in ((start, first), (end, last)):
        centre = _fixed(point)
        cv2.circle(
            mask, (int(centre[0]), int(centre[1])), round(radius * 2**_SHIFT), (1.0,), -1,
            shift=_SHIFT,
        )  # fmt: skip
