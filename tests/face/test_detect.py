"""Faces are found whichever way the photo is turned, and nothing else is."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from conftest import needs_weights, own_cache
from PIL import Image

from facegen import images
from facegen.errors import NoFaceError
from facegen.face import detect, landmarks, yunet
from facegen.face.detect import MIN_FACE, Detector, Glimpse, pick


@pytest.fixture(scope="module")
def detector():
    return Detector()


@pytest.fixture(scope="module")
def face(detector, astronaut):
    (found,) = detector.detect(astronaut)
    return found


def turned(points: np.ndarray, side: int, turns: int) -> np.ndarray:
    """Where points of a square picture lie after quarter turns clockwise."""
    for _ in range(turns):
        points = np.stack([side - points[:, 1], points[:, 0]], axis=1)
    return points


def test_the_astronaut(face):
    """Positions read off the photograph by eye."""
    assert face.rotation == 0 and face.score > 0.8
    assert face.landmarks.shape == (68, 2) and face.mesh.shape == (468, 3)
    points = landmarks.anchors(face.landmarks)
    assert np.allclose(points.left_eye, (203, 100.5), atol=2.5)
    assert np.allclose(points.right_eye, (247, 103), atol=2.5)
    assert np.allclose(points.left_mouth, (205, 141), atol=3)
    assert np.allclose(points.right_mouth, (243, 142), atol=3)
    assert np.allclose(face.landmarks[landmarks.CHIN], (222, 177), atol=5)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_photos(detector, astronaut, face, turns):
    photo = np.ascontiguousarray(np.rot90(astronaut, -turns))
    (found,) = detector.detect(photo)
    assert found.rotation == (360 - 90 * turns) % 360
    expected = turned(face.landmarks, len(photo), turns)
    assert landmarks.deviation(found.landmarks, expected) < 0.03


@pytest.mark.parametrize("degrees", [40, 130, 225])
def test_leaning_photos(detector, astronaut, degrees):
    photo = np.array(Image.fromarray(astronaut).rotate(-degrees, expand=True))
    (found,) = detector.detect(photo)
    lean = landmarks.tilt(found.landmarks) - degrees
    assert abs((lean + 180) % 360 - 180) < 8


def test_several_faces_the_largest_first(detector, astronaut):
    photo = np.full((600, 900, 3), 128, np.uint8)
    photo[300:556, 30:286] = images.resize(astronaut, 256)
    photo[20:532, 330:842] = astronaut
    first, second = detector.detect(photo)
    assert first.box[0] > 330 > 286 > second.box[2]
    ratio = landmarks.eyes_to_chin(first.landmarks) / landmarks.eyes_to_chin(second.landmarks)
    assert ratio == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("turns", [0, 3])
def test_a_small_face_in_a_large_photo(detector, astronaut, turns):
    """A fortieth of the frame, half of what the networks see."""
    photo = np.full((2000, 2800, 3), 140, np.uint8)
    photo[1500:1900, 2200:2600] = images.resize(astronaut, 400)
    (found,) = detector.detect(np.ascontiguousarray(np.rot90(photo, -turns)))
    assert found.rotation == (360 - 90 * turns) % 360


@pytest.mark.parametrize("name", ["coffee", "chelsea", "brick", "gravel", "rocket", "clock"])
def test_no_face(detector, name):
    from skimage import data

    found = getattr(data, name)()
    pixels = found if found.ndim == 3 else np.repeat(found[:, :, None], 3, axis=2)
    assert detector.detect(pixels) == []


@pytest.mark.parametrize("seed", [47, 180, 266, 283, 318, 363, 383])
def test_noise_is_no_face(detector, seed):
    """Clouds in which the networks do see a face, until the result is doubted."""
    random = np.random.default_rng(seed)
    side = int(random.integers(4, 80))
    coarse = random.integers(0, 256, (side, side, 3), dtype=np.uint8)
    assert detector.detect(images.resize(coarse, 512)) == []


def test_half_a_face_is_none(detector, astronaut, face):
    below_the_eyes = round(landmarks.anchors(face.landmarks).eyes[1]) + 8
    assert detector.detect(np.ascontiguousarray(astronaut[below_the_eyes:])) == []


def test_a_crop_of_64_pixels(detector, astronaut, face):
    left, top = 135, 40
    crop = astronaut[top : top + 180, left : left + 180]
    small = detector.landmarks_of_crop(images.resize(crop, 64))
    expected = (face.landmarks - (left, top)) * 64 / 180
    assert landmarks.deviation(small.landmarks, expected) < 0.06
    assert detector.landmarks_of_crop(np.full((64, 64, 3), 128, np.uint8)) is None


# --- choosing one ----------------------------------------------------------------------


def test_pick(face):
    small = replace(face, landmarks=face.landmarks * 0.5)
    assert pick([face, small], 0) is face
    with pytest.raises(NoFaceError, match="no whole face"):
        pick([], 0)
    for index in (2, -1):
        with pytest.raises(NoFaceError, match=f"no face {index + 1}: the photo has faces 1 to 2"):
            pick([face, small], index)
    with pytest.raises(NoFaceError, match="only face 1"):
        pick([face], 1)
    with pytest.raises(NoFaceError, match=f"{MIN_FACE} are needed"):
        pick([face, small], 1)


def test_the_size_limit_is_measured_on_the_face(detector, astronaut):
    """The astronaut has 69 pixels from the outer corners of the eyes to the chin."""
    for side, large_enough in ((440, True), (290, False)):
        faces = detector.detect(images.resize(astronaut, side))
        if large_enough:
            assert pick(faces, 0)
        else:
            with pytest.raises(NoFaceError, match="too small"):
                pick(faces, 0)


# --- small ones, and those that are half hidden ------------------------------------------


@pytest.fixture(scope="module")
def sharp():
    """A detector with YuNet, which the user's own cache may have."""
    with own_cache():
        needs_weights("yunet")
        detector = Detector()
        detector.detect(np.zeros((64, 64, 3), np.uint8))
        return detector


def crowd(astronaut, size: int, columns: int, rows: int, shape: tuple[int, int]):
    """A picture with faces of `size` pixels from the eyes to the chin, and where they are."""
    side = round(512 * size / 69)
    small = images.resize(astronaut, side)[: side // 2, side // 5 : 4 * side // 5]
    high, wide = small.shape[:2]
    photo = np.full((*shape, 3), 120, np.uint8)
    places = []
    for row in range(rows):
        for column in range(columns):
            top, left = (row + 1) * shape[0] // (rows + 2), (column + 1) * shape[1] // (columns + 2)
            photo[top : top + high, left : left + wide] = small
            places.append((left + (222 - 102) / 512 * side, top + 130 / 512 * side))
    return photo, places


def seen(boxes, place) -> bool:
    return any(left < place[0] < right and top < place[1] < bottom
               for left, top, right, bottom in boxes)  # fmt: skip


@pytest.mark.parametrize(
    ("size", "shape"), [(28, (430, 770)), (20, (1500, 2000)), (26, (3000, 4000))]
)
def test_small_faces_in_large_photos(sharp, astronaut, size, shape):
    photo, places = crowd(astronaut, size, 4, 2, shape)
    faces = sharp.detect(photo)
    assert len(faces) == 8 and all(seen([one.box for one in faces], place) for place in places)
    for one in faces:
        assert landmarks.eyes_to_chin(one.landmarks) == pytest.approx(size, rel=0.25)


def test_who_is_half_hidden_is_glimpsed(sharp, astronaut):
    """A second picture of the astronaut, moved aside, hides half of the first one's face."""
    photo = np.zeros((512, 700, 3), np.uint8)
    photo[:, :512] = astronaut
    photo[:300, 235:425] = astronaut[:300, 150:340]
    faces, glimpses = sharp.find(photo)
    assert len(faces) == 1 and len(glimpses) == 1
    left, top, right, bottom = glimpses[0].box
    assert left < 210 < right < 260 and top < 110 < bottom and 50 < glimpses[0].size < 90


def test_large_faces_come_as_without_yunet(sharp, detector, astronaut):
    (first,), (second,) = sharp.detect(astronaut), detector.detect(astronaut)
    assert np.array_equal(first.mesh, second.mesh)


def test_own_boxes_are_fitted_or_are_glimpses(detector, astronaut, face):
    fitted, glimpse = detector.fit(astronaut, [face.box, (20, 400, 80, 480)])
    assert landmarks.deviation(fitted.landmarks, face.landmarks) < 0.05
    assert isinstance(glimpse, Glimpse) and glimpse.box == (20, 400, 80, 480)


def test_without_yunet_smaller_windows_are_looked_at(detector, astronaut):
    assert not detector.finds_small
    photo, places = crowd(astronaut, 40, 3, 2, (1500, 2000))
    found = [one.box for one in detector.detect(photo)]
    assert sum(seen(found, place) for place in places) >= 5


@pytest.mark.parametrize(
    ("longest", "least", "expected"),
    [(500, 12, [750]), (4000, 12, [4096, 1365, 640]), (4000, 48, [1500, 640]),
     (300, 12, [640])],
)  # fmt: skip
def test_the_sizes_at_which_yunet_sees_a_photo(longest, least, expected):
    assert yunet.sides(longest, least) == expected


# --- behaviour in a process ------------------------------------------------------------


def test_threads_share_a_detector(detector, astronaut, face):
    crop = astronaut[40:220, 135:315]

    def work(index):
        if index % 3 == 0:
            return detector.landmarks_of_crop(crop).landmarks + np.array([135, 40])
        return detector.detect(astronaut)[0].landmarks

    with ThreadPoolExecutor(6) as pool:
        for points in pool.map(work, range(18)):
            assert landmarks.deviation(points, face.landmarks) < 0.05


def test_an_error_leaves_the_detector_whole(detector, astronaut):
    with pytest.raises(AttributeError):
        detector.detect("no picture")
    assert len(detector.detect(astronaut)) == 1


def test_import_is_light_and_use_is_silent():
    """No work at import; then not one line of mediapipe's on the standard error."""
    program = (
        "import sys, facegen.face.detect, numpy, skimage.data\n"
        "assert 'mediapipe' not in sys.modules\n"
        "assert facegen.face.detect.Detector().detect(skimage.data.astronaut())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# --- the reference photos --------------------------------------------------------------

# two-02 shows one person, and none-01 a whole face, if a very near one.
ONE = [f"face-{i:02d}" for i in range(1, 13)] + [f"small-{i:02d}" for i in range(1, 7)]
COUNTS = dict.fromkeys(ONE, 1) | {"two-01": 2, "two-02": 1, "none-02": 0, "none-03": 0}


@pytest.mark.parametrize("name", COUNTS)
def test_reference_photos(detector, shared, name):
    photo = images.load(shared / "photos" / f"{name}.jpg")
    faces = detector.detect(photo)
    assert len(faces) == COUNTS[name]
    turns = sum(name.encode()) % 3 + 1  # one of the three, the same every time
    again = detector.detect(np.ascontiguousarray(np.rot90(photo, -turns)))
    assert [found.rotation for found in again] == [360 - 90 * turns] * len(faces)
    for one, other in zip(faces, again, strict=True):
        expected = turned(one.landmarks, len(photo), turns)
        assert landmarks.deviation(other.landmarks, expected) < 0.06


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(("off", "inside"), [(-6, False), (-4, True), (24, True), (26, False)])
def test_a_face_that_leaves_the_photo_is_not_whole(axis, off, inside):
    """By more than a twentieth of itself, at any of the four edges."""
    points = np.array([[0, 0], [100, 0], [0, 100], [100, 100]], float)
    points[:, axis] += off
    assert detect._inside(points, (120, 120)) is inside
