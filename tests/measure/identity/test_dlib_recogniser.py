"""The dlib recogniser: the same person is near, others are far, and dlib itself agrees."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from facegen import images
from facegen.errors import WeightsError
from facegen.face import align
from facegen.face.detect import Detector
from facegen.measure.identity import dlib_recogniser
from facegen.measure.identity.dlib_recogniser import RESNET, dlib_file


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
