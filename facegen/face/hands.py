"""Detection of hands in front of a face, from mediapipe's 21 points of each.

Convention
    Points are (x, y) in pixels of the crop, in mediapipe's order: 0 the wrist, then four of each
    finger from the thumb to the little one, from the palm to the tip. The outline is drawn around
    them with a hand's usual proportions, in units of its length from the wrist to the middle
    finger's root; the network itself gives none.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from . import paste
from .detect import Detector

POINTS = 21
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


def in_front(detector: Detector, crop: np.ndarray, mesh: np.ndarray) -> np.ndarray | None:
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
        cv2.polylines(mask, [palm], True, (1.0,), _wide(_ROUND_PALM * length), shift=_SHIFT)
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


_SHIFT = 4  # bits of a fraction of a pixel that cv2 draws with


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.rint((points - 0.5) * 2**_SHIFT).astype(np.int32)


def _wide(radius: float) -> int:
    return max(1, round(2 * radius))


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
