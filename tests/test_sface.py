"""The code around SFace, with a miniature network in its place: the real file is not bundled."""

from pathlib import Path

import numpy as np
import pytest

from facegen import align, hub, images, judges
from facegen.detect import Detector
from facegen.errors import WeightsError
from facegen.sface import SFaceJudge


def field(number: int, value: int | bytes | str) -> bytes:
    """One field of a protocol buffer: https://protobuf.dev/programming-guides/encoding/."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def tensor_info(name: str, shape: tuple[int, ...]) -> bytes:
    dims = b"".join(field(1, field(1, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))


def pixelated(path: Path) -> Path:
    """An ONNX file that averages squares of 16 pixels: 112x112 becomes 7x7 colours.

    Field numbers from https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
    """
    sixteen = field(8, 16) + field(8, 16) + field(20, 7)  # an attribute of two integers
    attributes = [field(1, name) + sixteen for name in ("kernel_shape", "strides")]
    pool = field(1, "data") + field(2, "pooled") + field(3, "pool") + field(4, "AveragePool")
    pool += b"".join(field(5, one) for one in attributes)
    flat = field(1, "pooled") + field(2, "fc1") + field(3, "flat") + field(4, "Flatten")
    graph = field(1, pool) + field(1, flat) + field(2, "miniature")
    graph += field(11, tensor_info("data", (1, 3, 112, 112)))
    graph += field(12, tensor_info("fc1", (1, 147)))
    path.write_bytes(field(1, 7) + field(7, graph) + field(8, field(2, 11)))
    return path


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
    assert [one.name for one in judges.at_hand()] == ["dlib", "sface"]
    monkeypatch.setattr(hub, "locate", lambda entry: None)
    assert [one.name for one in judges.at_hand()] == ["dlib"]
