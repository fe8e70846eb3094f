"""How far a variant's pose and geometry moved from the reference's.

Convention
    See landmarks.py for points. Angles in degrees, of the face as the viewer sees it: yaw is
    positive when it turns to the viewer's right, pitch when it looks down, roll when it leans
    clockwise. The rotation is composed as R = Rz(roll) Ry(-yaw) Rx(pitch) in the axes
    x right, y down, z away from the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..face.landmarks import MESH_TO_68, deviation
from ..types import Face, StructureDelta

# The part of a face that keeps its shape whatever the mouth, jaw and brows do: corners of the
# eyes, bridge, tip and wings of the nose, and where they lie in the mean face. Measured:
# the mesh of 400 synthetic faces (One Million Impressions, 1 to 400) brought together by
# generalised Procrustes analysis, mirrored copies included, the outer corners of the eyes one
# apart, turned so that the median pitch is zero.
_RIGID = (36, 39, 42, 45, 27, 28, 29, 30, 31, 33, 35)
_MEAN_FACE = np.array(
    [
        (-0.500, -0.426, 0.028),
        (-0.195, -0.403, -0.033),
        (0.195, -0.403, -0.033),
        (0.500, -0.426, 0.028),
        (0.000, -0.460, -0.228),
        (0.000, -0.291, -0.329),
        (0.000, -0.133, -0.449),
        (0.000, -0.035, -0.473),
        (-0.157, 0.054, -0.226),
        (0.000, 0.100, -0.266),
        (0.157, 0.054, -0.226),
    ]
)


@dataclass(frozen=True)
class Expression:
    """Openings of the mouth and the eyes, in distances between points of the mesh in space.

    mouth: between the inner lips, smile: between the corners of the mouth, both over the distance
    between the outer corners of the eyes. eyes: height over width, mean of both (the eye aspect
    ratio, Soukupova and Cech, CVWW 2016). Distances in space do not change when the head turns."""

    mouth: float
    smile: float
    eyes: float


def expression(mesh: np.ndarray) -> Expression:
    """Measure the expression of a mediapipe mesh [468, 3]."""
    points = np.asarray(mesh, dtype=np.float64)[list(MESH_TO_68)]

    def apart(first: int, second: int) -> float:
        return float(np.linalg.norm(points[first] - points[second]))

    def opening(eye: int) -> float:
        heights = apart(eye + 1, eye + 5) + apart(eye + 2, eye + 4)
        return heights / 2 / apart(eye, eye + 3)

    across = apart(36, 45)
    return Expression(
        mouth=apart(62, 66) / across,
        smile=apart(48, 54) / across,
        eyes=(opening(36) + opening(42)) / 2,
    )


def measure(reference: Face, variant: Face) -> StructureDelta:
    """Measure what moved between two faces found in aligned crops of one size."""
    yaw, pitch, roll = np.subtract(pose(variant.mesh), pose(reference.mesh))
    now, before = expression(variant.mesh), expression(reference.mesh)
    return StructureDelta(
        landmark_nme=deviation(variant.landmarks, reference.landmarks),
        yaw_delta=float(yaw),
        pitch_delta=float(pitch),
        roll_delta=float(roll),
        mouth_delta=now.mouth - before.mouth,
        smile_delta=now.smile - before.smile,
        eyes_delta=now.eyes - before.eyes,
    )


def pose(mesh: np.ndarray) -> tuple[float, float, float]:
    """Measure (yaw, pitch, roll) in degrees of a mediapipe mesh [468, 3].

    Zero is the mean face seen from the front. Mirrored pictures agree within 1.5 degrees (standard
    deviation), so do a picture and its copy of 64 pixels."""
    points = np.asarray(mesh, dtype=np.float64)[[MESH_TO_68[index] for index in _RIGID]]
    turn = _rotation(_MEAN_FACE, points)
    yaw = np.arcsin(np.clip(turn[2, 0], -1, 1))
    pitch = np.arctan2(turn[2, 1], turn[2, 2])
    roll = np.arctan2(turn[1, 0], turn[0, 0])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))


def _rotation(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Fit the rotation [3, 3] that takes source points [K, 3] nearest to target points.

    Least squares over rotation, translation and scale: Kabsch, Acta Cryst. A32 (1976) 922; Umeyama,
    IEEE PAMI 13 (1991) 376, equation 40."""
    covariance = (target - target.mean(axis=0)).T @ (source - source.mean(axis=0))
    left, _, right = np.linalg.svd(covariance)
    no_mirror = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    return left @ no_mirror @ right
