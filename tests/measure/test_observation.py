"""Everything that is seen in a crop, looked at once; and the kinds, from their file."""

import numpy as np
import pytest
import torch

from facegen import Studio
from facegen.measure import kinds
from facegen.measure.attributes import Rater
from facegen.measure.observation import LOOKS, POSE, TRAITS, Observer
from facegen.options import ATTRIBUTES


@pytest.fixture(scope="module")
def studio():
    return Studio.load("bundled", "cpu")


@pytest.fixture(scope="module")
def crop(studio, astronaut):
    return studio.align(astronaut).pixels


def test_it_sees_what_its_parts_see(studio, crop):
    seen = studio.observer(crop)
    face = studio.detector.landmarks_of_crop(crop)
    assert np.array_equal(seen.face.landmarks, face.landmarks) and seen.trouble is None
    assert seen.confidence == studio.detector.confidence(crop)
    by = studio.recognisers[0]
    assert np.array_equal(seen.vectors[by.name], by.embed(crop, face))
    rated = studio.observer.attributes(crop, seen.vectors["dlib"])
    assert np.array_equal(seen.traits[-len(ATTRIBUTES) :], rated)
    assert len(TRAITS) == len(POSE) + len(LOOKS) + len(ATTRIBUTES) == len(seen.traits)
    assert not np.isnan(seen.traits).any()


def test_a_turned_head_is_told(studio, crop):
    yaw, smile = TRAITS.index("yaw"), TRAITS.index("smile")
    mirrored = studio.observer(np.ascontiguousarray(crop[:, ::-1]))
    seen = studio.observer(crop)
    assert mirrored.traits[yaw] == pytest.approx(-seen.traits[yaw], abs=4)
    assert mirrored.traits[smile] == pytest.approx(seen.traits[smile], abs=0.05)


def test_no_face_is_seen_in_noise(studio):
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    seen = studio.observer(noise)
    assert seen.face is None and seen.trouble and not seen.vectors and np.isnan(seen.traits).all()


def test_without_dlib_nobody_is_rated(studio, crop):
    seen = Observer(studio.detector)(crop)
    assert np.isnan(seen.traits[-len(ATTRIBUTES) :]).all() and not np.isnan(seen.traits[0])


def test_a_face_in_a_picture_of_another_size(studio, crop):
    seen = studio.observer(crop)
    double = seen.scaled_face(2 * seen.size)
    np.testing.assert_allclose(double.landmarks, 2 * seen.face.landmarks)
    assert seen.scaled_face(seen.size) is seen.face


def test_kinds_are_read_as_they_were_written(tmp_path):
    rng = np.random.default_rng(0)
    count, size = len(kinds.KINDS), 12
    fitted = Rater(
        rng.normal(size=size), rng.uniform(1, 2, size), rng.normal(size=(size, count)),
        rng.normal(size=count),
    )  # fmt: skip
    kinds.write(tmp_path / "k.safetensors", fitted, {"glasses": {"wrong": 0.1}})
    from facegen import weights

    tensors, _ = weights.read(tmp_path / "k.safetensors")
    np.testing.assert_allclose(tensors["weights"].float(), fitted.weights, atol=2e-3)


def test_the_shipped_kinds_say_how_often_they_are_wrong():
    told = kinds.errors()
    assert set(told) == set(kinds.KINDS)
    assert told["glasses"]["wrong"] < 0.03 and told["feminine"]["wrong_when_sure"] < 0.03
    assert all(one["faces"] >= 250 for one in told.values())
    dark = kinds.classifier()(np.zeros((1, len(kinds.classifier().mean))))
    assert dark.shape == (1, len(kinds.KINDS)) and torch.isfinite(torch.tensor(dark)).all()
