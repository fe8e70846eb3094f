"""What lies in front of a face: masks and dark glasses, and what is neither."""

import cv2
import numpy as np
import pytest

from facegen import images
from facegen.face import align, in_front, paste, skin
from facegen.face.detect import Detector

# mediapipe's points along the edge of a mask: the bridge of the nose, the cheeks, the jaw
MASK = (197, 93, 132, 58, 172, 136, 150, 149, 148, 152, 377, 378, 379, 365, 397, 288, 361, 323)


@pytest.fixture(scope="module")
def detector():
    return Detector()


@pytest.fixture(scope="module")
def seen(detector, astronaut):
    """(crop, mesh) of the astronaut."""
    (face,) = detector.detect(astronaut)
    crop, _ = align.align(astronaut, face, 256)
    return crop, detector.landmarks_of_crop(crop).mesh


def masked(seen, colour):
    crop, mesh = seen
    points = mesh[list(MASK), :2]
    middle = points.mean(axis=0)
    hull = cv2.convexHull((middle + 1.05 * (points - middle)).astype(np.int32))
    mask = cv2.fillConvexPoly(np.zeros((256, 256), np.uint8), hull, 1)
    return np.where(mask[..., None] > 0, np.uint8(colour), crop), mask


def dark_glasses(seen):
    crop, mesh = seen
    mask = np.zeros((256, 256), np.uint8)
    for eye in skin.EYES:
        x, y = mesh[list(eye), :2].mean(axis=0)
        cv2.ellipse(mask, (round(x), round(y) + 2), (30, 21), 0, 0, 360, 1, -1)
    return np.where(mask[..., None] > 0, np.uint8((20, 22, 25)), crop), mask


COLOURS = {"surgical": (130, 180, 225), "white": (250,) * 3, "black": (25, 25, 28),
           "red": (200, 30, 40), "green": (60, 120, 60)}  # fmt: skip


@pytest.mark.parametrize("name", COLOURS)
def test_masks(seen, name):
    picture, mask = masked(seen, COLOURS[name])
    found = in_front.things(picture, seen[1])
    assert found[mask > 0].mean() > 0.9 and found[mask == 0].mean() < 0.07


def test_a_white_mask_before_skin_of_little_colour(seen):
    """It differs from the skin by its light alone."""
    crop, mesh = seen
    grey = crop.mean(axis=2, keepdims=True)
    picture, mask = masked((np.uint8(grey + 0.45 * (crop - grey)), mesh), COLOURS["white"])
    found = in_front.things(picture, mesh)
    assert found[mask > 0].mean() > 0.9 and found[mask == 0].mean() < 0.07


def test_dark_glasses(seen):
    picture, mask = dark_glasses(seen)
    found = in_front.things(picture, seen[1])
    assert found[mask > 0].mean() > 0.9 and found[mask == 0].mean() < 0.07


def test_a_hand_alone_may_be_drawn_over_and_is_told(detector, seen, monkeypatch):
    crop, mesh = seen
    hand = np.zeros((256, 256), np.uint8)
    hand[150:200, 60:120] = 1
    monkeypatch.setattr(in_front, "hands_over", lambda *_: hand)
    alone = in_front.find(detector, crop, mesh)
    assert np.array_equal(alone.mask, hand) and alone.hand and alone.told == "a hand"
    glasses, _ = dark_glasses(seen)
    both = in_front.find(detector, glasses, mesh)
    strange = in_front.things(glasses, mesh)
    assert np.array_equal(both.mask, hand | strange) and not both.hand
    monkeypatch.setattr(in_front, "hands_over", lambda *_: None)
    assert in_front.find(detector, crop, mesh) == in_front.InFront()


def test_of_a_face_that_is_mostly_hidden_too_little_is_left(detector, seen, monkeypatch):
    crop, mesh = seen
    monkeypatch.setattr(in_front, "hands_over", lambda *_: None)
    for share, too_much in ((0.55, False), (0.65, True)):
        ys, _ = np.nonzero(paste.region([mesh[:, :2]], 256))
        mask = (np.arange(256)[:, None] < np.quantile(ys, share)).repeat(256, 1).astype(np.uint8)
        monkeypatch.setattr(in_front, "things", lambda *_, mask=mask: mask)
        found = in_front.find(detector, crop, mesh)
        assert found.hidden == pytest.approx(share, abs=0.02) and found.too_much is too_much


@pytest.mark.parametrize(
    "gain", [(1, 1, 1), (1 / 9,) * 3, (1, 0.15, 0.1), (2.2,) * 3, (0.7, 0.8, 1)]
)
def test_a_bare_face_in_any_light_has_nothing_before_it(seen, gain):
    picture = np.clip(seen[0] * np.array(gain), 0, 255).astype(np.uint8)
    assert in_front.things(picture, seen[1]) is None


def test_nothing_is_in_front_of_the_reference_photos(detector, shared):
    for name in (f"face-{number:02d}" for number in range(1, 13)):
        photo = images.load(shared / "photos" / f"{name}.jpg")
        crop, _ = align.align(photo, detector.detect(photo)[0], 256)
        assert in_front.things(crop, detector.landmarks_of_crop(crop).mesh) is None, name


@pytest.mark.parametrize("name", COLOURS)
def test_the_tone_is_that_of_the_skin(seen, name):
    """Whatever the mask's colour, the usual colour is the forehead's."""
    crop, mesh = seen
    inside = paste.region([mesh[:, :2]], 256)
    bare = skin.find(crop, mesh, inside)
    assert bare.known and bare.share > 0.5
    found = skin.find(masked(seen, COLOURS[name])[0], mesh, inside)
    assert found.known and np.hypot(*(found.colour - bare.colour)[1:]) < 8
    _, mask = masked(seen, COLOURS[name])
    assert found.mask[cv2.erode(mask, np.ones((9, 9))) > 0].mean() < 0.05


@pytest.mark.parametrize(("gain", "offset"), [(1 / 9, 0), (0.25, 190)])
def test_a_dark_or_pale_photo_keeps_its_own_contrast(seen, gain, offset):
    crop, mesh = seen
    photo = np.clip(crop * gain + offset, 0, 255).astype(np.uint8)
    new = np.ascontiguousarray(crop[:, ::-1])
    mirrored = mesh[:, :2].copy()
    mirrored[:, 0] = 256 - mirrored[:, 0]
    quad = np.array([[0, 0], [0, 256], [256, 256], [256, 0]], np.float64)
    laid = paste.patch(photo, new, (mesh, mirrored), quad, whole=True)
    inside = cv2.erode(paste.region([mesh[:, :2]], 256), np.ones((25, 25))) > 0
    ratio = laid.pixels[inside].std() / photo[inside].std()
    assert 0.6 < ratio < 1.5


# An open right hand, fingers up, in a picture of side 1: the wrist, then each finger.
OPEN = np.array(
    [(0.53, 0.64), (0.44, 0.57), (0.38, 0.46), (0.36, 0.37), (0.33, 0.29), (0.55, 0.33),
     (0.58, 0.23), (0.61, 0.16), (0.63, 0.11), (0.63, 0.34), (0.68, 0.23), (0.71, 0.16),
     (0.74, 0.10), (0.68, 0.37), (0.73, 0.27), (0.77, 0.21), (0.79, 0.15), (0.72, 0.43),
     (0.77, 0.36), (0.80, 0.31), (0.82, 0.27)]
)  # fmt: skip
QUAD = np.array([[0, 0], [0, 256], [256, 256], [256, 0]], np.float64)


@pytest.fixture(scope="module")
def crop(astronaut) -> np.ndarray:
    from facegen.face import align

    face = Detector().detect(astronaut)[0]
    return align.align(astronaut, face, 256)[0]


@pytest.fixture(scope="module")
def mesh(crop) -> np.ndarray:
    return Detector().landmarks_of_crop(crop).mesh


def test_an_outline_holds_every_point_and_the_gaps_between_fingers_do_not():
    mask = in_front.silhouette([OPEN * 256], 256)
    assert mask.shape == (256, 256) and set(np.unique(mask)) == {0, 1}
    for x, y in (OPEN * 256).astype(int):
        assert mask[y, x]
    assert not mask[int(0.2 * 256), int(0.47 * 256)], "between the thumb and the first finger"
    assert 0.05 < mask.mean() < 0.3
    assert in_front.silhouette([], 256).sum() == 0
    assert in_front.silhouette([OPEN * 0.5], 256).sum() == 0, "a speck is no hand"


def test_part_of_a_hand_may_lie_outside_the_picture():
    assert in_front.silhouette([OPEN * 256 + (100, -40)], 256).any()
    assert not in_front.silhouette([OPEN * 256 + 5000], 256).any()


class Seeing:
    def __init__(self, found):
        self.found = found

    def hands_of_crop(self, pixels):
        return self.found


def test_only_a_hand_over_the_face_counts_and_none_that_hides_it(crop, mesh):
    centre = mesh[:, :2].mean(axis=0)
    hand = (OPEN - OPEN.mean(axis=0)) * 120
    assert in_front.hands_over(Seeing([hand + centre]), crop, mesh).any()
    assert in_front.hands_over(Seeing([]), crop, mesh) is None
    assert in_front.hands_over(Seeing([hand * 0.3 + (12, 12)]), crop, mesh) is None, "beside it"
    assert in_front.hands_over(Seeing([hand * 6 + centre]), crop, mesh) is None, "all of it"


def test_a_face_without_a_hand_has_none(crop, mesh):
    assert in_front.hands_over(Detector(), crop, mesh) is None


def test_what_is_in_front_stays_and_does_not_tint_the_new_face(crop, mesh):
    """A green hand: the new face beside it is that of the photo without one."""
    mask = in_front.silhouette([(OPEN - OPEN.mean(axis=0)) * 90 + mesh[:, :2].mean(axis=0)], 256)
    covered = crop.copy()
    covered[mask > 0] = (20, 200, 40)
    new = np.ascontiguousarray(crop[:, ::-1])
    meshes = mesh[:, :2], mesh[:, :2]
    with_hand, _ = paste.lay(covered, paste.patch(covered, new, meshes, QUAD, front=mask))
    plain, _ = paste.lay(crop, paste.patch(crop, new, meshes, QUAD))
    over, _ = paste.lay(covered, paste.patch(covered, new, meshes, QUAD))
    import cv2

    deep = cv2.erode(mask, np.ones((9, 9))) > 0
    assert np.abs(with_hand[deep].astype(int) - covered[deep]).max() <= 2
    assert np.abs(over[deep].astype(int) - covered[deep]).mean() > 20, "without, it is drawn over"
    beside = (paste.region([mesh[:, :2]], 256) > 0) & (cv2.dilate(mask, np.ones((15, 15))) == 0)
    assert np.abs(with_hand[beside].astype(int) - plain[beside]).mean() < 12
