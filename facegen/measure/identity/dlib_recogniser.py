"""Identity: whether recognisers take two pictures for the same person.

A recogniser turns an aligned face into a vector; the distance of two vectors is compared with the
recogniser's threshold. What a distance means among strangers is in calibration.py.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
import torch

from ... import images, limits
from ...errors import WeightsError
from ...networks.recognisers import CHIP, FaceResNet
from ...types import Face, IdentityDistance
from . import dlib_network


class Recogniser(Protocol):
    """Interface of every recogniser of identity."""

    name: str
    threshold: float

    def embed(self, pixels: np.ndarray, face: Face | None) -> np.ndarray | None:
        """Embed an aligned crop, uint8 [R, R, 3]: float64 [D]; None if it shows no face.

        face: what the detector found in the crop, None if nothing."""

    def embed_all(
        self, pixels: Sequence[np.ndarray], faces: Sequence[Face | None]
    ) -> list[np.ndarray | None]:
        """Embed several crops at once: the same numbers in less time."""

    def distance(self, first: np.ndarray, second: np.ndarray) -> float:
        """Return how different two vectors are; below the threshold it is the same person."""

    def distances(self, one: np.ndarray, many: np.ndarray) -> np.ndarray:
        """Compare one vector [D], or several [M, D], with many [N, D]; returns [N] or [M, N]."""


def compare(recogniser: Recogniser, first: np.ndarray, second: np.ndarray) -> IdentityDistance:
    """Compare two of a recogniser's vectors."""
    return IdentityDistance(recogniser.distance(first, second), recogniser.threshold)


class DlibRecogniser:
    """dlib's face recognition network: 128 numbers, Euclidean distance, threshold 0.6.

    http://blog.dlib.net/2017/02/high-quality-face-recognition-with-deep.html; the network and the
    five-point predictor are the files of the face_recognition_models package. The network itself
    runs in PyTorch (dlib_network.py), which gives dlib's vectors, batched, in a tenth of dlib's
    time.

    An FFHQ crop has the face always in the same place, so dlib's face detector, which may fail, is
    replaced by the box it finds in the median. Over 4,950 pairs of different faces the distances
    are those of dlib's own pipeline (correlation 0.997, mean difference 0.006). A face shown at 64
    pixels comes out 0.24 away from itself at 256 (95th percentile 0.31), so compared pictures
    should have one resolution.

    Safe to share between threads; loads its files on first use."""

    name = "dlib"
    threshold = limits.DLIB_SAME

    _SIZE = 256
    _BOX = (53, 78, 203, 228)  # left, top, right, bottom in a crop of 256
    _PADDING = 0.25  # of the chip around the face, as compute_face_descriptor has it
    _BATCH = 16

    def __init__(self, device: torch.device | str = "cpu"):
        self._device = torch.device(device)
        self._lock = threading.Lock()

    def embed(self, pixels: np.ndarray, face: Face | None) -> np.ndarray | None:
        """Embed an aligned crop, uint8 [R, R, 3] of any R: float64 [128]; None if face is None.

        The network gives a vector for anything, so without a face there is none. Raises
        WeightsError."""
        return self.embed_all([pixels], [face])[0]

    def embed_all(
        self, pixels: Sequence[np.ndarray], faces: Sequence[Face | None]
    ) -> list[np.ndarray | None]:
        """Embed several crops, as `embed`."""
        seen = [i for i, face in enumerate(faces) if face is not None]
        chips = self._chips([pixels[i] for i in seen])
        vectors: list[np.ndarray | None] = [None] * len(faces)
        for start in range(0, len(seen), self._BATCH):
            batch = images.to_tensor(chips[start : start + self._BATCH]).to(self._device)
            with torch.no_grad():
                found = self._network(batch).double().cpu().numpy()
            for i, vector in zip(seen[start:], found, strict=False):
                vectors[i] = vector
        return vectors

    def distance(self, first: np.ndarray, second: np.ndarray) -> float:
        return float(np.linalg.norm(first - second))

    def distances(self, one: np.ndarray, many: np.ndarray) -> np.ndarray:
        squares = (one**2).sum(axis=-1)[..., None] + (many**2).sum(axis=1) - 2 * one @ many.T
        return np.sqrt(np.maximum(squares, 0.0))

    def _chips(self, pixels: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Cut the network's inputs, uint8 [150, 150, 3] each, turned upright."""
        if not pixels:
            return []
        crops = [np.ascontiguousarray(images.resize(crop, self._SIZE)) for crop in pixels]
        with self._lock:
            cut, box, find_points = self._cutter
            return [cut(crop, find_points(crop, box), CHIP, self._PADDING) for crop in crops]

    @cached_property
    def _network(self) -> FaceResNet:
        return dlib_network.load_face_resnet().to(self._device)

    @cached_property
    def _cutter(self) -> tuple:
        return _load_dlib()


def _load_dlib() -> tuple:
    """Load (chip cutter, box, five-point predictor). Raises WeightsError for a missing package."""
    path = dlib_network.dlib_file("shape_predictor_5_face_landmarks.dat")
    try:
        import dlib
    except ImportError as error:
        raise WeightsError(
            f"the identity recogniser needs dlib ({error}); run `pip install dlib-bin`"
        ) from error
    try:
        return (
            dlib.get_face_chip,
            dlib.rectangle(*DlibRecogniser._BOX),
            dlib.shape_predictor(str(path)),
        )
    except RuntimeError as error:
        raise WeightsError(
            f"the weights of the identity recogniser cannot be read ({error}); "
            "run `pip install --force-reinstall face_recognition_models`"
        ) from error
