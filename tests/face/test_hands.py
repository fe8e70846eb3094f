"""A hand in front of a face: its outline from 21 points, and that it stays as it is."""

import numpy as np
import pytest

from facegen.face import in_front, paste
from facegen.face.detect import Detector

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
