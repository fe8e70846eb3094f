"""Measurement of one picture: a row of arrays of fixed shapes.

Whatever is compared later is in the row. Where a picture's own landmarks are not found, recognisers
may be given the place of the source's: an attacker knows how pictures are aligned.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from .. import images
from ..errors import WeightsError
from ..face import detect
from ..face.landmarks import MESH_POINTS
from ..measure import attributes, gaze, kinds, niqe, structure
from ..measure.identity.dlib_recogniser import DlibRecogniser
from ..measure.observation import face_of
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

    def __call__(self, pixels: np.ndarray, instead: Face | None = None) -> Row:
        """Measure a picture, at its own size. instead: the face, where none is found."""
        seen = self.studio.observer(pixels)
        values = {
            "mesh": np.full(MESH, np.nan) if seen.mesh is None else seen.mesh,
            "confidence": seen.confidence,
            "plausible": bool(seen.face and not detect.implausible(seen.face, seen.size)),
            "detected": seen.trouble is None,
            "natural": np.nan if seen.natural is None else seen.natural,
            "sharpness": sharpness(pixels),
        }
        known = _vectors(seen.vectors) if seen.face else self.vectors(pixels, instead)
        return row_of(values) | known

    def vectors(self, pixels: np.ndarray, face: Face | None) -> Row:
        """Embed a crop whose face is known."""
        return _vectors({one.name: one.embed(pixels, face) for one in self.studio.recognisers})


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

        more: also what is asked of sources' pictures only: encoded, hog, quality."""
        pixels = images.resize(pixels, SIZE)
        row = super().__call__(pixels, instead)
        row["look"] = self._seer(pixels).numpy().astype(np.float16)
        row["rated"] = _by_features(row, attributes.rater("dlib+classifier"), ATTRIBUTES)
        row["kinds"] = _by_features(row, kinds.classifier(), kinds.KINDS)
        if more:
            row["encoded"] = self._encoded(pixels)
            row |= row_of({"hog": self._hog(pixels), "quality": niqe.fitted()(pixels)})
        return row

    def _encoded(self, pixels: np.ndarray) -> np.ndarray:
        model = self.studio.model
        if model.encode is None or model.info.name != ENCODED:
            return np.full(len(ATTRIBUTES), np.nan)
        image = images.to_tensor(pixels).to(self.studio.device)
        with torch.no_grad():
            return attributes.of_code(model.encode(image).float().cpu())


def face_in(mesh: np.ndarray) -> Face | None:
    """Build the face of a row's mesh; None without one."""
    return None if np.isnan(mesh).any() else face_of(mesh[:MESH_POINTS])


def changes(source: np.ndarray, picture: np.ndarray) -> dict[str, float]:
    """Compare the mesh [478, 3] of a picture with its source's; empty where one has no face.

    Returns the fields of StructureDelta and whether it is `kept`; the largest of its angles, in
    degrees; the angles in radians by which the pose and the gaze were turned; and the mean change
    of the expression."""
    before, now = face_in(source), face_in(picture)
    if before is None or now is None:
        return {}
    moved = structure.measure(before, now)
    return {
        **vars(moved),
        "kept": moved.kept,
        "largest_angle": max(map(abs, (moved.yaw_delta, moved.pitch_delta, moved.roll_delta))),
        "pose": _turned(structure.pose(before.mesh), structure.pose(now.mesh)),
        "gaze": gaze.apart(gaze.direction(source), gaze.direction(picture)),
        "expression": float(
            np.mean(np.abs((moved.mouth_delta, moved.smile_delta, moved.eyes_delta)))
        ),
    }


def poses(fields: Mapping[str, np.ndarray]) -> np.ndarray:
    """Measure [N, 3] yaw, pitch, roll in degrees of meshes [N, 478, 3]; NaN without a face."""
    nothing = (np.nan,) * 3
    return np.array(
        [
            nothing if np.isnan(mesh).any() else structure.pose(mesh[:MESH_POINTS])
            for mesh in fields["mesh"]
        ]
    )


def _vectors(found: Mapping[str, np.ndarray | None]) -> Row:
    nothing = np.full(128, np.nan)
    return {
        f"vector {name}": (nothing if vector is None else vector).astype(np.float32)
        for name, vector in found.items()
    }


def _turned(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the angle in radians between two poses (yaw, pitch, roll) in degrees."""
    # R = Rz(roll) Ry(-yaw) Rx(pitch), as in structure.pose
    a, b = (
        Rotation.from_euler("ZYX", (roll, -yaw, pitch), degrees=True)
        for yaw, pitch, roll in (first, second)
    )
    return float((a.inv() * b).magnitude())


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
