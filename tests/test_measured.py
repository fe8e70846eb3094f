"""The directions of a model are learned once, with progress, and kept in the user's cache."""

import json

import pytest

from facegen import measured, models, runtime
from facegen.identity import DlibJudge
from facegen.studio import Studio


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "facegen"


@pytest.fixture(scope="module")
def model():
    return models.load_face_model("bundled", runtime.choose_device("cpu"))


def new(model) -> Studio:
    return Studio(model, runtime.choose_device("cpu"), (DlibJudge(),))


def test_learned_once_and_kept(cache, model):
    first = new(model)
    shares = list(first.learn())
    assert shares[0] == 0 and shares == sorted(shares) and shares[-1] < 1
    assert list(first.learn()) == []
    (kept,) = cache.iterdir()
    again = new(model)
    assert list(again.learn()) == []
    assert (again.directions.slopes == first.directions.slopes).all()

    kept.write_text(json.dumps({"slopes": [[1.0]], "means": [], "explained": []}))
    assert len(list(new(model).learn())) == len(shares)  # no use: learned anew


def test_a_model_that_draws_no_faces_is_given_up_early(cache, tiny_model):
    studio = new(tiny_model)
    shares = list(studio.learn())
    assert studio.directions is None
    assert shares[-1] == pytest.approx(measured.LEAST / measured.SAMPLES)
    assert not cache.exists()
