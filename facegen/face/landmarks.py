"""Geometry of a face: mediapipe's mesh, the 68 points, and measures of them.

Convention
    Points are (x, y), or (x, y, z) for the mesh, in pixels; x to the right, y down, z away
    from the camera; the centre of the first pixel is (0.5, 0.5).
    "left" and "right" are the viewer's: the left eye is the one with the smaller x in an
    upright picture (the person's own right eye). Points are ordered as the person has them,
    so on an upside-down face the left eye has the larger x.
    The 68 points are the iBUG 300-W definition (https://ibug.doc.ic.ac.uk/resources/300-W/):
    0-16 jaw, 17-26 brows, 27-35 nose, 36-41 left eye, 42-47 right eye, 48-67 mouth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MESH_POINTS = 468

# Point of mediapipe's mesh for each of the 68: the vertex nearest to dlib's point over 300
# faces, kept symmetric, the jaw kept on the mesh's outline. They differ from dlib's, in
# fractions of the outer-eye distance, by 0.02 (eyes, nose, mouth), 0.045 (brows) and 0.06 (jaw).
MESH_TO_68 = (
    *(127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356),  # jaw
    *(70, 63, 105, 66, 107),  # left brow
    *(336, 296, 334, 293, 300),  # right brow
    *(168, 197, 5, 4),  # bridge of the nose
    *(75, 97, 2, 326, 305),  # nostrils
    *(33, 160, 158, 133, 153, 144),  # left eye, clockwise from the outer corner
    *(362, 385, 387, 263, 373, 380),  # right eye, clockwise from the inner corner
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # lips, outer line
    *(78, 82, 13, 312, 308, 317, 14, 87),  # lips, inner line
)

# Which of the 68 points takes a point's place in the mirror.
MIRRORED = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *(27, 28, 29, 30, 35, 34, 33, 32, 31),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
)

CHIN = 8
BROWS = slice(17, 27)
LEFT_EYE = slice(36, 42)
RIGHT_EYE = slice(42, 48)
LEFT_EYE_OUTER, RIGHT_EYE_OUTER = 36, 45
LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER = 48, 54


def from_mesh(mesh: np.ndarray) -> np.ndarray:
    """Select the 68 points, float64 [68, 2], of a mediapipe mesh [468 or 478, 2 or 3]."""
    return np.asarray(mesh, dtype=np.float64)[list(MESH_TO_68), :2]


def mirror(landmarks: np.ndarray, width: float) -> np.ndarray:
    """Mirror the 68 points [68, 2] of a face in a picture of this width."""
    mirrored = landmarks[list(MIRRORED)]
    mirrored[:, 0] = width - mirrored[:, 0]
    return mirrored


def deviation(landmarks: np.ndarray, reference: np.ndarray) -> float:
    """Return two sets' mean distance [68, 2] over the reference's outer-eye distance (NME)."""
    distances = np.linalg.norm(landmarks - reference, axis=1)
    return float(distances.mean()) / outer_eye_distance(reference)


@dataclass(frozen=True)
class Anchors:
    """The four points that define the FFHQ crop, float64 [2] each.

    An eye's centre is the mean of its six landmarks."""

    left_eye: np.ndarray
    right_eye: np.ndarray
    left_mouth: np.ndarray
    right_mouth: np.ndarray

    @property
    def eyes(self) -> np.ndarray:
        """Return the point midway between the eyes."""
        return (self.left_eye + self.right_eye) / 2

    @property
    def mouth(self) -> np.ndarray:
        """Return the point midway between the corners of the mouth."""
        return (self.left_mouth + self.right_mouth) / 2


def anchors(landmarks: np.ndarray) -> Anchors:
    """Compute eye centres and mouth corners of the 68 points [68, 2]."""
    return Anchors(
        left_eye=landmarks[LEFT_EYE].mean(axis=0),
        right_eye=landmarks[RIGHT_EYE].mean(axis=0),
        left_mouth=landmarks[LEFT_MOUTH_CORNER],
        right_mouth=landmarks[RIGHT_MOUTH_CORNER],
    )


def outer_eye_distance(landmarks: np.ndarray) -> float:
    """Measure between the outer corners of the eyes, in pixels: the field's yardstick."""
    return float(np.linalg.norm(landmarks[RIGHT_EYE_OUTER] - landmarks[LEFT_EYE_OUTER]))


def eyes_to_chin(landmarks: np.ndarray) -> float:
    """Measure from the chin to the middle of the eyes' outer corners, in pixels.

    The size of a face: unlike a detector's box it means the same for every detector."""
    eyes = (landmarks[LEFT_EYE_OUTER] + landmarks[RIGHT_EYE_OUTER]) / 2
    return float(np.linalg.norm(landmarks[CHIN] - eyes))


def tilt(landmarks: np.ndarray) -> float:
    """Return the degrees by which the face leans from upright, -180 to 180; positive is clockwise.

    Taken from the line between eyes and mouth, which is longer and steadier than the one between
    the eyes when the head is turned aside."""
    points = anchors(landmarks)
    x, y = points.mouth - points.eyes
    return float(np.degrees(np.arctan2(-x, y)))
