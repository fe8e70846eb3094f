"""SFace: the second recogniser of identity, where its weights are available.

The network and its sources are in networks/recognisers.py. It was trained on research sets of
photographs of people, like every open recogniser.

Convention
    The network's input is a face turned, scaled and shifted (a similarity) so that its five points
    lie on TEMPLATE: the eyes, the tip of the nose and the corners of the mouth, left to right, in a
    picture of 112 x 112 pixels. TEMPLATE counts as OpenCV does, from the centre of the first
    pixel; landmarks of this project count from its corner.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
import torch

from ... import images, limits, weights
from ...face import landmarks
from ...models.loading import load
from ...networks.recognisers import SFACE_CHIP as CHIP
from ...networks.recognisers import SFace
from ...types import Face

NAME = "sface"
NOSE_TIP = 30  # of the 68 points
# Of ArcFace, https://github.com/deepinsight/insightface (face_align.py), as in OpenCV's
# FaceRecognizerSF::alignCrop.
TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)


def load_sface() -> SFace:
    """Load the network with its published weights, frozen, on the CPU. Raises WeightsError."""
    path, state, _ = weights.load(weights.find(NAME))
    with torch.device("meta"):
        network = SFace()
    load(network, state, path.name, "cpu")
    return network


class SFaceRecogniser:
    """SFace: 128 numbers; distance 1 - cosine, 0 to 2; the same person below the threshold.

    The threshold was measured (benchmarks/calibrate.py, docs/evaluation.md): below it lie about one
    in a thousand pairs of strangers and all but one in a thousand views of one face. OpenCV's
    customary 0.637, set on photographs of the same people, takes 27 to 29 in a thousand strangers
    for one person.

    Safe to share between threads; loads its weights on first use. load: a substitute network."""

    name = NAME
    threshold = limits.SFACE_SAME

    _BATCH = 16

    def __init__(self, device: torch.device | str = "cpu", load: Callable[[], SFace] = load_sface):
        self._device = torch.device(device)
        self._lock = threading.Lock()
        self._load = load
        self._network: SFace | None = None

    def embed(self, pixels: np.ndarray, face: Face | None) -> np.ndarray | None:
        """Embed an aligned crop, uint8 [R, R, 3]: float64 [128]; None if face is None.

        face: the landmarks, in pixels of that crop. Raises WeightsError."""
        return self.embed_all([pixels], [face])[0]

    def embed_all(
        self, pixels: Sequence[np.ndarray], faces: Sequence[Face | None]
    ) -> list[np.ndarray | None]:
        """Embed several crops, as `embed`."""
        vectors: list[np.ndarray | None] = [None] * len(faces)
        landmarks = {i: face.landmarks for i, face in enumerate(faces) if face is not None}
        seen = list(landmarks)
        if not seen:
            return vectors
        with self._lock:
            if self._network is None:
                self._network = self._load().to(self._device)
            network = self._network
        for start in range(0, len(seen), self._BATCH):
            part = seen[start : start + self._BATCH]
            chips = [chip(pixels[i], landmarks[i]) for i in part]
            with torch.no_grad():
                found = network(images.to_tensor(chips).to(self._device))
            for i, vector in zip(part, found.double().cpu().numpy(), strict=True):
                vectors[i] = vector
        return vectors

    def distance(self, first: np.ndarray, second: np.ndarray) -> float:
        norms = np.linalg.norm(first) * np.linalg.norm(second)
        return max(0.0, float(1 - first @ second / max(norms, 1e-12)))  # rounding ends below 0

    def distances(self, one: np.ndarray, many: np.ndarray) -> np.ndarray:
        norms = np.linalg.norm(one, axis=-1)[..., None] * np.linalg.norm(many, axis=1)
        return np.maximum(0.0, 1 - one @ many.T / np.maximum(norms, 1e-12))


def chip(pixels: np.ndarray, points: np.ndarray, largest: int = 256) -> np.ndarray:
    """Cut the network's input, uint8 [112, 112, 3], from a crop, uint8 [R, R, 3] of any R.

    points: the 68 landmarks, in pixels of the crop. largest: a crop of more pixels is averaged to
    this size first, as the chip only samples it. Black where the crop ends."""
    import cv2

    size = min(pixels.shape[1], largest)
    crop = np.ascontiguousarray(images.resize(pixels, size))
    matrix = similarity(five(points) * (size / pixels.shape[1]) - 0.5, TEMPLATE)
    return cv2.warpAffine(crop, matrix, (CHIP, CHIP), flags=cv2.INTER_LINEAR)


def five(points: np.ndarray) -> np.ndarray:
    """Return the eyes, tip of the nose and corners of the mouth, [5, 2], of the 68 landmarks."""
    found = landmarks.anchors(points)
    return np.stack(
        [
            found.left_eye,
            found.right_eye,
            points[NOSE_TIP],
            found.left_mouth,
            found.right_mouth,
        ]
    )


def similarity(points: np.ndarray, template: np.ndarray) -> np.ndarray:
    """Fit the turn, scale and shift, float64 [2, 3], from points [K, 2] to a template's.

    Least squares over z' = a z + b in complex numbers: a = sum(conj(z) z') / sum(|z|^2) of the
    centred points. The same as S. Umeyama, IEEE TPAMI 13 (1991), in the plane without mirroring."""
    z, wanted = (np.asarray(one, np.float64) @ (1, 1j) for one in (points, template))
    centred = z - z.mean()
    power = float(np.vdot(centred, centred).real)
    a = np.vdot(centred, wanted - wanted.mean()) / max(power, 1e-12)
    b = wanted.mean() - a * z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
