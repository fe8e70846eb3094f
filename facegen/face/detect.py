"""Detection of every face of a photo, with its landmarks, in any rotation of the photo.

mediapipe's networks (BlazeFace, https://arxiv.org/abs/1907.05047, and the face mesh,
https://arxiv.org/abs/1907.06724) and, where its weights are available, YuNet (face/yunet.py) are
used in three steps:

1.  Propose. The near- and the far-range detector get the whole photo in its four rotations, and
    overlapping windows of a large one, since they detect a face down to 0.05 of their input.
    They also detect upside-down faces as if upright, and now and then a hand or a pattern. YuNet
    gets the photo in the rotation of the surest face, at several sizes; it finds the small ones,
    and those that are half hidden.
2.  Examine. Each proposal is cut out with a margin and given to the near-range detector in four
    rotations: the right one scores highest. What scores low everywhere is not a face.
3.  Measure. The mesh is fitted to the cut-out turned upright, at the size its network wants,
    and to its mirror image. Where the two disagree, or the mesh is not upright, it was fitted
    to something else. Where YuNet is sure of a face that no mesh fits, that is a Glimpse.

Convention
    See landmarks.py for points. A turn is a quarter turn clockwise; Face.rotation is 90 times
    the number of turns after which the face stands upright.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from .. import images
from ..errors import NoFaceError
from ..types import Face
from . import landmarks, yunet
from .mediapipe_networks import CROP, Networks

MIN_FACE = 48  # pixels from the eyes' outer corners to the chin
LEAST_FOUND = 12  # likewise, of the smallest that are looked for

_WINDOW = 256  # pixels a window is shrunk to before proposing; the networks see 128 and 192
_WINDOW_OVERLAP = 0.3  # of its side: what is cut by one window is whole in the next
# Source pixels; in a smaller one only faces below MIN_FACE would be new, which YuNet finds.
_LEAST_WINDOW = 384
_LEAST_WINDOW_ALONE = 128  # likewise where there is no YuNet
# From which YuNet is believed where no mesh fits: alone, and where the near-range detector sees a
# face there as well. Of 101 pictures without a whole face the most that it gave one was 0.80.
_GLIMPSE_SCORE, _GLIMPSE_SCORE_OF_BOTH = 0.84, 0.7
_GLIMPSE_SCORE_BEHIND = 0.6  # likewise where it touches a face that was found: of who is behind it
_WHOLE_SCORE = 0.85  # from which a face that touches another's box is believed to be whole
_WIDER = 1.5  # a second look's side over the first one's
_MARGIN = 2.0  # a cut-out's side over the proposed box's
# Of a cut-out in its best rotation. The lowest of 469 faces scored 0.75, half 0.92; of 1,500
# looks at textures and noise, one scored as much.
_FACE_SCORE = 0.7
# From which the near-range detector is believed alone; below, YuNet has to see a face there, too.
_FACE_SCORE_ALONE = 0.8
# Of the mesh and the mirror image's, as NME. 99 of 100 faces: below 0.05, the worst 0.14.
_MAX_DISAGREEMENT = 0.2
_MAX_TILT = 60.0  # degrees; beyond it the mesh goes wrong without saying so
_HANDS = 512  # pixels in which hands are looked for; their networks see 192 and 224
SURE = 0.5  # the near-range detector's confidence from which it is said to accept a crop's face
NOTHING = "no face was found"
_EYES_APART = (0.18, 0.45)  # over the size of an aligned crop; measured 0.23 to 0.38
_EYES_TO_CHIN = (0.28, 0.62)  # likewise; measured 0.35 to 0.53
_SAME_PLACE = 0.5  # boxes nearer than this, over their side, show the same face


@dataclass(frozen=True)
class _Box:
    """A square: centre and side in source pixels."""

    x: float
    y: float
    side: float
    score: float

    def shows(self, face: Face | Glimpse) -> bool:
        """Test whether this is the place of a face."""
        other = _box(face)
        distance = np.hypot(self.x - other.x, self.y - other.y)
        return bool(distance < _SAME_PLACE * max(self.side, other.side))


@dataclass(frozen=True)
class Glimpse:
    """A detected face to which no mesh fits: very small, half hidden, turned far aside.

    box and score: as in Face. size: about the pixels from the eyes to the chin."""

    box: tuple[float, float, float, float]
    score: float
    size: float


class Detector:
    """Finds faces. Safe to share between threads; loads its networks on first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._networks: Networks | None = None
        self._yunet: yunet.YuNet | None = None

    def person(self, pixels: np.ndarray) -> np.ndarray:
        """Return how sure each place of a crop is a person's, float32 [256, 256], 0 to 1.

        pixels: uint8 [R, R, 3]."""
        with self._session() as networks:
            return networks.person(images.resize(pixels, CROP))

    @property
    def finds_small(self) -> bool:
        """Tell whether YuNet is available, without which small and half hidden faces are missed."""
        return yunet.available()

    def detect(self, pixels: np.ndarray, least: float = LEAST_FOUND) -> list[Face]:
        """Find all whole faces in pixels, uint8 [H, W, 3], the largest first; may be empty.

        least: pixels from the eyes to the chin of the smallest that matter; some smaller ones are
        also found."""
        return self.find(pixels, least)[0]

    def find(
        self, pixels: np.ndarray, least: float = LEAST_FOUND
    ) -> tuple[list[Face], list[Glimpse]]:
        """Find all whole faces, as `detect`, and those that no mesh fits, the largest first."""
        longest = max(pixels.shape[:2])
        with self._session() as networks:
            faces = _search(networks, pixels, longest, range(4), [])
            glimpses: list[Glimpse] = []
            for turns in _ways(faces):
                if self._yunet is not None:
                    faces, seen = _sight(networks, self._yunet, pixels, turns, least, faces)
                    glimpses += seen
                if faces:
                    break
            # Windows cost time: they are looked at the way round that the surest face stands,
            # all four ways only while nothing was found.
            least_window = _LEAST_WINDOW if self._yunet else _LEAST_WINDOW_ALONE
            for turns in _ways(faces):
                for parts in (2, 4) if self._yunet else (2, 4, 8, 16):
                    side = longest / parts
                    if side >= least_window:
                        found = _search(networks, pixels, side, (turns,), faces)
                        # small windows see faces in folds, and nobody is there to ask
                        small = faces and side < _LEAST_WINDOW
                        sure = _FACE_SCORE_ALONE if small else _FACE_SCORE
                        faces = faces + [one for one in found[len(faces) :] if one.score >= sure]
                if faces:
                    break
            if self._yunet is not None:
                faces = [face for face in faces if _seconded(self._yunet, pixels, face)]
        glimpses = yunet.best(glimpses)  # what was seen in two rotations
        glimpses = [one for one in glimpses if not any(_box(one).shows(face) for face in faces)]
        return (
            sorted(faces, key=lambda face: landmarks.eyes_to_chin(face.landmarks), reverse=True),
            sorted(glimpses, key=lambda one: one.size, reverse=True),
        )

    def fit(
        self, pixels: np.ndarray, boxes: Iterable[tuple[float, float, float, float]]
    ) -> list[Face | Glimpse]:
        """Fit a face into each box (left, top, right, bottom): a Glimpse where no mesh fits."""
        found: list[Face | Glimpse] = []
        with self._session() as networks:
            for left, top, right, bottom in boxes:
                side = max(right - left, bottom - top)
                place = _Box((left + right) / 2, (top + bottom) / 2, side, 1.0)
                face, confidence = _examine(networks, pixels, place)
                if face is None and confidence >= _FACE_SCORE:
                    face, _ = _examine(networks, pixels, _wider(place))
                box = (left, top, right, bottom)
                if face is not None and place.shows(face):
                    found.append(face)
                else:
                    found.append(Glimpse(box, 1.0, yunet.eyes_to_chin(box)))
        return found

    def landmarks_of_crop(self, pixels: np.ndarray) -> Face | None:
        """Find the one upright face that fills an aligned crop, uint8 [R, R, 3]; None without.

        Only the mesh runs: a few milliseconds. Small crops (64 pixels) are enlarged first."""
        with self._session() as networks:
            mesh = networks.mesh(images.resize(pixels, CROP))
        if mesh is None:
            return None
        return _face(mesh * (pixels.shape[1] / CROP), score=1.0, rotation=0)

    def mesh_of_crop(self, pixels: np.ndarray) -> np.ndarray | None:
        """Fit its mesh with the irises behind it, float64 [478, 3], in pixels of the crop, or None.

        See measure/appearance.py."""
        with self._session() as networks:
            mesh = networks.mesh_with_irises(images.resize(pixels, CROP))
        return None if mesh is None else mesh * (pixels.shape[1] / CROP)

    def trouble(self, pixels: np.ndarray) -> str | None:
        """Explain why an aligned crop, uint8 [R, R, 3], shows no face; None if it shows one."""
        return trouble(self.landmarks_of_crop(pixels), self.confidence(pixels), len(pixels))

    def confidence(self, pixels: np.ndarray) -> float:
        """Return the near-range detector's confidence in a crop, uint8 [R, R, 3]: 0 to 1.

        0 where it detects nothing, or is less sure than SURE."""
        with self._session() as networks:
            return _best_score(networks.near(images.resize(pixels, CROP)))

    def hands_of_crop(self, pixels: np.ndarray) -> list[np.ndarray]:
        """Find hands in an aligned crop, uint8 [R, R, 3]: float64 [21, 2] each (in_front.py)."""
        size = min(len(pixels), _HANDS)
        with self._session() as networks:
            hands = networks.hands(images.resize(pixels, size))
        return [points * (len(pixels) / size) for points in hands]

    @contextlib.contextmanager
    def _session(self) -> Iterator[Networks]:
        """Lend the networks to one thread at a time, as YuNet requires."""
        with self._lock:
            if self._networks is None:
                self._networks = Networks()
                self._yunet = yunet.load()
            yield self._networks


def trouble(face: Face | None, confidence: float, size: int) -> str | None:
    """Explain the same from what was found in a crop of that size."""
    if face is None:
        return NOTHING
    return implausible(face, size) or (NOTHING if confidence < SURE else None)


def implausible(face: Face, size: int) -> str | None:
    """Explain why the landmarks in an aligned crop of this size are not a face's; None if they are.

    The limits hold for each of 904 FFHQ-aligned faces (One Million Impressions), with a margin."""
    points = face.landmarks
    if not _upright(points):
        return "eyes and mouth out of order"
    if not _inside(points, (size, size)):
        return "landmarks outside the picture"
    low, high = _EYES_APART
    if not low <= landmarks.outer_eye_distance(points) / size <= high:
        return "eyes too near to each other or too far apart"
    low, high = _EYES_TO_CHIN
    if not low <= landmarks.eyes_to_chin(points) / size <= high:
        return "a head too short or too long"
    return None


def pick(faces: list[Face], index: int) -> Face:
    """Return faces[index], or raise NoFaceError saying what to try.

    Messages count from 1, the largest first. Raises also for a face smaller than MIN_FACE."""
    face = numbered(faces, index)
    size = landmarks.eyes_to_chin(face.landmarks)
    if size < MIN_FACE:
        raise NoFaceError(
            f"face {index + 1} is too small: {size:.0f} pixels from the eyes to the chin, at least "
            f"{MIN_FACE} are needed; use the photo at its full size or one taken from nearer"
        )
    return face


def numbered(faces: list[Face], index: int) -> Face:
    """Return faces[index], however small, or raise NoFaceError."""
    if not faces:
        raise NoFaceError(
            "no whole face was found in the photo (0 faces); try one that shows the face from "
            "forehead to chin, sharp, well lit and turned towards the camera"
        )
    if not 0 <= index < len(faces):
        numbers = "only face 1" if len(faces) == 1 else f"faces 1 to {len(faces)}"
        raise NoFaceError(
            f"there is no face {index + 1}: the photo has {numbers}, the largest first; choose "
            "another"
        )
    return faces[index]


# --- the three steps -------------------------------------------------------------------


def _search(
    networks: Networks,
    pixels: np.ndarray,
    side: float,
    rotations: Iterable[int],
    known: list[Face],
) -> list[Face]:
    """Return the known faces and those found in windows of this side in these rotations."""
    faces = list(known)
    for proposal in _propose(networks, pixels, side, rotations):
        if any(proposal.shows(face) for face in faces):
            continue
        face, _ = _examine(networks, pixels, proposal)
        if face is not None and not any(_box(face).shows(other) for other in faces):
            faces.append(face)
    return faces


def _ways(faces: list[Face]) -> Iterable[int]:
    """Return the turns to try: the surest face's, or all while there is none."""
    return (faces[0].rotation // 90,) if faces else range(4)


def _sight(
    networks: Networks,
    sees: yunet.YuNet,
    pixels: np.ndarray,
    turns: int,
    least: float,
    known: list[Face],
) -> tuple[list[Face], list[Glimpse]]:
    """Return the known faces and those YuNet finds after these turns; and what no mesh fits."""
    faces, glimpses = [one for one in known if not _half_hidden(one, known)], []
    for one in sees.find(_turn(pixels, turns), least):
        corners = np.array(one.box).reshape(2, 2)
        corners = _unturn(corners, pixels.shape[:2], turns)
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        side = max(right - left, bottom - top)
        place = _Box((left + right) / 2, (top + bottom) / 2, side, one.score)
        if any(place.shows(face) for face in faces):
            continue
        face, confidence = _examine(networks, pixels, place)
        wider = face is None and confidence >= _FACE_SCORE
        if wider:
            face, _ = _examine(networks, pixels, _wider(place))
        if face is not None and _half_hidden(face, faces, wider):
            face = None
        if face is not None and not any(_box(face).shows(other) for other in faces):
            faces.append(face)
        elif face is None and one.score >= _believed(one.box, confidence, faces):
            glimpses.append(Glimpse((left, top, right, bottom), one.score, one.size))
    return faces, glimpses


def _believed(box: tuple[float, ...], confidence: float, faces: list[Face]) -> float:
    """Return the score from which YuNet is believed where no mesh fits."""
    if any(_touch(box, face.box) for face in faces):
        return _GLIMPSE_SCORE_BEHIND
    return _GLIMPSE_SCORE if confidence < _FACE_SCORE else _GLIMPSE_SCORE_OF_BOTH


def _touch(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def _half_hidden(one: Face, faces: list[Face], wider: bool = False) -> bool:
    """Tell whether a face is behind another.

    It touches a surer one and is not sure itself, or no mesh fitted before a wider look. Then a
    whole face was squeezed into the visible half."""
    return any(
        (wider or one.score < min(_WHOLE_SCORE, other.score)) and _touch(one.box, other.box)
        for other in faces
    )


def _seconded(sees: yunet.YuNet, pixels: np.ndarray, face: Face) -> bool:
    """Tell whether a face is accepted: by its score, or because YuNet finds one there, too."""
    if face.score >= _FACE_SCORE_ALONE:
        return True
    place = _box(face)
    side = max(8, round(place.side * _MARGIN))
    square = _cut(pixels, round(place.x - side / 2), round(place.y - side / 2), side)
    turned = _turn(images.resize(square, CROP), face.rotation // 90)
    return bool(sees.find(turned, CROP / 8))


def _propose(
    networks: Networks, pixels: np.ndarray, side: float, rotations: Iterable[int]
) -> list[_Box]:
    """Propose places where windows of this side may show a face, the surest first."""
    scale = side / _WINDOW
    height, width = (max(1, round(length / scale)) for length in pixels.shape[:2])
    frame = images.resize(pixels, (height, width))
    boxes = []
    for top in _starts(height):
        for left in _starts(width):
            window = frame[top : top + _WINDOW, left : left + _WINDOW]
            for turns in rotations:
                turned = _turn(window, turns)
                for x, y, size, score in networks.near(turned) + networks.far(turned):
                    ((x, y),) = _unturn(np.array([[x, y]]), window.shape[:2], turns)
                    boxes.append(_Box((left + x) * scale, (top + y) * scale, size * scale, score))
    return sorted(boxes, key=lambda box: box.score, reverse=True)


def _starts(length: int) -> list[int]:
    """Choose where windows begin that cover `length` evenly, overlapping by _WINDOW_OVERLAP."""
    beyond = max(0, length - _WINDOW)
    steps = math.ceil(beyond / (_WINDOW * (1 - _WINDOW_OVERLAP)))
    return [round(beyond * step / steps) for step in range(steps + 1)] if steps else [0]


def _examine(networks: Networks, pixels: np.ndarray, proposal: _Box) -> tuple[Face | None, float]:
    """Fit the face at a proposal, and return the near-range detector's confidence.

    None if there is no face, or only a part of one."""
    side = max(8, round(proposal.side * _MARGIN))
    left, top = round(proposal.x - side / 2), round(proposal.y - side / 2)
    crop = images.resize(_cut(pixels, left, top, side), CROP)
    scores = [_best_score(networks.near(_turn(crop, turns))) for turns in range(4)]
    turns = int(np.argmax(scores))
    if scores[turns] < _FACE_SCORE:
        return None, scores[turns]
    mesh = _mesh(networks, _turn(crop, turns))
    if mesh is None:
        return None, scores[turns]
    scale = side / CROP
    mesh[:, :2] = _unturn(mesh[:, :2], crop.shape[:2], turns) * scale + (left, top)
    mesh[:, 2] *= scale
    face = _face(mesh, scores[turns], 90 * turns)
    inside = _inside(face.landmarks, pixels.shape[:2])
    return (face if inside else None), scores[turns]


def _wider(proposal: _Box) -> _Box:
    """Widen a proposal in which a face was detected but no mesh fitted."""
    return _Box(proposal.x, proposal.y, _WIDER * proposal.side, proposal.score)


def _mesh(networks: Networks, crop: np.ndarray) -> np.ndarray | None:
    """Fit the mesh of an upright face in a cut-out; None if it is not plausible."""
    mesh = networks.mesh(crop)
    if mesh is None or not _upright(landmarks.from_mesh(mesh)):
        return None
    again = networks.mesh(np.ascontiguousarray(crop[:, ::-1]))
    if again is None:
        return None
    points, mirrored = (landmarks.from_mesh(found) for found in (mesh, again))
    if landmarks.deviation(landmarks.mirror(mirrored, CROP), points) > _MAX_DISAGREEMENT:
        return None
    return mesh


def _upright(points: np.ndarray) -> bool:
    """Test whether the mouth is below the eyes, and the eyes in the order of an upright face."""
    found = landmarks.anchors(points)
    across, down = found.right_eye - found.left_eye, found.mouth - found.eyes
    in_order = across[0] * down[1] - across[1] * down[0] > 0  # turn the same way round
    return bool(in_order and abs(landmarks.tilt(points)) <= _MAX_TILT)


def _inside(points: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Test whether the 68 points lie in the photo, give or take a twentieth of the face."""
    slack = 0.05 * np.ptp(points, axis=0).max()
    height, width = shape
    return bool((points >= -slack).all() and (points <= np.array([width, height]) + slack).all())


def _face(mesh: np.ndarray, score: float, rotation: int) -> Face:
    left, top = mesh[:, :2].min(axis=0)
    right, bottom = mesh[:, :2].max(axis=0)
    return Face(
        box=(float(left), float(top), float(right), float(bottom)),
        score=float(score),
        landmarks=landmarks.from_mesh(mesh),
        mesh=mesh,
        rotation=rotation,
    )


# --- geometry --------------------------------------------------------------------------


def _box(face: Face | Glimpse) -> _Box:
    left, top, right, bottom = face.box
    side = (right - left + bottom - top) / 2
    return _Box((left + right) / 2, (top + bottom) / 2, side, face.score)


def _turn(pixels: np.ndarray, turns: int) -> np.ndarray:
    """Turn pixels by quarter turns clockwise, contiguous."""
    return np.ascontiguousarray(np.rot90(pixels, -turns))


def _unturn(points: np.ndarray, shape: tuple[int, ...], turns: int) -> np.ndarray:
    """Map points [K, 2] of a turned picture back to the picture of this shape (H, W).

    One turn clockwise takes (x, y) to (H - y, x)."""
    height, width = shape
    x, y = points[:, 0], points[:, 1]
    before = ((x, y), (y, height - x), (width - x, height - y), (width - y, x))
    return np.stack(before[turns], axis=1)


def _cut(pixels: np.ndarray, left: int, top: int, side: int) -> np.ndarray:
    """Cut the square at (left, top), black where it leaves the picture."""
    height, width = pixels.shape[:2]
    square = np.zeros((side, side, 3), dtype=np.uint8)
    x0, x1 = max(left, 0), min(left + side, width)
    y0, y1 = max(top, 0), min(top + side, height)
    if x0 < x1 and y0 < y1:
        square[y0 - top : y1 - top, x0 - left : x1 - left] = pixels[y0:y1, x0:x1]
    return square


def _best_score(detections: list[tuple[float, float, float, float]]) -> float:
    return max((score for *_, score in detections), default=0.0)
