"""Whether two pictures show the same person, as judges of identity see it.

A judge turns an aligned face into a vector; the distance of two vectors, held against the
judge's threshold, is its opinion.
"""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path
from typing import Protocol

import numpy as np

from . import images
from .errors import WeightsError
from .types import Face, IdentityDistance


class Judge(Protocol):
    """What every judge of identity offers."""

    name: str
    threshold: float

    def embed(self, pixels: np.ndarray, face: Face | None) -> np.ndarray | None:
        """The vector, float64 [D], of an aligned crop, uint8 [R, R, 3]; None if it shows no face.

        face: what the detector found in the crop, None if nothing.
        """

    def distance(self, first: np.ndarray, second: np.ndarray) -> float:
        """How different two vectors are; below the threshold it is the same person."""


def compare(judge: Judge, first: np.ndarray, second: np.ndarray) -> IdentityDistance:
    """A judge's opinion of two of its vectors."""
    return IdentityDistance(judge.distance(first, second), judge.threshold)


class DlibJudge:
    """dlib's face recognition network: 128 numbers, Euclidean distance, threshold 0.6.

    http://blog.dlib.net/2017/02/high-quality-face-recognition-with-deep.html; the network and
    the five-point predictor are the files of the face_recognition_models package.

    An FFHQ crop has the face always in the same place, so dlib's face detector, which may
    fail, is replaced by the box it finds in the median. Over 4,950 pairs of different faces
    the distances are those of dlib's own pipeline (correlation 0.997, mean difference 0.006);
    half of the pairs lie above 0.80, 3.5 % below the threshold. A face shown at 64 pixels
    comes out 0.24 away from itself at 256 (95th percentile 0.31): what is compared should
    have one resolution.

    Safe to share between threads; loads its files on first use.
    """

    name = "dlib"
    threshold = 0.6  # the network was trained for it

    _SIZE = 256
    _BOX = (53, 78, 203, 228)  # left, top, right, bottom in a crop of 256

    def __init__(self):
        self._lock = threading.Lock()
        self._loaded = None

    def embed(self, pixels: np.ndarray, face: Face | None) -> np.ndarray | None:
        """float64 [128] of an aligned crop, uint8 [R, R, 3] of any R; None if face is None.

        The network gives a vector for anything, so without a face there is no opinion.
        Raises WeightsError.
        """
        if face is None:
            return None
        crop = np.ascontiguousarray(images.resize(pixels, self._SIZE))
        with self._lock:
            if self._loaded is None:
                self._loaded = _load_dlib()
            box, find_points, network = self._loaded
            return np.array(network.compute_face_descriptor(crop, find_points(crop, box)))

    def distance(self, first: np.ndarray, second: np.ndarray) -> float:
        return float(np.linalg.norm(first - second))


def _load_dlib():
    """(box, five-point predictor, network). Raises WeightsError if a package is missing."""
    # Only the files are wanted: importing the models' package needs setuptools.
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(
            "the weights of the identity judge are missing; "
            "run `pip install face_recognition_models`"
        )
    try:
        import dlib
    except ImportError as error:
        raise WeightsError(
            f"the identity judge needs dlib ({error}); run `pip install dlib-bin`"
        ) from error
    folder = Path(spec.submodule_search_locations[0]) / "models"
    try:
        return (
            dlib.rectangle(*DlibJudge._BOX),
            dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat")),
            dlib.face_recognition_model_v1(
                str(folder / "dlib_face_recognition_resnet_model_v1.dat")
            ),
        )
    except RuntimeError as error:
        raise WeightsError(
            f"the weights of the identity judge cannot be read ({error}); "
            "run `pip install --force-reinstall face_recognition_models`"
        ) from error
