"""The dlib judge: the same person is near, others are far, and it agrees with dlib's own way."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from facegen import images
from facegen.errors import WeightsError
from facegen.face import align
from facegen.face.detect import Detector
from facegen.measure.identity import dlib_recogniser
from facegen.measure.identity.dlib_network import RESNET, dlib_file


@pytest.fixture(scope="module")
def judge():
    return dlib_recogniser.DlibJudge()


@pytest.fixture(scope="module")
def face(astronaut):
    (found,) = Detector().detect(astronaut)
    return found


@pytest.fixture(scope="module")
def crop(astronaut, face):
    return align.align(astronaut, face, 256)[0]


def test_the_same_person(judge, astronaut, face, crop):
    """Another crop, another light and a quarter of the pixels are still her."""
    known = judge.embed(crop, face)
    assert known.shape == (128,) and judge.distance(known, known) == 0
    shifted = align.crop(astronaut, align.ffhq_quad(face.landmarks) + np.array([4, -3]), 256)
    darker = (crop * 0.7).astype(np.uint8)
    for pixels, limit in ((shifted, 0.2), (darker, 0.3), (images.resize(crop, 64), 0.45)):
        opinion = dlib_recogniser.compare(judge, known, judge.embed(pixels, face))
        assert opinion.distance < limit and opinion.same_person


def test_no_face_no_opinion(judge, crop):
    assert judge.embed(crop, None) is None


def test_it_sees_what_dlib_sees(judge, crop, face):
    """The fixed box and our network against dlib's own detector and network."""
    import dlib

    judge.embed(crop, face)
    _, box, find_points = judge._cutter
    network = dlib.face_recognition_model_v1(str(dlib_file(RESNET)))
    same_box = np.array(network.compute_face_descriptor(crop, find_points(crop, box)))
    assert judge.distance(judge.embed(crop, face), same_box) < 1e-4
    (box,) = dlib.get_frontal_face_detector()(crop, 1)
    theirs = np.array(network.compute_face_descriptor(crop, find_points(crop, box)))
    assert judge.distance(judge.embed(crop, face), theirs) < 0.1


def test_a_batch_gives_the_same_vectors(judge, crop, face):
    others = [crop, images.resize(crop, 64), np.ascontiguousarray(crop[:, ::-1])]
    together = judge.embed_all([*others, crop], [face, face, face, None])
    assert together[3] is None
    for pixels, vector in zip(others, together, strict=False):
        assert judge.distance(vector, judge.embed(pixels, face)) < 1e-4


def test_threads_share_a_judge(crop, face):
    judge = dlib_recogniser.DlibJudge()
    with ThreadPoolExecutor(4) as pool:
        vectors = list(pool.map(lambda _: judge.embed(crop, face), range(4)))
    assert all((vector == vectors[0]).all() for vector in vectors)


def test_a_missing_package_is_named(monkeypatch, crop, face):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="pip install face_recognition_models"):
        dlib_recogniser.DlibJudge().embed(crop, face)


def test_different_people(judge, shared, face):
    """The percentiles that the threshold rests on, on 24 faces (276 pairs)."""
    paths = sorted((shared / "faces" / "omi-256").glob("*.jpg"))[:24]
    vectors = np.array([judge.embed(images.load(path), face) for path in paths])
    rows, columns = np.triu_indices(len(vectors), 1)
    distances = np.linalg.norm(vectors[rows] - vectors[columns], axis=1)
    assert np.median(distances) == pytest.approx(0.80, abs=0.05)
    assert (distances < judge.threshold).mean() < 0.08
