"""Detection of faces of any size with YuNet, where its weights are available.

YuNet (Wu et al. 2023, "YuNet: A Tiny Millisecond-level Face Detector",
https://doi.org/10.1007/s11633-023-1423-y) runs in OpenCV's own network engine. It detects faces
from about _EFFECTIVE pixels between eyes and chin, so a photo is given to it at several sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import cv2
import numpy as np

from .. import weights
from ..errors import WeightsError

NAME = "yunet"  # in the registry
KEY = "onnx"  # of the converted file's only tensor: the bytes of the network's file
_SCORE = 0.5  # what scores less is not proposed
_OVERLAP = 0.5  # intersection over the smaller box from which two show one face
_EFFECTIVE = 18  # pixels from the eyes to the chin from which it finds nearly everybody
_LEAST_SIDE, _MOST_SIDE = 640, 4096  # of the picture that it is shown
_STEP = 3.0  # from one size of the picture to the next
_MOST_ENLARGED = 2.0
_EYES_TO_CHIN = 0.62  # of a box's height


@dataclass(frozen=True)
class Sighting:
    """A face in a picture: its box (left, top, right, bottom) in pixels, and a score up to 1."""

    box: tuple[float, float, float, float]
    score: float

    @property
    def size(self) -> float:
        return eyes_to_chin(self.box)


class _Scored(Protocol):
    @property
    def box(self) -> tuple[float, float, float, float]: ...
    @property
    def score(self) -> float: ...


Seen = TypeVar("Seen", bound=_Scored)


class YuNet:
    """The network. For one thread at a time."""

    def __init__(self, model: bytes):
        self._network = cv2.FaceDetectorYN.create(
            "onnx",
            np.frombuffer(model, np.uint8),
            np.zeros(0, np.uint8),
            (_LEAST_SIDE, _LEAST_SIDE),
            _SCORE,
        )

    def find(self, pixels: np.ndarray, least: float) -> list[Sighting]:
        """Find upright faces in uint8 [H, W, 3], the surest first.

        least: pixels from the eyes to the chin of the smallest that matter.
        """
        found: list[Sighting] = []
        for side in sides(max(pixels.shape[:2]), least):
            found += self._detect_at(pixels, side / max(pixels.shape[:2]))
        return best(found)

    def _detect_at(self, pixels: np.ndarray, scale: float) -> list[Sighting]:
        height, width = (max(1, round(length * scale)) for length in pixels.shape[:2])
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        shown = cv2.resize(pixels, (width, height), interpolation=way)
        self._network.setInputSize((width, height))
        _, rows = self._network.detect(cv2.cvtColor(shown, cv2.COLOR_RGB2BGR))
        ratio = np.array(pixels.shape[1::-1]) / (width, height)
        sightings = []
        for row in () if rows is None else rows.astype(np.float64):
            (left, top), (wide, high) = row[:2] * ratio, row[2:4] * ratio
            sightings.append(Sighting((left, top, left + wide, top + high), float(row[-1])))
        return sightings


def sides(longest: int, least: float) -> list[int]:
    """List the longest sides at which a photo is shown, the largest first."""
    finest = min(longest * _EFFECTIVE / least, longest * _MOST_ENLARGED, _MOST_SIDE)
    chosen = [max(finest, _LEAST_SIDE)]
    while chosen[-1] > 1.5 * _LEAST_SIDE:
        chosen.append(max(chosen[-1] / _STEP, _LEAST_SIDE))
    return [round(side) for side in chosen]


def best(found: Sequence[Seen]) -> list[Seen]:
    """Keep the surest of those with a box and a score that show one face, the surest first."""
    kept: list[Seen] = []
    for one in sorted(found, key=lambda one: one.score, reverse=True):
        if all(_overlap(one.box, other.box) < _OVERLAP for other in kept):
            kept.append(one)
    return kept


def eyes_to_chin(box: tuple[float, float, float, float]) -> float:
    """Return about how many pixels there are from the eyes to the chin of an upright face."""
    return _EYES_TO_CHIN * (box[3] - box[1])


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Return the intersection of two boxes over the smaller of them."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))


def available() -> bool:
    """Tell whether YuNet is on this machine; nothing is fetched."""
    return weights.at_hand(weights.find(NAME))


def load() -> YuNet | None:
    """Load YuNet where it is available; None where it is not, or cannot be read."""
    if not available():
        return None
    try:
        _, state, _ = weights.load(weights.find(NAME))
        return YuNet(state[KEY].numpy().tobytes())
    except (WeightsError, cv2.error):
        return None
