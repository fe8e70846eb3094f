"""The FFHQ crop, against a picture whose every point knows where it lies in the crop."""

import numpy as np
import pytest

from facegen import images
from facegen.face import align, landmarks
from facegen.face.detect import Detector
from facegen.types import Face

SIZE = 256


def synthetic_face(eyes, eye_distance: float, mouth_distance: float, degrees: float) -> Face:
    """A face whose quad follows by hand: the axes are those of its eyes.

    All 68 points coincide with the anchor they belong to.
    """
    x = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    y = np.array([-x[1], x[0]])
    eyes = np.asarray(eyes, dtype=float)
    points = np.tile(eyes, (68, 1))
    points[landmarks.LEFT_EYE] = eyes - x * eye_distance / 2
    points[landmarks.RIGHT_EYE] = eyes + x * eye_distance / 2
    for corner, side in ((landmarks.LEFT_MOUTH_CORNER, -1), (landmarks.RIGHT_MOUTH_CORNER, 1)):
        points[corner] = eyes + y * mouth_distance + side * x * eye_distance / 3
    return Face((0, 0, 1, 1), 1.0, points, np.zeros((468, 3)))


def pattern(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A smooth picture over the crop's coordinates, different at every point.

    Its slope is such that an error of half a pixel is some five grey levels.
    """
    waves = (np.sin(x / 10), np.sin(y / 10), np.sin((x + y) / 31 + 1))
    return np.stack([127.5 + 100 * wave for wave in waves], axis=-1)


def photo_of(face: Face, side: float, shape: tuple[int, int]) -> np.ndarray:
    """The photo in which the face's crop, of this side, shows the pattern."""
    points = landmarks.anchors(face.landmarks)
    x_axis = points.right_eye - points.left_eye
    x_axis = x_axis / np.linalg.norm(x_axis)
    y_axis = np.array([-x_axis[1], x_axis[0]])
    centre = points.eyes + 0.1 * (points.mouth - points.eyes)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5
    offset = np.stack([x, y], axis=-1) - centre
    u, v = (offset @ axis * SIZE / side + SIZE / 2 for axis in (x_axis, y_axis))
    return np.rint(pattern(u, v)).astype(np.uint8)


EXPECTED = pattern(*(np.mgrid[0:SIZE, 0:SIZE][::-1] + 0.5))


@pytest.mark.parametrize("degrees", [0, 25, 90, -140])
@pytest.mark.parametrize("side", [230, 400, 900])
def test_a_known_quad(degrees, side):
    face = synthetic_face((740.0, 710.0), side / 4, side / 5, degrees)  # 4 * eyes > 3.6 * mouth
    pixels, quad = align.align(photo_of(face, side, (1450, 1450)), face, SIZE)
    assert np.abs(pixels - EXPECTED).max() < 4
    x_axis, y_axis = quad[3] - quad[0], quad[1] - quad[0]
    assert np.linalg.norm(x_axis) == pytest.approx(side)
    assert np.degrees(np.arctan2(x_axis[1], x_axis[0])) == pytest.approx(degrees)
    assert np.allclose(y_axis, (-x_axis[1], x_axis[0]))
    assert np.allclose(quad.mean(axis=0), (740, 710) + 0.1 * y_axis / 5)


def test_a_long_face_is_measured_by_its_mouth():
    face = synthetic_face((500, 500), 60, 100, 0)  # 3.6 * 100 > 4 * 60
    quad = align.ffhq_quad(face.landmarks)
    assert np.allclose(quad, [(320, 330), (320, 690), (680, 690), (680, 330)])


def to_crop(points: np.ndarray, quad: np.ndarray) -> np.ndarray:
    """Points [K, 2] of the photo in the crop's pixels."""
    axes = np.stack([quad[3] - quad[0], quad[1] - quad[0]])
    return (points - quad[0]) @ axes.T * SIZE / np.square(axes[0]).sum()


def test_points_map_into_the_crop():
    face = synthetic_face((640, 610), 100, 80, 25)
    quad = align.ffhq_quad(face.landmarks)
    corners = to_crop(quad, quad)
    assert np.allclose(corners, [(0, 0), (0, SIZE), (SIZE, SIZE), (SIZE, 0)])
    eyes = to_crop(landmarks.anchors(face.landmarks).left_eye[None], quad)
    assert np.allclose(eyes, (SIZE * 3 / 8, SIZE / 2 - 8 * SIZE / 400))


def test_beyond_the_photo_it_goes_on_without_a_seam():
    """The upper left third of the crop lies outside."""
    side = 400.0
    face = synthetic_face((70, 80), side / 4, side / 5, 0)
    photo = photo_of(face, side, (700, 700))
    pixels, quad = align.align(photo, face, SIZE)
    # the photo's edge in the crop, and where the blur has ended
    edge = to_crop(np.zeros((1, 2)), quad)[0]
    inner = np.ceil(edge * 4 / 3 + 3 * 0.02 * SIZE).astype(int)
    assert (edge > 60).all() and (inner < 180).all()
    known = (slice(inner[1], None), slice(inner[0], None))
    assert np.abs(pixels[known] - EXPECTED[known]).max() < 4
    assert np.abs(np.diff(pixels.astype(int), axis=0)).max() < 20
    assert np.abs(np.diff(pixels.astype(int), axis=1)).max() < 20
    median = np.median(photo, axis=(0, 1))
    assert np.abs(pixels[0, 0] - median).max() < 20


def test_a_strip_of_padding_does_not_blur_the_photo():
    """A picture that is a crop already, found a pixel too large."""
    checks = np.indices((SIZE, SIZE)).sum(axis=0) // 4 % 2 * 255
    photo = np.repeat(checks[:, :, None], 3, axis=2).astype(np.uint8)
    quad = np.array([(-1, -1), (-1, 257), (257, 257), (257, -1)], dtype=float)
    pixels = align.crop(photo, quad, SIZE).astype(int)
    assert pixels[4:-4, 4:-4].std() > 105


@pytest.mark.parametrize("shape", [(40, 40), (40, 3000), (700, 700)])
def test_a_crop_far_outside_is_no_crash(shape):
    photo = np.full((*shape, 3), 77, np.uint8)
    face = synthetic_face((shape[1] - 2, 3), 300, 250, 33)
    pixels, _ = align.align(photo, face, 64)
    assert np.abs(pixels.astype(int) - 77).max() <= 1


def test_which_pixels_show_the_photo():
    quad = np.array([[-10.0, 0.0], [-10.0, 40.0], [30.0, 40.0], [30.0, 0.0]])
    shown = align.inside(quad, 8, (35, 100))
    assert shown.shape == (8, 8)
    assert np.array_equal(shown.any(axis=0), np.arange(8) * 5 + 2.5 >= 10)
    assert np.array_equal(shown.any(axis=1), np.arange(8) * 5 + 2.5 <= 35)
    turned = align.inside(np.roll(quad, 1, axis=0), 8, (35, 100))
    assert shown.sum() == turned.sum() and not np.array_equal(shown, turned)


def test_a_turned_photo_gives_the_same_crop(astronaut):
    detector = Detector()
    (face,) = detector.detect(astronaut)
    expected, _ = align.align(astronaut, face, 128)
    for turns in (1, 2, 3):
        photo = np.ascontiguousarray(np.rot90(astronaut, -turns))
        (found,) = detector.detect(photo)
        pixels, _ = align.align(photo, found, 128)
        assert np.abs(pixels.astype(int) - expected).mean() < 6


def test_aligned_faces_stay_as_they_are(shared):
    """On pictures that are FFHQ crops already the quad is the frame, within 1.5 %."""
    detector = Detector()
    frame = np.array([(0, 0), (0, 256), (256, 256), (256, 0)], dtype=float)
    offsets = []
    for path in sorted((shared / "faces" / "omi-256").glob("*.jpg"))[:30]:
        (face,) = detector.detect(images.load(path))
        offsets.append(np.linalg.norm(align.ffhq_quad(face.landmarks) - frame, axis=1) / 256)
    assert np.median(offsets) < 0.015 and np.percentile(offsets, 90) < 0.03


def test_the_crop_agrees_with_the_one_from_dlib(shared):
    import importlib.util
    from pathlib import Path

    import dlib

    package = importlib.util.find_spec("face_recognition_models").submodule_search_locations[0]
    weights = Path(package) / "models" / "shape_predictor_68_face_landmarks.dat"
    find, predict = dlib.get_frontal_face_detector(), dlib.shape_predictor(str(weights))
    detector = Detector()
    offsets = []
    for path in sorted((shared / "faces" / "omi-256").glob("*.jpg"))[:30]:
        pixels = images.load(path)
        (face,) = detector.detect(pixels)
        parts = predict(pixels, find(pixels)[0]).parts()
        points = np.array([(part.x + 0.5, part.y + 0.5) for part in parts])
        quads = [align.ffhq_quad(found) for found in (face.landmarks, points)]
        offsets.append(np.linalg.norm(quads[0] - quads[1], axis=1) / 256)
    assert np.median(offsets) < 0.015 and np.percentile(offsets, 90) < 0.03
