"""Measurements of one picture, as arrays of fixed shapes: a row of the protocol's tables.

Every picture is measured at SIZE pixels, whatever its own: compared pictures must not differ in
resolution. Where a picture's own landmarks are not found, recognisers get the place of the
source's: an attacker knows how pictures are aligned.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ... import images
from ...errors import WeightsError
from ...face import detect
from ...measure import attributes, kinds, niqe
from ...measure.identity.dlib_recogniser import DlibRecogniser
from ...measure.naturalness import seen
from ...measure.perceptual import features_at_hand
from ...options import ATTRIBUTES
from ...studio import Studio
from ...types import Face
from ..metrics import sharpness

SIZE = 256
MESH = (478, 3)
ENCODED = "mobilestylegan-1024"  # the model whose encoder's codes tell attributes as well

Row = dict[str, np.ndarray]


class Looker:
    """Measures pictures with a studio's networks, and some that only measure."""

    def __init__(self, studio: Studio):
        self._studio = studio
        self._features = features_at_hand(studio.device)
        if self._features is None:
            raise WeightsError(
                "the protocol looks at pictures with EfficientNet-Lite0, which is not on this "
                "machine; run `python -m facegen weights fetch efficientnet-lite0`"
            )
        self._hog = _hog()

    def face(self, pixels: np.ndarray) -> tuple[Face | None, np.ndarray]:
        """Find the face in an aligned crop of SIZE pixels, and its mesh [478, 3], NaN without."""
        detector = self._studio.detector
        mesh = detector.mesh_of_crop(pixels)
        if mesh is None:
            return None, np.full(MESH, np.nan)
        return detector.landmarks_of_crop(pixels), mesh

    def __call__(self, pixels: np.ndarray, instead: Face | None, fast: bool = False) -> Row:
        """Measure a crop, uint8 [R, R, 3].

        instead: the source's face, where the picture's is not found. fast: only recognisers,
        classifier, mesh and attributes."""
        pixels = images.resize(pixels, SIZE)
        found, mesh = self.face(pixels)
        row: dict[str, Any] = {"mesh": mesh.astype(np.float32)}
        for recogniser in self._studio.recognisers:
            vector = recogniser.embed(pixels, found or instead)
            row[f"vector {recogniser.name}"] = (
                np.full(128, np.nan) if vector is None else vector
            ).astype(np.float32)
        image = images.to_tensor(pixels).to(self._studio.device)
        assert self._features is not None
        with torch.no_grad():
            row["look"] = seen(self._features, image)[0].cpu().numpy().astype(np.float16)
        row["rated"] = self._by_features(row, attributes.rater("dlib+classifier"), ATTRIBUTES)
        row["kinds"] = self._by_features(row, kinds.classifier(), kinds.KINDS)
        if not fast:
            self._more(row, pixels, image, found)
        return {name: np.asarray(value) for name, value in row.items()}

    def _more(
        self, row: dict[str, Any], pixels: np.ndarray, image: torch.Tensor, found: Face | None
    ) -> None:
        """Add the measures of sources' pictures only."""
        confidence = self._studio.detector.confidence(pixels)
        row["mediapipe"] = bool(
            found and confidence >= detect.SURE and detect.implausible(found, SIZE) is None
        )
        row["hog"] = self._hog(pixels)
        row["encoded"] = self._encoded(image)
        natural = self._studio.natural
        row["natural"] = np.nan if natural is None else natural(pixels)
        row["sharpness"] = sharpness(pixels)
        row["quality"] = niqe.fitted()(pixels)

    def _by_features(
        self, row: Mapping[str, np.ndarray], rater: attributes.Rater, names: Sequence[str]
    ) -> np.ndarray:
        """Rate by existing measurements; NaN for each name where dlib is missing."""
        vector = row.get(f"vector {DlibRecogniser.name}")
        if vector is None:
            return np.full(len(names), np.nan)
        both = np.concatenate([vector, row["look"]]).astype(np.float64)
        return rater(both[None])[0]

    def _encoded(self, image: torch.Tensor) -> np.ndarray:
        model = self._studio.model
        if model.encode is None or model.info.name != ENCODED:
            return np.full(len(ATTRIBUTES), np.nan)
        with torch.no_grad():
            return attributes.of_code(model.encode(image).float().cpu())


def _hog() -> Any:
    """Load dlib's frontal detector: histograms of gradients, no network, from 2005's ideas."""
    import dlib

    detector, lock = dlib.get_frontal_face_detector(), threading.Lock()

    def detected(pixels: np.ndarray) -> bool:
        with lock:
            return bool(detector(np.ascontiguousarray(pixels), 0))

    return detected
