"""The way back into the photo: what is outside stays to the byte, what is inside has its light."""

import cv2
import numpy as np
import pytest

from facegen import limits
from facegen.face import align, paste, skin
from facegen.face.detect import Detector
from facegen.face.landmarks import MESH_POINTS

SIDE = 200


def square(left: float, top: float, side: float, degrees: float = 0.0) -> np.ndarray:
    """A quad, turned about its middle."""
    corners = np.array([[0, 0], [0, side], [side, side], [side, 0]], float) - side / 2
    turn = np.deg2rad(degrees)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return corners @ matrix.T + (left + side / 2, top + side / 2)


def oval(size: int) -> np.ndarray:
    """A mesh whose outline is an oval in the middle of a crop, with brows."""
    mesh = np.full((MESH_POINTS, 2), size / 2)
    angles = np.linspace(0, 2 * np.pi, len(paste.OUTLINE), endpoint=False)
    mesh[list(paste.OUTLINE)] = size / 2 + size * np.stack(
        [0.25 * np.sin(angles), -0.32 * np.cos(angles)], axis=1
    )
    mesh[list(paste.BROWS)] = size * np.stack(
        [np.linspace(0.35, 0.65, len(paste.BROWS)), np.full(len(paste.BROWS), 0.42)], axis=1
    )
    mesh[list(paste.MOUTH_CORNERS)] = size * np.array([[0.42, 0.66], [0.58, 0.66]])
    return mesh


@pytest.fixture
def photo():
    rng = np.random.default_rng(0)
    smooth = rng.uniform(0, 255, (12, 16, 3)).astype(np.uint8)
    from facegen.images import resize

    return resize(smooth, (300, 400))


@pytest.mark.parametrize("degrees", [0.0, 30.0, 180.0])
def test_a_crop_that_is_pasted_where_it_was_changes_nearly_nothing(photo, degrees):
    quad = square(90, 50, SIDE, degrees)
    crop = align.crop(photo, quad, SIDE)
    whole = paste.Patch(crop.astype(np.float32), np.ones((SIDE, SIDE), np.float32), quad)
    laid, changed = paste.lay(photo, whole)
    difference = np.abs(laid.astype(int) - photo)
    assert changed.mean() == pytest.approx(SIDE**2 / (300 * 400), rel=0.02)
    inner = align.crop(np.where(changed[..., None], difference, 0).astype(np.uint8), quad, SIDE)
    assert inner[10:-10, 10:-10].mean() < 1.0
    shifted, _ = paste.lay(photo, paste.Patch(whole.pixels, whole.alpha, quad + 2))
    moved = np.abs(shifted.astype(int) - photo)[changed].mean()
    assert difference[changed].mean() < 0.3 * moved, "it lies where it was, to a fraction of 2 px"


def test_outside_the_patch_the_photo_stays_to_the_byte(photo):
    quad = square(150, 80, SIDE)
    crop = align.crop(photo, quad, SIDE)
    new = 255 - crop
    made = paste.patch(crop, new, (oval(SIDE), oval(SIDE)), quad)
    before = photo.copy()
    laid, changed = paste.lay(photo, made)
    assert np.array_equal(photo, before)
    assert np.array_equal(laid[~changed], photo[~changed])
    assert (laid[changed] != photo[changed]).mean() > 0.5
    assert 0.06 < changed.mean() < 0.35
    assert not made.alpha[[0, -1]].any() and not made.alpha[:, [0, -1]].any()
    assert made.alpha[SIDE // 2, SIDE // 2] == 1


def test_all_of_the_old_face_is_under_the_new_one(photo):
    """As sharp as the photo, whole up to near the outline, half there, nothing farther out."""
    quad = square(90, 50, SIDE)
    crop = align.crop(photo, quad, SIDE)
    outline = oval(SIDE)[list(paste.OUTLINE)]
    inside = paste.region([oval(SIDE)], SIDE)
    made = paste.patch(crop, crop, (oval(SIDE), oval(SIDE)), quad, whole=True)
    assert made.pixels.shape == (SIDE, SIDE, 3)
    columns, rows = np.rint(SIDE / 2 + 0.97 * (outline - SIDE / 2)).astype(int).T
    assert inside[rows, columns].all()
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (13, 13))  # 3 % of the crop around
    assert (made.alpha[cv2.erode(inside, disc) > 0] == 1).all()
    assert not made.alpha[cv2.dilate(inside, disc) == 0].any()
    edge = cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    assert 0.4 < made.alpha[edge].mean() < 0.6


def test_a_patch_that_is_half_clear_is_mixed_everywhere(photo):
    quad = square(90, 50, SIDE)
    new = np.full((SIDE, SIDE, 3), 250, np.float32)
    for share in (0.1, 0.7):
        alpha = np.full((SIDE, SIDE), share, np.float32)
        laid, changed = paste.lay(photo, paste.Patch(new, alpha, quad))
        assert changed[60:240, 100:280].all()
        wanted = photo + share * (250.0 - photo)
        assert np.abs(laid - wanted)[60:240, 100:280].max() < 2


def test_what_lies_in_front_stays(photo):
    quad = square(90, 50, SIDE)
    crop = align.crop(photo, quad, SIDE)
    front = np.zeros((SIDE, SIDE), np.uint8)
    front[110:150, 60:140] = 1
    made = paste.patch(crop, 255 - crop, (oval(SIDE), oval(SIDE)), quad, front=front, whole=True)
    assert made.alpha[115:145, 65:135].max() < 0.05 and made.alpha[80:100, 90:110].min() > 0.95


def test_a_patch_that_leaves_the_photo_is_cut(photo):
    quad = square(-120, -90, SIDE)
    crop = align.crop(photo, quad, SIDE)
    made = paste.patch(crop, 255 - crop, (oval(SIDE), oval(SIDE)), quad)
    laid, changed = paste.lay(photo, made)
    assert laid.shape == photo.shape and changed.any() and not changed[:, 100:].any()
    far = paste.Patch(made.pixels, made.alpha, quad - 1000)
    laid, changed = paste.lay(photo, far)
    assert np.array_equal(laid, photo) and not changed.any()


def test_it_takes_the_photos_light_and_no_more(photo):
    quad = square(90, 50, SIDE)
    crop = align.crop(photo, quad, SIDE)
    dark = np.clip(crop * 0.5, 0, 255).astype(np.uint8)  # what the model made of the photo
    made = paste.patch(crop, dark, (oval(SIDE), oval(SIDE)), quad)
    inside = made.alpha == 1
    wrong = np.abs(dark.astype(float) - crop)[inside].mean()
    assert np.abs(made.pixels - crop)[inside].mean() < 0.35 * wrong


@pytest.mark.parametrize("whose", ["the new face's", "the photo's"])
def test_a_fringe_on_one_forehead_leaves_the_photos_own(whose):
    skin = np.full((SIDE, SIDE, 3), (200, 160, 140), np.uint8)
    fringe = skin.copy()
    fringe[: int(0.36 * SIDE)] = (40, 30, 25)
    crop, new = (skin, fringe) if whose == "the new face's" else (fringe, skin)
    made = paste.patch(crop, new, (oval(SIDE), oval(SIDE)), square(0, 0, SIDE))
    brows = int(0.42 * SIDE)
    assert made.alpha[: brows - int(0.07 * SIDE)].max() < 0.02
    assert made.alpha[brows + 8 : brows + 30, SIDE // 2].min() > 0.9
    laid = crop + made.alpha[..., None] * (made.pixels - crop)
    assert np.abs(laid - crop).max() < 12, "below the brows both are skin of one tone"
    whole = paste.patch(crop, new, (oval(SIDE), oval(SIDE)), square(0, 0, SIDE), whole=True)
    assert not whole.own_forehead and whole.alpha[int(0.25 * SIDE), SIDE // 2] == 1
    plain = paste.patch(skin, skin, (oval(SIDE), oval(SIDE)), square(0, 0, SIDE))
    assert plain.alpha[int(0.25 * SIDE), SIDE // 2] == 1


def test_a_black_and_white_photo_gets_no_colours():
    rng = np.random.default_rng(1)
    grey = np.repeat(rng.integers(60, 200, (SIDE, SIDE, 1), dtype=np.uint8), 3, axis=2)
    coloured = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    made = paste.patch(grey, coloured, (oval(SIDE), oval(SIDE)), square(0, 0, SIDE))
    spread = made.pixels.max(axis=2) - made.pixels.min(axis=2)
    assert spread[made.alpha > 0].max() < 1


def test_sharpness_and_grain_are_the_photos():
    rng = np.random.default_rng(2)
    flat = np.full((SIDE, SIDE, 3), 128, np.float32)
    noisy = np.clip(flat + rng.normal(0, 8, (SIDE, SIDE, 1)), 0, 255).astype(np.uint8)
    clean = flat.astype(np.uint8)
    ovals, quad = (oval(SIDE), oval(SIDE)), square(0, 0, SIDE)
    grained = paste.patch(noisy, clean, ovals, quad, seed=5)
    inside = (grained.alpha == 1)[20:-20]
    assert 6 < grained.pixels[20:-20][inside].std() < 10
    again = paste.patch(noisy, clean, ovals, quad, seed=5)
    assert np.array_equal(grained.pixels, again.pixels)
    soft = paste.patch(clean, noisy, ovals, quad)  # the photo is smoother than the new face
    assert soft.pixels[soft.alpha == 1].std() < 2.5


def test_the_astronaut_herself_fits_in_without_a_seam(astronaut):
    """Her own crop as the new face: hardly anything of the photo may change."""
    (face, *_) = Detector().detect(astronaut)
    crop, quad = align.align(astronaut, face, 512)
    mesh = Detector().landmarks_of_crop(crop).mesh
    laid, changed = paste.lay(astronaut, paste.patch(crop, crop, (mesh, mesh), quad))
    assert changed.any() and np.abs(laid.astype(int) - astronaut)[changed].mean() < 3


def test_a_face_that_is_elsewhere_is_fitted_to_the_old_outline():
    rng = np.random.default_rng(3)
    from facegen.images import resize

    crop = resize(rng.uniform(0, 255, (10, 10, 3)).astype(np.uint8), SIDE)
    moved = np.roll(crop, (6, -9), axis=(0, 1))
    old, mine = oval(SIDE), oval(SIDE) + np.array([-9, 6])
    fitted, mesh = paste._fitted(moved.astype(np.float32), mine, old)
    assert np.abs(mesh - old).max() < 1e-6
    middle = np.s_[40:-40, 40:-40]
    assert np.abs(fitted[middle] - crop[middle]).mean() < 0.5
    turned, mesh = paste._fitted(moved.astype(np.float32), (mine - 100) * 1.2 + 100, old)
    assert np.abs(mesh - old).max() < 1e-6 and turned.shape == crop.shape


def test_what_is_left_of_a_head_turned_aside_is_filled():
    """Old lashes beyond the mesh, where it ends at the nose, become what is behind the head."""
    size = 256
    old, quad = oval(size), square(0, 0, size)
    old[1] = (0.27 * size, 0.55 * size)  # the tip of the nose, near the left side
    photo = np.full((size, size, 3), (60, 120, 90), np.uint8)
    inside = paste.region([old], size) > 0
    photo[inside] = (200, 160, 140)
    lashes = np.s_[120:130, 58:64]
    assert not inside[lashes].any()
    photo[lashes] = 0
    new = np.where(inside[..., None], photo, np.uint8((20, 20, 200)))
    laid, changed = paste.lay(photo, paste.patch(photo, new, (old, old), quad, whole=True))
    assert np.abs(laid[lashes].astype(int) - (60, 120, 90)).max() < 40
    right = np.s_[100:150, 206:256]
    assert not changed[right].any(), "only on the side of the nose"
    old[1] = (0.5 * size, 0.55 * size)
    laid, _ = paste.lay(photo, paste.patch(photo, new, (old, old), quad, whole=True))
    assert laid[125, 59].max() < 40, "a head that looks ahead has no such side"


def test_light_is_smoothed_on_a_small_grid_as_on_the_whole_picture():
    rng = np.random.default_rng(1)
    size, sigma = 288, 24.0
    values = cv2.GaussianBlur(rng.normal(0, 60, (size, size, 3)).astype(np.float32), (0, 0), 6)
    weights = np.zeros((size, size), np.float32)
    weights[60:200, 80:230] = 1
    total, weight = 0, 0
    for step, share in ((1, 1.0), (3, 1e-2), (9, 1e-4)):
        total += share * cv2.GaussianBlur(values * weights[..., None], (0, 0), step * sigma)
        weight += share * cv2.GaussianBlur(weights, (0, 0), step * sigma)
    plain = total / (weight[..., None] + 1e-7)
    near = paste._smooth(values, weights, sigma)
    assert np.abs(near - plain)[60:200, 80:230].max() < 0.1 * plain.std()


def test_the_new_outline_lies_on_the_old_one():
    """Narrower cheeks are bent to where the old ones were; the middle of the face stays."""
    size = 256
    old, mine = oval(size), oval(size)
    outline = list(paste.OUTLINE)
    mine[outline] = size / 2 + (mine[outline] - size / 2) * (0.85, 1.0)
    face = np.zeros((size, size, 3), np.float32)
    cv2.fillPoly(face, [np.rint(mine[outline]).astype(np.int32)], (200, 150, 120))
    face[124:132, 124:132] = 255
    bent, mesh = paste._fitted(face, mine, old)
    assert np.abs(mesh[outline] - old[outline]).max() < 0.02 * size
    inside = cv2.erode(paste.region([old], size), np.ones((11, 11), np.uint8))
    assert (bent[inside > 0].min(axis=1) > 60).mean() > 0.99, "no backdrop on the cheeks"
    assert bent[126:130, 126:130].min() > 200


def test_a_fringe_is_no_bare_forehead():
    size = 256
    mesh = oval(size)
    for index, (x, y) in enumerate(((0.4, 0.5), (0.6, 0.5), (0.5, 0.55), (0.5, 0.65))):
        mesh[index] = size * x, size * y
    face = np.full((size, size, 3), (205, 160, 135), np.uint8)
    assert paste.bareness(face, mesh) > 0.95
    face[: int(0.38 * size)] = (60, 40, 30)
    assert paste.bareness(face, mesh) < 0.5 < limits.BARE


def test_lips_get_the_photos_colour_and_teeth_do_not():
    mesh = oval(SIDE)
    for points, radius in ((skin.MOUTH, 0.1), (paste.INNER_LIPS, 0.05)):
        around = np.linspace(0, 2 * np.pi, len(points), endpoint=False)
        mesh[list(points)] = SIDE * (
            np.array([0.5, 0.66]) + radius * np.stack([np.cos(around), np.sin(around)], axis=1)
        )
    bare, painted = (np.full((SIDE, SIDE, 3), (200, 160, 140), np.uint8) for _ in range(2))
    for picture, lips in ((bare, (190, 130, 120)), (painted, (190, 20, 60))):
        cv2.circle(picture, (SIDE // 2, int(0.66 * SIDE)), int(0.1 * SIDE), lips, -1)
        cv2.circle(picture, (SIDE // 2, int(0.66 * SIDE)), int(0.05 * SIDE), (235, 230, 225), -1)
    made = paste.patch(bare, painted, (mesh, mesh), square(0, 0, SIDE)).pixels
    at = int(0.66 * SIDE) + int(0.075 * SIDE), SIDE // 2
    assert np.ptp(made[at] - (190, 130, 120)) < 12, "the colour; they may be darker"
    teeth = made[int(0.66 * SIDE), SIDE // 2]
    assert teeth.min() > 200 and np.ptp(teeth) < 30
