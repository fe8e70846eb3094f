"""Raters: how they are fitted, what the committed ones say of themselves, what they see."""

import numpy as np
import pytest
import sliders
import torch
from edit_samples import fit_rater

from facegen import images, limits
from facegen.measure import attributes
from facegen.measure.attributes import Attributes
from facegen.measure.identity.dlib_recogniser import DlibRecogniser
from facegen.measure.naturalness import Seer
from facegen.options import ATTRIBUTES
from facegen.types import AttributeShift


@pytest.mark.parametrize("name", attributes.RATERS)
def test_a_rater_tells_what_it_misses(name):
    told = attributes.errors(name)
    assert set(told) == set(ATTRIBUTES)
    assert all(0 < facts["error"] < 11 and facts["correlation"] > 0.85 for facts in told.values())
    assert 0.9 < told["gender"]["side"] < 1
    if name != "encoder":  # the one that judges; the others steer
        assert all(told[a]["error"] < limits.KEPT_ATTRIBUTES[a] for a in ATTRIBUTES)


def test_written_and_read_again(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 5))
    fitted = {n: fit_rater(features, features @ rng.normal(size=(5, 3)), 0.1) for n in "ab"}
    errors = {n: {a: {"error": 1.0} for a in ATTRIBUTES} for n in "ab"}
    attributes.write(tmp_path / "raters.safetensors", fitted, errors)
    monkeypatch.setattr(attributes, "FILE", tmp_path / "raters.safetensors")
    for one in (attributes.rater, attributes._file):
        one.cache_clear()
    try:
        found = attributes.rater("b")(features)
        np.testing.assert_allclose(found, fitted["b"](features), atol=0.02)
        assert attributes.errors("a") == errors["a"]
    finally:
        for one in (attributes.rater, attributes._file):
            one.cache_clear()


def test_a_face_is_rated_with_and_without_a_classifier(detector, crop):
    face = detector.landmarks_of_crop(crop)
    vector = DlibRecogniser().embed(crop, face)
    age, gender, skin = Attributes(None)(crop, vector)
    assert 20 < age < 60 and gender > 50 and skin < 50  # the astronaut Eileen Collins at 36
    asked = []

    def features(pictures):
        asked.append(tuple(pictures.shape))
        return [torch.zeros(1, 304, 4, 4)]

    with pytest.raises(ValueError):  # other features than those it was fitted on
        Attributes(Seer(features))(crop, vector)
    assert asked[0] == (1, 3, 256, 256)
    assert images.resize(crop, 256).shape[0] == 256


def test_raters_are_fitted_on_the_first_faces_and_judged_on_the_others():
    rng = np.random.default_rng(1)
    count = sliders.LAST + 60
    hidden = rng.normal(size=(count, 3))
    kept = {
        "number": np.arange(1, count + 1),
        "dlib": hidden @ rng.normal(size=(3, 8)),
        "features": hidden @ rng.normal(size=(3, 6)),
        "ws": (hidden @ rng.normal(size=(3, 16 * 4))).reshape(count, 16, 4),
    }
    ratings = {
        i + 1: dict(zip(sliders.COLUMNS, 50 + 10 * hidden[i], strict=True)) for i in range(count)
    }
    fitted, errors = sliders.fit_raters(kept, ratings)
    assert set(fitted) == set(attributes.RATERS)
    assert all(facts["error"] < 4 for found in errors.values() for facts in found.values())
    masculine = 100 - fitted["dlib"](kept["dlib"])[:, 1]
    assert np.corrcoef(masculine, hidden[:, 1])[0, 1] > 0.99
    for number in range(sliders.LAST + 1, count + 1):  # what it is judged on does not teach it
        ratings[number] = dict.fromkeys(sliders.COLUMNS, 50.0)
    again, worse = sliders.fit_raters(kept, ratings)
    np.testing.assert_array_equal(again["dlib"].weights, fitted["dlib"].weights)
    assert worse["dlib"]["age"]["error"] > 2 * errors["dlib"]["age"]["error"]


def test_kept_is_within_the_limit_or_on_ones_side():
    assert AttributeShift("age", 30, 39).kept and not AttributeShift("age", 30, 41).kept
    assert AttributeShift("gender", 60, 95).kept and not AttributeShift("gender", 60, 40).kept
    assert AttributeShift("gender", 53, 45).kept, "between the two, a step is no change"
    assert AttributeShift("skin", 20, 31).kept and AttributeShift("skin", 20, 33).delta == 13
