"""What a variant has to share with its reference, as numbers of one picture.

Convention
    In the order of NAMES: yaw, pitch, roll in degrees; the openings of mouth, smile and eyes
    (structure.Expression); gaze (appearance.Appearance); then options.ATTRIBUTES.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..face.detect import Detector
from ..options import ATTRIBUTES
from ..types import MIDDLE_GENDER
from . import structure
from .appearance import gaze
from .attributes import Attributes
from .identity.dlib_recogniser import DlibRecogniser, Recogniser
from .naturalness import Seer

POSE = ("yaw", "pitch", "roll", "mouth", "smile", "eyes", "gaze")
NAMES = (*POSE, *ATTRIBUTES)
_GENDER = NAMES.index("gender")
_TOLD, _CLEAR = 5.0, 20.0  # of gender presentation, from the middle: what a rater misses; clear
_FACE = 468  # points of the mesh without the irises


def of_mesh(mesh: np.ndarray) -> tuple[float, ...]:
    """The values of POSE, of a mesh [478, 3] with the irises."""
    shown = structure.expression(mesh[:_FACE])
    return (*structure.pose(mesh[:_FACE]), shown.mouth, shown.smile, shown.eyes, gaze(mesh))


def moved(now: np.ndarray, before: np.ndarray) -> np.ndarray:
    """[10]: what differs between two pictures' traits, as far as it is to be put right.

    A gender presentation is asked to be clear, on its own side of the middle, and not to be the
    same: halfway between the two the raters are least sure, and faces look like neither.
    """
    found = now - before
    off = before[_GENDER] - MIDDLE_GENDER
    if abs(off) >= _TOLD:
        side = np.sign(off)
        short = side * (now[_GENDER] - MIDDLE_GENDER) - max(abs(off), _CLEAR)
        found[_GENDER] = side * min(short, 0.0)
    return found


class Traits:
    """Measures them. seer: a classifier's eyes, where one is at hand. Attributes are read from
    dlib's vector of a face: without that recogniser they are not measured."""

    def __init__(
        self,
        detector: Detector,
        recognisers: Sequence[Recogniser] = (),
        seer: Seer | None = None,
    ):
        self._detector = detector
        known = any(isinstance(one, DlibRecogniser) for one in recognisers)
        self.attributes = Attributes(seer) if known else None

    def pose(self, pixels: np.ndarray) -> np.ndarray:
        """An aligned crop, uint8 [R, R, 3] -> [7], the values of POSE; NaN where no face is
        seen."""
        mesh = self._detector.mesh_of_crop(pixels)
        return np.full(len(POSE), np.nan) if mesh is None else np.array(of_mesh(mesh))

    def __call__(self, pixels: np.ndarray, vector: np.ndarray | None) -> np.ndarray:
        """An aligned crop and dlib's vector of it -> [10]; NaN for what is not seen or not
        measured."""
        rated = np.full(len(ATTRIBUTES), np.nan)
        if self.attributes and vector is not None:
            rated = self.attributes(pixels, vector)
        return np.concatenate([self.pose(pixels), rated])
