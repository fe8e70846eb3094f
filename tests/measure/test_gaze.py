"""Directions of a look, from meshes whose irises were put where they are."""

import numpy as np
import pytest

from facegen.face import align
from facegen.face.detect import Detector
from facegen.measure import gaze


@pytest.fixture(scope="module")
def mesh(astronaut):
    detector = Detector()
    crop, _ = align.align(astronaut, detector.detect(astronaut)[0], 256)
    return detector.mesh_of_crop(crop)


def moved(mesh, by):
    there = mesh.copy()
    for left, right, iris in gaze._EYES:
        there[iris, :2] += by * (mesh[right, :2] - mesh[left, :2])
    return there


def test_irises_to_the_right_look_to_the_right(mesh):
    right, left = (gaze.direction(moved(mesh, by)) for by in (0.05, -0.05))
    straight = gaze.direction(mesh)
    assert right[0] > straight[0] > left[0] and right[1] == straight[1]
    # seen by the mesh, 0.02 stands for 0.02 / GAIN of the eye's width
    before = gaze.in_eyes(mesh)[0] / gaze.GAIN
    after = before + 0.02 / gaze.GAIN
    turned = np.arcsin(after / gaze.REACH) - np.arcsin(before / gaze.REACH)
    found = gaze.apart(straight, gaze.direction(moved(mesh, 0.02)))
    assert found == pytest.approx(turned, rel=0.05)


def test_angles_between_directions():
    assert gaze.apart(np.array([0.1, 0]), np.array([-0.2, 0])) == pytest.approx(0.3)
    assert gaze.apart(np.array([0, 0.1]), np.array([0, 0.1])) == pytest.approx(0, abs=1e-6)
