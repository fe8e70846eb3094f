"""mediapipe's networks, in pixels, for face/detect.py.

Their files come out of mediapipe's wheel (the registry's entry NAME); what mediapipe does around
them is done here, as its graphs describe it (https://ai.google.dev/edge/mediapipe and
https://github.com/google-ai-edge/mediapipe, modules/): BlazeFace's boxes are read off its anchors
and those of one face are averaged, a square that is turned with the face or the hand is cut out,
and the points found in it are put back.

Convention
    Within this file points are as mediapipe counts them, from the middle of the first pixel.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from .. import weights
from ..errors import WeightsError
from ..weights.formats import tflite
from . import landmarks
from .graph import Network

NAME = "mediapipe"  # in the registry
CROP = 256  # a cut-out's size; the mesh's network then sees the face at its own 192
NEAR_SCORE, FAR_SCORE = 0.5, 0.6  # from which the two detectors say that they see a face
LEAST_HAND = 0.6
# mediapipe counts from the middle of the first pixel, we from its edge: half a pixel. Across,
# its network errs to the right by as much at this size of cut-out (seen by mirroring pictures:
# 0.43 pixels over 80 faces), and the two cancel.
MESH_OFFSET = np.array([0.0, 0.5, 0.0])
_SAME = 0.3  # intersection over union from which two boxes show one face and are averaged
_SAME_SQUARE = 0.5  # likewise of the squares that are cut out, of which the last one counts
_MOST_FACES, _MOST_HANDS = 2, 4
_THERE = 0.5  # the network's own word for whether the face or hand is in its square
_FACE_SQUARE = 1.5  # its side over the box's
_HAND_SQUARE, _HAND_BEYOND = 2.6, 0.5  # likewise; by how much it lies nearer to the fingers
_EYES = (0, 1)  # of a face's key points; between them the face is level
_HAND_AXIS = (0, 2)  # of a hand's: from the wrist to the middle finger's root, which is up
_LOOKED_AT_AGAIN = 3  # the mouth and both eyes, in the outputs after the mesh; then the irises
_EYELIDS = 16  # the first of an eye's refined points; they are as deep as its iris


@dataclass(frozen=True)
class _Detection:
    """A face or hand. box: left, top, right, bottom. keys: float64 [K, 2]. All in pixels."""

    box: np.ndarray
    keys: np.ndarray
    score: float


@dataclass(frozen=True)
class _Square:
    """A square in a picture: its centre [2], its side, and its clockwise rotation."""

    centre: np.ndarray
    side: float
    angle: float = 0.0

    @property
    def axes(self) -> np.ndarray:
        """Return float64 [2, 2]: from its own directions to the picture's."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return np.array([[cos, -sin], [sin, cos]])

    @property
    def box(self) -> np.ndarray:
        """Return its left, top, right, bottom, as if it were not turned."""
        return np.concatenate([self.centre - self.side / 2, self.centre + self.side / 2])

    def cut(self, pixels: np.ndarray, size: int, border: int) -> np.ndarray:
        """Cut it out, float32 [size, size, 3] up to 255."""
        matrix = np.eye(3)
        matrix[:2, :2] = self.axes * (self.side / size)
        matrix[:2, 2] = self.centre - matrix[:2, :2] @ np.full(2, size / 2)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cut = cv2.warpPerspective(pixels, matrix, (size, size), flags=flags, borderMode=border)
        return cut.astype(np.float32)

    def back(self, points: np.ndarray) -> np.ndarray:
        """Take points [K, 2 or 3] from shares of the square to pixels of the picture."""
        found = points * self.side
        found[:, :2] = (found[:, :2] - self.side / 2) @ self.axes.T + self.centre
        return found


class _BlazeFace:
    """A BlazeFace detector: boxes and key points at fixed places of a picture, each with a score.

    grids: (cells a side, boxes a cell). low: the input's value for black; white is 1."""

    def __init__(self, network: Network, size: int, low: float, *grids: tuple[int, int]):
        self._network, self._size, self._low = network, size, low
        anchors = []
        for cells, boxes in grids:
            down, across = (np.mgrid[:cells, :cells] + 0.5) / cells
            centres = np.stack([across, down], axis=-1).reshape(-1, 2)
            anchors.append(np.repeat(centres, boxes, axis=0))
        self._anchors = np.concatenate(anchors)

    def find(self, pixels: np.ndarray, least: float) -> list[_Detection]:
        """Find what scores at least `least` in uint8 [H, W, 3], the surest first."""
        height, width = pixels.shape[:2]
        whole = _Square(np.array([width, height]) / 2, max(width, height))
        shown = whole.cut(pixels, self._size, cv2.BORDER_CONSTANT) / np.float32(255)
        outputs = self._network(shown * np.float32(1 - self._low) + np.float32(self._low))
        numbers, scores = (one[0].astype(np.float64) for one in outputs)
        scores = 1 / (1 + np.exp(-scores[:, 0].clip(-100, 100)))
        rows = np.flatnonzero(scores >= least)
        rows = rows[np.argsort(-scores[rows], kind="stable")]
        scores = scores[rows]
        # x and y of the middle, width and height; then x and y of each key point
        points = numbers.reshape(len(numbers), -1, 2)[rows] / self._size
        points[:, np.arange(points.shape[1]) != 1] += self._anchors[rows, None]
        middle, half = points[:, 0], points[:, 1] / 2
        points[:, 0], points[:, 1] = middle - half, middle + half
        found = []
        for near in _groups(points[:, :2].reshape(-1, 4)):
            mean = whole.back(np.average(points[near], axis=0, weights=scores[near]))
            found.append(_Detection(mean[:2].ravel(), mean[2:], float(scores[near[0]])))
        return found


def _groups(boxes: np.ndarray) -> list[np.ndarray]:
    """Split the rows of boxes [K, 4] into groups that show one thing.

    Each is the first that is left, and those that overlap it."""
    left, groups = np.arange(len(boxes)), []
    while len(left):
        near = _overlap(boxes[left[0]], boxes[left]) > _SAME
        near[0] = True
        groups.append(left[near])
        left = left[~near]
    return groups


def _overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the intersection over union of a box [4] with each of boxes [K, 4]."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    common = sides.clip(0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod()
    return common / np.maximum(areas - common, 1e-12)


def _square(
    found: _Detection, axis: tuple[int, int], up: float, wider: float, beyond: float
) -> _Square:
    """Choose the square to cut out of a detection.

    Turned until its axis points to `up` degrees, so many times wider, and moved along by a share of
    its box."""
    x, y = found.keys[axis[1]] - found.keys[axis[0]]
    angle = np.radians(up) - np.arctan2(-y, x)
    low, high = found.box[:2], found.box[2:]
    straight = _Square((low + high) / 2, float((high - low).max()), float(angle))
    shift = straight.axes @ (0.0, -beyond * (high - low)[1])
    return _Square(straight.centre + shift, straight.side * wider, straight.angle)


def _apart(squares: Sequence[_Square]) -> list[_Square]:
    """Keep those of the squares, as if not turned, that no later one overlaps."""
    kept: list[_Square] = []
    for one in squares:
        kept = [other for other in kept if _overlap(one.box, other.box[None])[0] <= _SAME_SQUARE]
        kept.append(one)
    return kept


def _files() -> Mapping[str, Any]:
    """Load the networks' files by name, as tensors of bytes."""
    entry = weights.find(NAME)
    if not (weights.at_hand(entry) or weights.packages.offline()):
        size = weights.megabytes(entry.size)
        logging.getLogger("facegen").warning(f"fetching {NAME}, once ({size}); {entry.licence}")
    try:
        return weights.load(entry)[1]
    except WeightsError as error:
        raise WeightsError(
            f"{getattr(error, 'reason', error)}; without it no face can be found: run 'python -m "
            f"facegen weights fetch {NAME}' once where there is a network"
        ) from error


class Networks:
    """mediapipe's networks, in pixels, safe to share between threads."""

    def __init__(self) -> None:
        """Load the networks, fetched if they are not on this machine. Raises WeightsError."""
        self._files = _files()
        near = self._network("face_detection_short_range")
        self._near = _BlazeFace(near, 128, -1.0, (16, 2), (8, 6))
        far = self._network("face_detection_full_range_sparse")
        self._far = _BlazeFace(far, 192, -1.0, (48, 1))
        mesh = self._graph("face_landmark_with_attention")
        self._mesh = Network(mesh)
        # Which points of the mesh are refined.
        self._again: list[Any] = [
            node.options["subset_idxs"]
            for node in mesh.nodes
            if node.op == "Landmarks2TransformMatrix"
        ]

    @functools.cached_property
    def _hands(self) -> tuple[_BlazeFace, Network]:  # only whole photos want them
        palms = _BlazeFace(self._network("palm_detection_full"), 192, 0.0, (24, 2), (12, 6))
        return palms, self._network("hand_landmark_full")

    def near(self, pixels: np.ndarray) -> list[tuple[float, float, float, float]]:
        """Return (x, y, side, score) of the faces within about two metres of the camera."""
        return _places(self._near.find(pixels, NEAR_SCORE))

    def far(self, pixels: np.ndarray) -> list[tuple[float, float, float, float]]:
        """Return (x, y, side, score) of the faces within five metres."""
        return _places(self._far.find(pixels, FAR_SCORE))

    def mesh(self, pixels: np.ndarray) -> np.ndarray | None:
        """Fit float64 [468, 3], the mesh nearest to the middle of a cut-out [CROP, CROP, 3]."""
        found = self.mesh_with_irises(pixels)
        return None if found is None else found[: landmarks.MESH_POINTS]

    def mesh_with_irises(self, pixels: np.ndarray) -> np.ndarray | None:
        """Fit the same with five points on each iris behind it, float64 [478, 3]."""
        assert pixels.shape == (CROP, CROP, 3), pixels.shape
        faces = self._near.find(pixels, NEAR_SCORE)[:_MOST_FACES]
        squares = [_square(face, _EYES, 0.0, _FACE_SQUARE, 0.0) for face in faces]
        found = [self._mesh_in(square, pixels) for square in _apart(squares)]
        meshes = [mesh + MESH_OFFSET for mesh in found if mesh is not None]
        if not meshes:
            return None
        offsets = [mesh[: landmarks.MESH_POINTS, :2].mean(axis=0) - CROP / 2 for mesh in meshes]
        return meshes[int(np.argmin([np.hypot(*offset) for offset in offsets]))]

    def _mesh_in(self, square: _Square, pixels: np.ndarray) -> np.ndarray | None:
        size = 192
        shown = square.cut(pixels, size, cv2.BORDER_REPLICATE) / np.float32(255)
        *outputs, there = (one.ravel().astype(np.float64) for one in self._mesh(shown))
        if 1 / (1 + np.exp(-there[0])) <= _THERE:
            return None
        mesh = outputs[0].reshape(-1, 3)
        parts = [output.reshape(-1, 2) for output in outputs[1:]]
        for which, points in zip(self._again, parts, strict=False):
            mesh[which, :2] = points
        for which, iris in zip(self._again[1:], parts[_LOOKED_AT_AGAIN:], strict=True):
            depth = np.full((len(iris), 1), mesh[which[:_EYELIDS], 2].mean())
            mesh = np.concatenate([mesh, np.concatenate([iris, depth], axis=1)])
        return square.back(mesh / size)

    def hands(self, pixels: np.ndarray) -> list[np.ndarray]:
        """Return float64 [21, 2] of each hand in a crop, uint8 [S, S, 3]; see face/in_front.py."""
        size = 224
        palms, network = self._hands
        found = []
        seen = palms.find(pixels, LEAST_HAND)[:_MOST_HANDS]
        squares = [_square(palm, _HAND_AXIS, 90.0, _HAND_SQUARE, _HAND_BEYOND) for palm in seen]
        for square in _apart(squares):
            shown = square.cut(pixels, size, cv2.BORDER_REPLICATE) / np.float32(255)
            points, there, *_ = network(shown)
            if there.item() > _THERE:
                found.append(
                    square.back(points.astype(np.float64).reshape(-1, 3) / size)[:, :2] + 0.5
                )
        return found

    def person(self, pixels: np.ndarray) -> np.ndarray:
        """Return how sure each place is a person's, float32 [CROP, CROP], 0 to 1."""
        assert pixels.shape == (CROP, CROP, 3), pixels.shape
        (found,) = self._person(pixels / np.float32(255))
        return found.reshape(CROP, CROP)

    @functools.cached_property
    def _person(self) -> Network:  # only cut-outs want it
        return self._network("selfie_segmentation")

    def _network(self, name: str) -> Network:
        return Network(self._graph(name))

    def _graph(self, name: str) -> tflite.Graph:
        return tflite.parse(self._files[name].numpy().tobytes(), f"{name}.tflite")


def _places(found: Sequence[_Detection]) -> list[tuple[float, float, float, float]]:
    """Return (x, y, side, score) of each."""
    places = []
    for one in found:
        (x, y), side = (one.box[:2] + one.box[2:]) / 2, (one.box[2:] - one.box[:2]).max()
        places.append((float(x), float(y), float(side), one.score))
    return places
