"""Measurement of one picture: a row of arrays of fixed shapes.

Whatever is compared later is in the row. Where a picture's own landmarks are not found, recognisers
may be given the place of the source's: an attacker knows how pictures are aligned.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from .. import images
from ..errors import WeightsError
from ..face import detect
from ..face.landmarks import MESH_POINTS
from ..measure import attributes, kinds, niqe, structure
from ..measure.identity.dlib_recogniser import DlibRecogniser
from ..measure.observation import Observation, face_of
from ..options import ATTRIBUTES
from ..studio import Studio
from ..types import Face
from .metrics import sharpness
from .store import Row, row_of

SIZE = (
    256  # pixels, of a picture's own or shown so: compared pictures must not differ in resolution
)
MESH = (478, 3)
ENCODED = "mobilestylegan-1024"  # the model whose encoder's codes tell attributes as well


class Meter:
    """Measures aligned crops, uint8 [R, R, 3], with a studio's networks.

    Every row has
        mesh             [478, 3], in pixels of the crop; NaN without a face
        confidence       the detector's, 0 to 1
        plausible        whether plausible landmarks were found
        detected         plausible, and the detector is sure
        natural          a score, above 0 natural; NaN where it cannot be judged
        sharpness        in grey levels (metrics.sharpness)
        vector NAME      the recogniser's, [128]; NaN without a face
    """

    def __init__(self, studio: Studio):
        self.studio = studio

    def __call__(self, pixels: np.ndarray) -> Row:
        """Measure a picture, at its own size."""
        row = self._row(self.studio.observer(pixels), None)
        return row | row_of({"sharpness": sharpness(pixels)})

    def vectors(self, pixels: np.ndarray, face: Face | None) -> Row:
        """Embed a crop whose face is known; NaN without one."""
        found = {one.name: one.embed(pixels, face) for one in self.studio.recognisers}
        return {f"vector {name}": _vector(vector) for name, vector in found.items()}

    def _row(self, seen: Observation, vectors: Row | None) -> Row:
        plausible = seen.face is not None and detect.implausible(seen.face, seen.size) is None
        values: dict[str, Any] = {
            "mesh": np.full(MESH, np.nan) if seen.mesh is None else seen.mesh,
            "confidence": seen.confidence,
            "plausible": plausible,
            "detected": seen.trouble is None,
            "natural": np.nan if seen.natural is None else seen.natural,
            **{
                f"vector {one.name}": _vector(seen.vectors.get(one.name))
                for one in self.studio.recognisers
            },
            **(vectors or {}),
        }
        return row_of(values)


class HidingMeter(Meter):
    """Measures every picture at SIZE pixels, and what an attacker and a group are told by.

    A row has as well
        look             a classifier's features, float16 [D]
        rated, encoded   ATTRIBUTES by the raters and by the encoder, NaN without
        kinds            log odds of kinds.KINDS
        hog              whether dlib's detector finds a face
        quality          NIQE, lower is better
    """

    def __init__(self, studio: Studio):
        super().__init__(studio)
        if studio.observer.seer is None:
            raise WeightsError(
                "the protocol looks at pictures with EfficientNet-Lite0, which is not on this "
                "machine; run `python -m facegen weights fetch efficientnet-lite0`"
            )
        self._seer = studio.observer.seer
        self._hog = _hog()

    def __call__(self, pixels: np.ndarray, instead: Face | None = None, more: bool = True) -> Row:
        """Measure a picture. instead: the source's face, where the picture's is not found.

        more: also what is asked of sources' pictures only: sharpness, encoded, hog, quality."""
        pixels = images.resize(pixels, SIZE)
        seen = self.studio.observer(pixels)
        row = self._row(seen, self.vectors(pixels, instead) if seen.face is None else None)
        row["look"] = self._seer(pixels).numpy().astype(np.float16)
        row["rated"] = _by_features(row, attributes.rater("dlib+classifier"), ATTRIBUTES)
        row["kinds"] = _by_features(row, kinds.classifier(), kinds.KINDS)
        if more:
            row |= row_of(
                {
                    "sharpness": sharpness(pixels),
                    "encoded": self._encoded(pixels),
                    "hog": self._hog(pixels),
                    "quality": niqe.fitted()(pixels),
                }
            )
        return row

    def _encoded(self, pixels: np.ndarray) -> np.ndarray:
        model = self.studio.model
        if model.encode is None or model.info.name != ENCODED:
            return np.full(len(ATTRIBUTES), np.nan)
        image = images.to_tensor(pixels).to(self.studio.device)
        with torch.no_grad():
            return attributes.of_code(model.encode(image).float().cpu())


def face_in(row: Mapping[str, np.ndarray]) -> Face | None:
    """Build the face that a row was measured on; None without one."""
    mesh = row["mesh"].astype(np.float64)
    return None if np.isnan(mesh).any() else face_of(mesh[:MESH_POINTS])


def poses(fields: Mapping[str, np.ndarray]) -> np.ndarray:
    """Measure [N, 3] yaw, pitch, roll in degrees of a mesh [N, 478, 3]; NaN without a face."""

    def each() -> Iterator[tuple[float, float, float]]:
        for mesh in fields["mesh"]:
            missing = np.isnan(mesh).any()
            yield (np.nan,) * 3 if missing else structure.pose(mesh[:MESH_POINTS])

    return np.array(list(each()))


def _vector(vector: np.ndarray | None) -> np.ndarray:
    return (np.full(128, np.nan) if vector is None else vector).astype(np.float32)


def _by_features(
    row: Mapping[str, np.ndarray], rater: attributes.Rater, names: Sequence[str]
) -> np.ndarray:
    """Rate by a row's features; NaN for each name where dlib is missing."""
    vector = row.get(f"vector {DlibRecogniser.name}")
    if vector is None:
        return np.full(len(names), np.nan)
    both = np.concatenate([vector, row["look"]]).astype(np.float64)
    return rater(both[None])[0]


def _hog() -> Any:
    """Load dlib's frontal detector: histograms of gradients, no network, from 2005's ideas."""
    import dlib

    detector, lock = dlib.get_frontal_face_detector(), threading.Lock()

    def detected(pixels: np.ndarray) -> bool:
        with lock:
            return bool(detector(np.ascontiguousarray(pixels), 0))

    return detected
