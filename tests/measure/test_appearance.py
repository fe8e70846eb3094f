"""What is measured of a face's looks, on a drawn one where the truth is known."""

import numpy as np
import pytest

from facegen.face.detect import Detector
from facegen.measure.appearance import appearance, shading


@pytest.fixture(scope="module")
def face(astronaut):
    from facegen.face import align

    detector = Detector()
    crop, _ = align.align(astronaut, detector.detect(astronaut)[0], 256)
    mesh = detector.mesh_of_crop(crop)
    assert mesh.shape == (478, 3)
    return crop, mesh


def test_light_follows_the_brighter_side(face):
    crop, mesh = face
    ramp = np.linspace(0.4, 1.0, 256)[None, :, None]
    plain = appearance(crop, mesh).light
    assert appearance((crop * ramp).astype(np.uint8), mesh).light > plain + 0.1
    assert appearance((crop * ramp[:, ::-1]).astype(np.uint8), mesh).light < plain - 0.1


def test_a_darkened_chin_is_a_beard(face):
    crop, mesh = face
    dark = crop.copy()
    dark[int(mesh[17, 1]) :] //= 3  # below the lips
    assert appearance(dark, mesh).beard > appearance(crop, mesh).beard + 0.1


def test_a_bar_across_the_nose_is_a_pair_of_glasses(face):
    crop, mesh = face
    barred = crop.copy()
    row = int(mesh[6, 1])
    barred[row - 2 : row + 2, 60:200] = 0
    assert appearance(barred, mesh).glasses > appearance(crop, mesh).glasses + 0.2


def test_gaze_follows_the_irises(face):
    crop, mesh = face
    moved = mesh.copy()
    moved[468:, 0] += 3
    assert appearance(crop, moved).gaze > appearance(crop, mesh).gaze + 0.05


def test_shading_tells_where_the_light_falls_and_not_how_much(face):
    crop, mesh = face
    plain = shading(crop, mesh)
    assert plain.mean() == pytest.approx(1)
    darker = shading((crop * 0.6).astype(np.uint8), mesh)
    np.testing.assert_allclose(darker, plain, atol=0.03)
    ramp = np.linspace(0.4, 1.0, 256)[None, :, None]
    aside = shading((crop * ramp).astype(np.uint8), mesh)
    assert np.sqrt(np.mean((aside - plain) ** 2)) > 0.1
