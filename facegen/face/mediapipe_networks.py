"""mediapipe's networks, in pixels: what face/detect.py asks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..errors import FacegenError
from . import landmarks

CROP = 256  # a cut-out's size; the mesh's network then sees the face at its own 192
PROPOSE_SCORE = 0.5
LEAST_HAND = 0.6
LEAST_CONFIDENCE = 0.02  # what `confidence` still tells apart from nothing
# mediapipe counts from the middle of the first pixel, we from its edge: half a pixel. Across,
# its network errs to the right by as much at this size of cut-out (seen by mirroring pictures:
# 0.43 pixels over 80 faces), and the two cancel.
MESH_OFFSET = np.array([0.0, 0.5, 0.0])


class Networks:
    """mediapipe's graphs, in pixels. For one thread at a time."""

    def __init__(self) -> None:
        self._hands: Any = None
        with _muted_stderr():
            try:
                import mediapipe
            except ImportError as error:  # on a slim Linux: OpenCV without its libraries
                raise FacegenError(
                    f"the face detector cannot be loaded ({error}); run `pip install -r "
                    "requirements.txt`, on a slim Linux also `apt-get install libgl1 libglib2.0-0`"
                ) from error
            faces, meshes = mediapipe.solutions.face_detection, mediapipe.solutions.face_mesh
            self._near = faces.FaceDetection(PROPOSE_SCORE, model_selection=0)
            self._unsure = faces.FaceDetection(LEAST_CONFIDENCE, model_selection=0)
            self._far = faces.FaceDetection(PROPOSE_SCORE, model_selection=1)
            self._mesh = meshes.FaceMesh(
                static_image_mode=True, max_num_faces=2, refine_landmarks=True
            )
            # The graphs grumble once, at their first picture and at their first face. With
            # thresholds of zero anything is a face.
            blank = np.zeros((CROP, CROP, 3), dtype=np.uint8)
            anything = meshes.FaceMesh(True, 1, True, 0.0, 0.0)
            for graph in (self._near, self._unsure, self._far, self._mesh, anything):
                graph.process(blank)
            anything.close()

    def near(self, pixels: np.ndarray) -> list[tuple[float, float, float, float]]:
        """(x, y, side, score) of the faces within two metres of the camera, as it were."""
        return self._detections(self._near, pixels)

    def anything_near(self, pixels: np.ndarray) -> list[tuple[float, float, float, float]]:
        """As `near`, with what it hardly believes itself."""
        return self._detections(self._unsure, pixels)

    def far(self, pixels: np.ndarray) -> list[tuple[float, float, float, float]]:
        """(x, y, side, score) of the faces within five metres."""
        return self._detections(self._far, pixels)

    def mesh(self, pixels: np.ndarray) -> np.ndarray | None:
        """float64 [468, 3], the mesh nearest to the middle of a cut-out [CROP, CROP, 3]."""
        found = self.mesh_with_irises(pixels)
        return None if found is None else found[: landmarks.MESH_POINTS]

    def mesh_with_irises(self, pixels: np.ndarray) -> np.ndarray | None:
        """The same with five points on each iris behind it, float64 [478, 3]."""
        assert pixels.shape == (CROP, CROP, 3), pixels.shape
        found = self._mesh.process(pixels).multi_face_landmarks
        if not found:
            return None
        points = [[(p.x, p.y, p.z) for p in face.landmark] for face in found]
        meshes = np.array(points) * CROP + MESH_OFFSET  # z too is in units of the width
        offsets = meshes[:, : landmarks.MESH_POINTS, :2].mean(axis=1) - CROP / 2
        return meshes[np.hypot(*offsets.T).argmin()]

    def hands(self, pixels: np.ndarray) -> list[np.ndarray]:
        """float64 [21, 2] of each hand in a crop, uint8 [S, S, 3]; see face/hands.py."""
        if self._hands is None:  # a second or so, and 8 MB, that only whole photos want
            import mediapipe

            with _muted_stderr():
                self._hands = mediapipe.solutions.hands.Hands(
                    static_image_mode=True, max_num_hands=4,
                    min_detection_confidence=LEAST_HAND,
                )  # fmt: skip
                self._hands.process(np.zeros((CROP, CROP, 3), dtype=np.uint8))
        found = self._hands.process(pixels).multi_hand_landmarks or ()
        size = np.array(pixels.shape[1::-1])
        return [np.array([(p.x, p.y) for p in hand.landmark]) * size + 0.5 for hand in found]

    @staticmethod
    def _detections(graph: Any, pixels: np.ndarray) -> list[tuple[float, float, float, float]]:
        height, width = pixels.shape[:2]
        boxes = []
        for found in graph.process(pixels).detections or ():
            box = found.location_data.relative_bounding_box
            x, y = (box.xmin + box.width / 2) * width, (box.ymin + box.height / 2) * height
            side = max(box.width * width, box.height * height)
            boxes.append((x, y, side, found.score[0]))
        return boxes


@contextlib.contextmanager
def _muted_stderr() -> Iterator[None]:
    """Silence what native code writes to the standard error while the block runs.

    mediapipe's C++ logs before its log is initialised, which no environment variable
    controls; a command line whose errors are one line must not show it.
    """
    try:
        saved = os.dup(2)
    except OSError:  # no standard error at all (a windowed Python)
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
