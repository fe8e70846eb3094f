"""Pose and geometry: angles with the right size and sign, zero for no change."""

import numpy as np
import pytest

from facegen import images
from facegen.face import align
from facegen.face.detect import Detector
from facegen.face.landmarks import MESH_TO_68, from_mesh
from facegen.measure import structure
from facegen.output import portrait
from facegen.types import Face


def mesh_of(points: np.ndarray) -> np.ndarray:
    """A mesh whose rigid points are these."""
    mesh = np.zeros((468, 3))
    mesh[[MESH_TO_68[index] for index in structure._RIGID]] = points
    return mesh


def turn(axis: int, degrees: float) -> np.ndarray:
    """Right-handed rotation about one of the axes x right, y down, z away."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(3)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix[i, i], matrix[i, j], matrix[j, i], matrix[j, j] = c, -s, s, c
    return matrix


def test_angles_of_a_turned_mean_face():
    yaw, pitch, roll = 25.0, -12.0, 40.0
    matrix = turn(2, roll) @ turn(1, -yaw) @ turn(0, pitch)
    points = 80 * structure._MEAN_FACE @ matrix.T + (300, 200, 10)
    assert structure.pose(mesh_of(points)) == pytest.approx((yaw, pitch, roll))
    assert structure.pose(mesh_of(structure._MEAN_FACE)) == pytest.approx((0, 0, 0))


@pytest.mark.parametrize(
    ("axis", "degrees", "angle", "coordinate"),
    [(1, -20, 0, 0), (0, 20, 1, 1)],
    ids=["yaw to the viewer's right", "pitch down"],
)
def test_signs(axis, degrees, angle, coordinate):
    """A positive angle moves the tip of the nose to the right, or down."""
    points = structure._MEAN_FACE @ turn(axis, degrees).T
    nose = structure._RIGID.index(30)
    assert structure.pose(mesh_of(points))[angle] == pytest.approx(20)
    assert points[nose, coordinate] > structure._MEAN_FACE[nose, coordinate] + 0.1


def head(**moved) -> np.ndarray:
    """A mesh [468, 3] whose 68 points are random but fixed; moved: point -> where it is put."""
    mesh = np.random.default_rng(4).normal(size=(468, 3)) * 30
    mesh[[MESH_TO_68[index] for index in structure._RIGID]] = 80 * structure._MEAN_FACE
    for name, place in moved.items():
        mesh[MESH_TO_68[int(name.removeprefix("p"))]] = place
    return mesh


def test_expression_of_known_distances():
    """The outer corners of the eyes are 80 apart in the mean face."""
    mesh = head(p62=(0, 40, -20), p66=(0, 56, -20), p48=(-24, 48, 0), p54=(24, 48, 0))
    found = structure.expression(mesh)
    assert found.mouth == pytest.approx(16 / 80)
    assert found.smile == pytest.approx(48 / 80)


def test_expression_stays_when_the_head_turns():
    mesh = head()
    turned = 1.7 * mesh @ (turn(1, 30) @ turn(0, -20)).T + (5, 6, 7)
    before, after = structure.expression(mesh), structure.expression(turned)
    assert vars(after) == pytest.approx(vars(before))


@pytest.mark.parametrize(("axis", "degrees"), [(0, 15), (1, -25), (2, 10)])
def test_the_measured_change_is_the_turn(axis, degrees):
    """measure() of two whole heads, one of them turned by a known angle, and NME by hand."""
    mesh = head()
    turned = mesh @ turn(axis, degrees).T
    faces = [Face((0, 0, 1, 1), 1.0, from_mesh(one), one) for one in (mesh + 128, turned + 128)]
    delta = structure.measure(*faces)
    angles = (delta.pitch_delta, -delta.yaw_delta, delta.roll_delta)
    assert angles[axis] == pytest.approx(degrees, abs=1e-6)
    others = [a for i, a in enumerate(angles) if i != axis]
    assert others == pytest.approx([0, 0], abs=1e-6)
    by_hand = np.hypot(*(faces[1].landmarks - faces[0].landmarks).T).mean() / 80
    assert delta.landmark_nme == pytest.approx(by_hand)
    assert abs(delta.mouth_delta) + abs(delta.smile_delta) + abs(delta.eyes_delta) < 1e-9


def test_both_meshes_are_drawn(astronaut, reference, detector, quad):
    pixels = align.crop(astronaut, quad, 256)
    picture = portrait.overlay(pixels, reference, detector.landmarks_of_crop(pixels))
    assert picture.shape == (512, 512, 3) and picture.dtype == np.uint8
    drawn = (picture == portrait.VARIANT_COLOUR).all(axis=2)
    assert 500 < drawn.sum() < 30_000
    moved = Face(reference.box, 1.0, reference.landmarks + 20, reference.mesh + 20)
    both = portrait.overlay(pixels, reference, moved)
    for colour in (portrait.REFERENCE_COLOUR, portrait.VARIANT_COLOUR):
        assert (both == colour).all(axis=2).sum() > 500


@pytest.fixture(scope="module")
def detector():
    return Detector()


@pytest.fixture(scope="module")
def quad(detector, astronaut):
    (face,) = detector.detect(astronaut)
    return align.ffhq_quad(face.landmarks)


@pytest.fixture(scope="module")
def reference(detector, astronaut, quad) -> Face:
    return detector.landmarks_of_crop(align.crop(astronaut, quad, 256))


def test_nothing_moved(reference):
    delta = structure.measure(reference, reference)
    assert (delta.landmark_nme, delta.yaw_delta, delta.pitch_delta, delta.roll_delta) == (0,) * 4


@pytest.mark.parametrize("degrees", [-12, 12])
def test_a_leaning_head(detector, astronaut, quad, reference, degrees):
    """The crop turned by -degrees about its centre: the head leans by degrees."""
    centre = quad.mean(axis=0)
    leaning = (quad - centre) @ turn(2, -degrees)[:2, :2].T + centre
    found = detector.landmarks_of_crop(align.crop(astronaut, leaning, 256))
    delta = structure.measure(reference, found)
    assert delta.roll_delta == pytest.approx(degrees, abs=2)
    assert abs(delta.yaw_delta) < 4 and abs(delta.pitch_delta) < 4
    assert delta.landmark_nme > 0.05


def test_the_mirror_turns_yaw_round(detector, shared):
    turned_heads = 0
    for path in sorted((shared / "faces" / "omi-256").glob("*.jpg"))[:25]:
        pixels = images.load(path)
        yaw, pitch, roll = structure.pose(detector.landmarks_of_crop(pixels).mesh)
        mirrored = detector.landmarks_of_crop(np.ascontiguousarray(pixels[:, ::-1]))
        assert structure.pose(mirrored.mesh) == pytest.approx((-yaw, pitch, -roll), abs=6)
        turned_heads += abs(yaw) > 10
    assert turned_heads > 3  # or this would say little


def test_64_pixels_are_enough(detector, astronaut, quad, reference):
    small = images.resize(images.resize(align.crop(astronaut, quad, 256), 64), 256)
    delta = structure.measure(reference, detector.landmarks_of_crop(small))
    assert delta.landmark_nme < 0.04
    assert max(abs(delta.yaw_delta), abs(delta.pitch_delta), abs(delta.roll_delta)) < 4
