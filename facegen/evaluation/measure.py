"""Measurement of one picture: a row of arrays of fixed shapes.

Whatever is compared later is in the row. Where a picture's own landmarks are not found, recognisers
may be given the place of the source's: an attacker knows how pictures are aligned.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from scipy.spatial.transform import Rotation
from scipy.special import gamma

from .. import images
from ..errors import WeightsError
from ..face import detect
from ..face.landmarks import MESH_POINTS
from ..measure import attributes, gaze, kinds, structure
from ..measure.identity.dlib_recogniser import DlibRecogniser
from ..measure.observation import face_of
from ..options import ATTRIBUTES
from ..studio import Studio
from ..types import Face
from .metrics import sharpness
from .store import Row, row_of

SIZE = 256  # pixels, of a picture's own or shown so: compared ones must not differ in resolution
MESH = (478, 3)
ENCODED = "mobilestylegan-1024"  # the model whose encoder's codes tell attributes as well

# Quality without a reference: how far a picture's statistics lie from those of good pictures. NIQE:
# Mittal, Soundararajan, Bovik, "Making a completely blind image quality analyzer", IEEE Signal
# Processing Letters 20, 2013, https://doi.org/10.1109/LSP.2012.2227726. Fitted by
# benchmarks/quality.py on the faces 1 to 704 of One Million Impressions at 256 pixels in place of
# the authors' photographs, so its numbers cannot be compared with those of papers. Lower is better:
# the median of a hundred other faces is 1.9, of the same blurred by a pixel 4.2, as JPEG of quality
# 20 5.3, with noise of 12 grey levels 9.2.
QUALITY_FILE = Path(__file__).parents[1] / "data" / "quality.json"
NIQE_SIZE = 256  # pixels at which pictures are measured
PATCH = 64  # pixels of a patch at the full size, half of it at half the size
_WINDOW, _SIGMA = (7, 7), 7 / 6
_ALPHAS = np.arange(0.2, 10.001, 0.001)
_RATIOS = gamma(2 / _ALPHAS) ** 2 / (gamma(1 / _ALPHAS) * gamma(3 / _ALPHAS))
_SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))


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
            row |= row_of({"hog": self._hog(pixels), "quality": fitted_quality()(pixels)})
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


@dataclass(frozen=True)
class Quality:
    """A Gaussian over the statistics of patches: mean [36], covariance [36, 36]."""

    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, patches: np.ndarray) -> Quality:
        """Fit to patches [N, 36]."""
        return cls(patches.mean(axis=0), np.cov(patches, rowvar=False))

    def __call__(self, pixels: np.ndarray) -> float:
        """Measure uint8 [H, W, 3]: the distance of the paper's equation 10; 0 is best."""
        other = Quality.of(patch_statistics(pixels))
        shift = self.mean - other.mean
        both = np.linalg.pinv((self.covariance + other.covariance) / 2)
        return float(np.sqrt(max(shift @ both @ shift, 0.0)))


@lru_cache(maxsize=1)
def fitted_quality() -> Quality:
    """Load the one that comes with Facegen."""
    found = json.loads(QUALITY_FILE.read_text(encoding="utf-8"))
    return Quality(np.array(found["mean"]), np.array(found["covariance"]))


def patch_statistics(pixels: np.ndarray) -> np.ndarray:
    """Compute the statistics [N, 36] of a picture's patches, uint8 [H, W, 3], at NIQE_SIZE."""
    whole = np.ascontiguousarray(pixels)
    grey: np.ndarray = cv2.cvtColor(whole, cv2.COLOR_RGB2GRAY).astype(np.float64)
    if grey.shape != (NIQE_SIZE, NIQE_SIZE):
        grey = cv2.resize(grey, (NIQE_SIZE, NIQE_SIZE), interpolation=cv2.INTER_AREA)
    half: np.ndarray = cv2.resize(
        grey, (NIQE_SIZE // 2, NIQE_SIZE // 2), interpolation=cv2.INTER_AREA
    )
    found = []
    for picture, side in ((grey, PATCH), (half, PATCH // 2)):
        normal = _normalised(picture)
        places = range(0, picture.shape[0], side)
        found.append(
            [_of_patch(normal[y : y + side, x : x + side]) for y in places for x in places]
        )
    return np.concatenate([np.array(part) for part in found], axis=1)


def _normalised(grey: np.ndarray) -> np.ndarray:
    mean = cv2.GaussianBlur(grey, _WINDOW, _SIGMA)
    variance = cv2.GaussianBlur(grey * grey, _WINDOW, _SIGMA) - mean * mean
    return (grey - mean) / (np.sqrt(np.clip(variance, 0, None)) + 1)


def _of_patch(patch: np.ndarray) -> list[float]:
    found = [*_two_sided(patch)[:1], float(np.mean(patch**2))]
    for down, right in _SHIFTS:
        moved = np.roll(patch, (down, right), axis=(0, 1))
        shape, left, spread = _two_sided(patch * moved)
        mean = (spread - left) * gamma(2 / shape) / gamma(1 / shape)
        found += [shape, mean, left, spread]
    return found


def _two_sided(values: np.ndarray) -> tuple[float, float, float]:
    """Fit an asymmetric generalised Gaussian by moments: (shape, left, right spread)."""
    values = values.ravel()
    below, above = values[values < 0], values[values > 0]
    left = float(np.sqrt(np.mean(below**2))) if len(below) else 1e-6
    right = float(np.sqrt(np.mean(above**2))) if len(above) else 1e-6
    ratio = left / right
    of_means = np.mean(np.abs(values)) ** 2 / max(float(np.mean(values**2)), 1e-12)
    wanted = of_means * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    shape = float(_ALPHAS[np.argmin((_RATIOS - wanted) ** 2)])
    factor = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, left * factor, right * factor
