"""SFace through OpenCV: the second judge of identity, where its file was fetched.

Y. Zhong et al., SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition, IEEE
TIP 30 (2021), https://arxiv.org/abs/2205.12010; OpenCV's port and its threshold:
https://docs.opencv.org/4.x/d0/dd4/tutorial_dnn_face.html.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from . import images, landmarks
from .errors import WeightsError
from .types import Face


class SFaceJudge:
    """128 numbers; distance 1 - cosine; the same person below 1 - 0.363, OpenCV's threshold.

    Safe to share between threads; loads its file on first use.
    """

    name = "sface"
    threshold = 1 - 0.363

    _SIZE = 256  # the crop's, before OpenCV cuts its 112 pixels out of it
    _NOSE_TIP = 30

    def __init__(self, path: Path):
        self._path = path
        self._lock = threading.Lock()
        self._network = None

    def embed(self, pixels: np.ndarray, face: Face | None) -> np.ndarray | None:
        """float64 [128] of an aligned crop, uint8 [R, R, 3]; None if face is None.

        face: the landmarks, in pixels of that crop. Raises WeightsError.
        """
        if face is None:
            return None
        crop = np.ascontiguousarray(images.resize(pixels, self._SIZE)[:, :, ::-1])
        row = self._row(face, self._SIZE / pixels.shape[1])
        with self._lock:
            if self._network is None:
                self._network = _load(self._path)
            vector = self._network.feature(self._network.alignCrop(crop, row))
        return np.array(vector, dtype=np.float64).ravel()

    def embed_all(
        self, pixels: Sequence[np.ndarray], faces: Sequence[Face | None]
    ) -> list[np.ndarray | None]:
        """As `embed`, one by one: OpenCV's recogniser takes no batches."""
        return [self.embed(one, face) for one, face in zip(pixels, faces, strict=True)]

    def distance(self, first: np.ndarray, second: np.ndarray) -> float:
        norms = np.linalg.norm(first) * np.linalg.norm(second)
        return float(1 - first @ second / max(norms, 1e-12))

    @classmethod
    def _row(cls, face: Face, scale: float) -> np.ndarray:
        """A row as YuNet gives it: box, then eyes, nose tip and mouth corners, left to right."""
        points = landmarks.anchors(face.landmarks)
        five = (
            points.left_eye,
            points.right_eye,
            face.landmarks[cls._NOSE_TIP],
            points.left_mouth,
            points.right_mouth,
        )
        left, top, right, bottom = face.box
        box = (left, top, right - left, bottom - top)
        row = np.concatenate([box, np.ravel(five), [1.0]])
        row[:14] *= scale
        return row.astype(np.float32)[None]


def _load(path: Path):
    import cv2

    try:
        return cv2.FaceRecognizerSF.create(str(path), "")
    except cv2.error as error:
        raise WeightsError(
            f"{path.name} cannot be read as SFace ({error.err}); delete it and fetch it again"
        ) from error
