"""The dlib recogniser: the same person is near, others are far, and dlib itself agrees."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from facegen import images
from facegen.errors import WeightsError
from facegen.face import align
from facegen.face.detect import Detector
from facegen.measure.identity import dlib_recogniser
from facegen.measure.identity.dlib_recogniser import RESNET, dlib_file
from facegen.networks.recognisers import CHIP


@pytest.fixture(scope="module")
def recogniser():
    return dlib_recogniser.DlibRecogniser()


@pytest.fixture(scope="module")
def face(astronaut):
    (found,) = Detector().detect(astronaut)
    return found


@pytest.fixture(scope="module")
def crop(astronaut, face):
    return align.align(astronaut, face, 256)[0]


def test_the_same_person(recogniser, astronaut, face, crop):
    """Another crop, another light and a quarter of the pixels are still her."""
    known = recogniser.embed(crop, face)
    assert known.shape == (128,) and recogniser.distance(known, known) == 0
    shifted = align.crop(astronaut, align.ffhq_quad(face.landmarks) + np.array([4, -3]), 256)
    darker = (crop * 0.7).astype(np.uint8)
    for pixels, limit in ((shifted, 0.2), (darker, 0.3), (images.resize(crop, 64), 0.45)):
        opinion = dlib_recogniser.compare(recogniser, known, recogniser.embed(pixels, face))
        assert opinion.distance < limit and opinion.same_person


def test_no_face_no_opinion(recogniser, crop):
    assert recogniser.embed(crop, None) is None


def test_it_sees_what_dlib_sees(recogniser, crop, face):
    """The fixed box and our network against dlib's own detector and network."""
    import dlib

    recogniser.embed(crop, face)
    _, box, find_points = recogniser._cutter
    network = dlib.face_recognition_model_v1(str(dlib_file(RESNET)))
    same_box = np.array(network.compute_face_descriptor(crop, find_points(crop, box)))
    assert recogniser.distance(recogniser.embed(crop, face), same_box) < 1e-4
    (box,) = dlib.get_frontal_face_detector()(crop, 1)
    theirs = np.array(network.compute_face_descriptor(crop, find_points(crop, box)))
    assert recogniser.distance(recogniser.embed(crop, face), theirs) < 0.1


def test_a_batch_gives_the_same_vectors(recogniser, crop, face):
    others = [crop, images.resize(crop, 64), np.ascontiguousarray(crop[:, ::-1])]
    together = recogniser.embed_all([*others, crop], [face, face, face, None])
    assert together[3] is None
    for pixels, vector in zip(others, together, strict=False):
        assert recogniser.distance(vector, recogniser.embed(pixels, face)) < 1e-4


def test_threads_share_a_recogniser(crop, face):
    recogniser = dlib_recogniser.DlibRecogniser()
    with ThreadPoolExecutor(4) as pool:
        vectors = list(pool.map(lambda _: recogniser.embed(crop, face), range(4)))
    assert all((vector == vectors[0]).all() for vector in vectors)


def test_a_missing_package_is_named(monkeypatch, crop, face):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="pip install face_recognition_models"):
        dlib_recogniser.DlibRecogniser().embed(crop, face)


def test_different_people(recogniser, shared, face):
    """The percentiles that the threshold rests on, on 24 faces (276 pairs)."""
    paths = sorted((shared / "faces" / "omi-256").glob("*.jpg"))[:24]
    vectors = np.array([recogniser.embed(images.load(path), face) for path in paths])
    rows, columns = np.triu_indices(len(vectors), 1)
    distances = np.linalg.norm(vectors[rows] - vectors[columns], axis=1)
    assert np.median(distances) == pytest.approx(0.80, abs=0.05)
    assert (distances < recogniser.threshold).mean() < 0.08


@pytest.fixture(scope="module")
def network():
    return dlib_recogniser.load_face_resnet()


@pytest.fixture(scope="module")
def chip(astronaut_crop):
    image = images.to_tensor(astronaut_crop)
    return images.to_pixels(dlib_recogniser.chips(image))[0]


@pytest.fixture(scope="module")
def astronaut_crop():
    from skimage.data import astronaut

    return np.ascontiguousarray(astronaut()[:240, 104:344])


def test_the_embedding_is_dlibs(network, chip):
    import dlib

    path = dlib_recogniser.dlib_file(dlib_recogniser.RESNET)
    expected = dlib.face_recognition_model_v1(str(path)).compute_face_descriptor(chip)
    found = network(images.to_tensor(chip))[0].double().numpy()
    assert chip.shape == (CHIP, CHIP, 3)
    assert np.abs(found - np.array(expected)).max() < 1e-5


def test_a_batch_is_its_faces(network, chip):
    one = images.to_tensor(chip)
    both = torch.cat([one, one.flip(3)])
    together = network(both)
    apart = torch.cat([network(both[:1]), network(both[1:])])
    assert torch.allclose(together, apart, atol=1e-5)
    assert (together[0] - together[1]).norm() < 0.6  # a mirrored face is the same person


def test_the_features_shrink_and_carry_a_gradient(network, chip):
    image = images.to_tensor(chip).requires_grad_(True)
    levels = network.features(image)
    assert [tuple(x.shape[1:]) for x in levels] == [(32, 35, 35), (64, 17, 17), (128, 8, 8), (128,)]
    levels[-1].sum().backward()
    assert image.grad.abs().sum() > 0


def test_chips_are_cut_where_the_box_says():
    ramp = torch.linspace(0, 1, 512).expand(1, 3, 512, 512)
    cut = dlib_recogniser.chips(ramp)[0, 0, 70]
    left, _, right, _ = dlib_recogniser.CHIP_BOX
    width = (right - left) / CHIP
    expected = torch.linspace(left + width / 2, right - width / 2, CHIP)
    assert torch.allclose(cut, expected, atol=2e-3)


def test_grey_keeps_light_and_drops_colour():
    images = torch.rand(2, 3, 8, 8) * 2 - 1
    seen = dlib_recogniser.grey(images)
    assert seen.shape == images.shape and torch.equal(seen[:, 0], seen[:, 2])
    torch.testing.assert_close(dlib_recogniser.grey(seen), seen)
    tinted = images + torch.tensor([0.587, -0.299, 0.0])[:, None, None]  # of the same luma
    torch.testing.assert_close(dlib_recogniser.grey(tinted), seen)


def test_what_refinement_looks_at_has_no_colour():
    look = dlib_recogniser.looker(torch.device("cpu"))
    images = torch.rand(1, 3, 64, 64) * 2 - 1
    for one, other in zip(look(images), look(dlib_recogniser.grey(images)), strict=True):
        torch.testing.assert_close(one, other)


def test_a_missing_or_damaged_file_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(dlib_recogniser, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(WeightsError, match="pip install no_such_package_of_weights"):
        dlib_recogniser.load_face_resnet()

    whole = tmp_path / "whole.dat"
    monkeypatch.undo()
    data = dlib_recogniser.dlib_file(dlib_recogniser.RESNET).read_bytes()
    for damaged in (b"", data[: len(data) // 2], data.replace(b"con_4", b"con_5")):
        whole.write_bytes(damaged)
        monkeypatch.setattr(dlib_recogniser, "dlib_file", lambda name: whole)
        with pytest.raises(WeightsError, match="whole.dat"):
            dlib_recogniser.load_face_resnet()
