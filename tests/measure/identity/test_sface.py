"""The second recogniser: where the face stands, and what the recogniser does around its network.

A miniature network stands in for SFace's; what needs the real weights is skipped without them.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from conftest import needs_weights, own_cache
from onnx_files import pixelated
from torch import nn

from facegen import images, weights
from facegen.face import align
from facegen.face.detect import Detector
from facegen.measure.identity import calibration, recognisers, sface
from facegen.measure.identity.sface import SFaceRecogniser


def colours() -> nn.Module:
    """Averages of 16x16 pixels: 147 numbers that follow what the network is shown."""
    return nn.Sequential(nn.AvgPool2d(16), nn.Flatten())


@pytest.fixture
def recogniser():
    return SFaceRecogniser(load=colours)


@pytest.fixture(scope="module")
def real():
    with own_cache():
        needs_weights("sface")
        network = sface.load_sface()
    return SFaceRecogniser(load=lambda: network)


@pytest.fixture(scope="module")
def crop(astronaut):
    (found,) = Detector().detect(astronaut)
    return align.align(astronaut, found, 256)[0]


@pytest.fixture(scope="module")
def face(crop):
    return Detector().landmarks_of_crop(crop)


def test_a_similarity_is_found_again():
    angle, scale, shift = 0.3, 1.7, np.array([5.0, -8.0])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = np.random.default_rng(0).normal(size=(5, 2))
    found = sface.similarity(points, points @ turn.T + shift)
    assert found == pytest.approx(np.column_stack([turn, shift]))


def test_one_place_has_no_similarity_but_no_infinite_one_either():
    assert np.isfinite(sface.similarity(np.ones((5, 2)), sface.TEMPLATE)).all()


@pytest.mark.parametrize("size", [64, 256])
def test_the_chip_is_that_of_opencv(tmp_path, crop, face, size):
    """Its FaceRecognizerSF cuts the same pixels out, to a grey level."""
    import cv2

    opencv = cv2.FaceRecognizerSF.create(str(pixelated(tmp_path / "miniature.onnx")), "")
    pixels, points = images.resize(crop, size), face.landmarks * (size / 256)
    # a row of YuNet: box, five points, confidence; OpenCV counts from the first pixel's centre
    row = np.concatenate([np.zeros(4), sface.five(points).ravel() - 0.5, [1.0]])
    bgr = np.ascontiguousarray(pixels[:, :, ::-1])
    theirs = opencv.alignCrop(bgr, row.astype(np.float32)[None])[:, :, ::-1].astype(int)
    ours = sface.chip(pixels, points).astype(int)
    assert ours.shape == (112, 112, 3)
    assert abs(ours - theirs).max() <= 2 and abs(ours - theirs).mean() < 0.05


def test_the_face_stands_on_the_template(crop, face):
    import cv2

    chip = cv2.resize(sface.chip(crop, face.landmarks), (256, 256))
    again = sface.five(Detector().landmarks_of_crop(chip).landmarks) * 112 / 256
    assert again == pytest.approx(sface.TEMPLATE, abs=6)  # a face is not the mean face


def test_large_crops_are_averaged(crop, face):
    """Not sampled: one of 1024 pixels is seen as one of 256."""
    large = images.resize(crop, 1024)
    seen = sface.chip(large, face.landmarks * 4).astype(int)
    assert abs(seen - sface.chip(crop, face.landmarks)).mean() < 2


def test_vectors(recogniser, crop, face):
    vector = recogniser.embed(crop, face)
    assert vector.shape == (147,) and vector.dtype == np.float64
    assert recogniser.distance(vector, vector) == pytest.approx(0, abs=1e-9)
    assert recogniser.distance(vector, -vector) == pytest.approx(2)
    half = images.resize(crop, 128)
    smaller = recogniser.embed(half, Detector().landmarks_of_crop(half))
    assert recogniser.distance(vector, smaller) < 0.02  # landmarks count in pixels of their crop


def test_many_at_once(recogniser, crop, face):
    """The same vectors, in batches, and None where there is no face."""
    crops = [np.roll(crop, i, axis=1) for i in range(20)]
    faces = [None if i == 3 else face for i in range(20)]
    together = recogniser.embed_all(crops, faces)
    assert together[3] is None and sum(one is None for one in together) == 1
    for i in (0, 2, 4, 19):
        assert together[i] == pytest.approx(recogniser.embed(crops[i], face), abs=1e-6)
    assert recogniser.embed_all([crop], [None]) == [None] and recogniser.embed_all([], []) == []


def test_threads_share_a_recogniser_and_load_once(crop, face):
    loaded = []

    def load():
        loaded.append(1)
        return colours()

    recogniser = SFaceRecogniser(load=load)
    assert recogniser.embed(crop, None) is None and loaded == []
    with ThreadPoolExecutor(4) as pool:
        vectors = list(pool.map(lambda _: recogniser.embed(crop, face), range(8)))
    assert loaded == [1] and all((vector == vectors[0]).all() for vector in vectors)


def test_both_recognisers_are_used_where_the_weights_are_at_hand(monkeypatch):
    monkeypatch.setattr(weights, "at_hand", lambda entry: True)
    monkeypatch.setattr(weights, "load", lambda *_: pytest.fail("loaded before it is needed"))
    assert [one.name for one in recognisers.at_hand()] == ["dlib", "sface"]
    monkeypatch.setattr(weights, "at_hand", lambda entry: False)
    assert [one.name for one in recognisers.at_hand()] == ["dlib"]


def test_the_weights_are_those_of_the_registry(monkeypatch):
    """Strictly: a file that lacks a key is refused by name."""
    from facegen.errors import WeightsError
    from facegen.networks.recognisers import SFace

    state = SFace().state_dict()
    asked = []

    def load(entry):
        asked.append(entry.name)
        return weights.BUNDLED_FOLDER / "sface.safetensors", state, {}

    monkeypatch.setattr(weights, "load", load)
    network = sface.load_sface()
    assert asked == ["sface"] and not network.training
    assert torch.equal(network.head.bias, state["head.bias"])
    assert not any(parameter.requires_grad for parameter in network.parameters())
    del state["head.bias"]
    with pytest.raises(WeightsError, match=r"sface\.safetensors lacks 'head\.bias'"):
        sface.load_sface()


def test_the_same_person(real, astronaut, crop, face):
    """Another crop, another light and a quarter of the pixels are still her."""
    known = real.embed(crop, face)
    assert known.shape == (128,)
    found = Detector().detect(astronaut)[0]
    shifted = align.crop(astronaut, align.ffhq_quad(found.landmarks) + np.array([4, -3]), 256)
    views = (shifted, (crop * 0.7).astype(np.uint8), images.resize(crop, 64))
    for pixels, limit in zip(views, (0.1, 0.1, 0.25), strict=True):
        vector = real.embed(pixels, Detector().landmarks_of_crop(pixels))
        assert real.distance(known, vector) < limit


def test_different_people(real, shared):
    """The percentiles that the threshold rests on, on 24 faces (276 pairs)."""
    paths = sorted((shared / "faces" / "omi-256").glob("*.jpg"))[:24]
    pixels, detector = [images.load(path) for path in paths], Detector()
    vectors = real.embed_all(pixels, [detector.landmarks_of_crop(one) for one in pixels])
    distances = [real.distance(a, b) for i, a in enumerate(vectors) for b in vectors[:i]]
    middle = calibration.find("sface", 256).impostor[50]
    assert np.median(distances) == pytest.approx(middle, abs=0.05)
    assert np.mean(np.array(distances) < real.threshold) < 0.05
