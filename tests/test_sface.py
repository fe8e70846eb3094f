"""The code around SFace, with a miniature network in its place: the real file is not bundled."""

import numpy as np
import pytest
from onnx_files import pixelated

from facegen import align, hub, images, judges
from facegen.detect import Detector
from facegen.errors import WeightsError
from facegen.sface import SFaceJudge


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    return SFaceJudge(pixelated(tmp_path_factory.mktemp("sface") / "miniature.onnx"))


@pytest.fixture(scope="module")
def crop(astronaut):
    (found,) = Detector().detect(astronaut)
    return align.align(astronaut, found, 256)[0]


@pytest.fixture(scope="module")
def face(crop):
    return Detector().landmarks_of_crop(crop)


def test_the_face_stands_where_sface_expects_it(judge, crop, face):
    """The network sees the aligned face: its eyes and mouth lie on OpenCV's template."""
    import cv2

    row = judge._row(face, 1.0)
    assert row.shape == (1, 15) and row.dtype == np.float32
    judge.embed(crop, face)
    aligned = judge._network.alignCrop(np.ascontiguousarray(crop[:, :, ::-1]), row)
    assert aligned.shape == (112, 112, 3)
    again = Detector().landmarks_of_crop(cv2.resize(aligned[:, :, ::-1], (256, 256)))
    eyes = again.landmarks[36:48].mean(axis=0) * 112 / 256
    # between the eyes of the template in opencv/modules/objdetect/src/face_recognize.cpp
    assert eyes == pytest.approx((55.9, 51.6), abs=3)


def test_its_vectors_are_colours_here(judge, crop, face):
    vector = judge.embed(crop, face)
    assert vector.shape == (147,) and vector.dtype == np.float64
    assert judge.distance(vector, vector) == pytest.approx(0, abs=1e-9)
    half = images.resize(crop, 128)
    smaller = judge.embed(half, Detector().landmarks_of_crop(half))
    assert judge.distance(vector, smaller) < 0.02  # landmarks count in pixels of their crop
    negative = judge.embed(255 - crop, face)
    assert judge.distance(vector, negative) > 0.05


def test_no_face_no_opinion(judge, crop, face):
    first, second = judge.embed_all([crop, crop], [face, None])
    assert first is not None and second is None


def test_a_damaged_file_is_named(tmp_path, crop, face):
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"no network")
    with pytest.raises(WeightsError, match="broken.onnx cannot be read as SFace"):
        SFaceJudge(path).embed(crop, face)


def test_both_judges_are_used_when_the_file_is_at_hand(monkeypatch, tmp_path):
    path = pixelated(tmp_path / "miniature.onnx")
    monkeypatch.setattr(hub, "locate", lambda entry: path)
    checked = []
    monkeypatch.setattr(hub, "verify", lambda entry: checked.append(entry.name))
    assert [one.name for one in judges.at_hand()] == ["dlib", "sface"]
    assert checked == ["sface"]
    monkeypatch.setattr(hub, "locate", lambda entry: None)
    assert [one.name for one in judges.at_hand()] == ["dlib"]
