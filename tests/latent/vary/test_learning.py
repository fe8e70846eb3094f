"""The directions of a model are learned once, with progress, and kept in the user's cache."""

import json
from pathlib import Path

import numpy as np
import pytest

from facegen import models, runtime
from facegen.jobs.generate import Inverted, Learning, Made, generate
from facegen.latent.vary import learning
from facegen.measure.identity.dlib_recogniser import DlibRecogniser
from facegen.measure.traits import NAMES, POSE
from facegen.options import GenerateOptions, InvertOptions, VaryOptions
from facegen.studio import Studio
from facegen.ui import run_state


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """How many faces are measured does not matter here."""
    monkeypatch.setattr(learning, "SAMPLES", 96)


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "facegen"


@pytest.fixture(scope="module")
def model():
    return models.load_face_model("bundled", runtime.choose_device("cpu"))


def new(model) -> Studio:
    return Studio(model, runtime.choose_device("cpu"), (DlibRecogniser(),))


def test_without_a_home_nothing_is_kept(monkeypatch, model):
    # what platformdirs answers where neither HOME nor the list of users knows a home
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: Path("~/.cache/facegen"))
    studio = new(model)
    assert len(list(studio.learn())) and studio.directions is not None


def test_learned_once_and_kept(cache, model):
    first = new(model)
    shares = list(first.learn())
    assert shares[0] == 0 and shares == sorted(shares) and shares[-1] < 1
    assert list(first.learn()) == []
    (kept,) = cache.iterdir()
    again = new(model)
    assert list(again.learn()) == [] and again.directions.names == POSE
    assert (again.directions.slopes == first.directions.slopes).all()

    kept.write_text(json.dumps({"slopes": [[[1.0]]], "explained": []}))
    assert len(list(new(model).learn())) == len(shares)  # no use: learned anew


def test_whoever_waits_is_told(cache, model, astronaut, tmp_path):
    options = GenerateOptions(VaryOptions(count=1), InvertOptions(0))
    events = list(generate(new(model), astronaut, "0" * 64, tmp_path, options))
    kinds = [type(event) for event in events]
    first, last = kinds.index(Learning), len(kinds) - kinds[::-1].index(Learning)
    assert kinds.index(Inverted) < first and last <= kinds.index(Made)
    page = run_state.follow(run_state.Run(tmp_path), iter(events[first : first + 1]))
    assert "First use of this model" in next(page).progress


def test_a_file_of_the_model_comes_first(cache, model, monkeypatch, tmp_path):
    monkeypatch.setattr(learning, "FOLDER", tmp_path)
    w_dim, places = model.generator.config.w_dim, model.generator.config.num_ws
    slopes = np.arange(2 * 2 * w_dim, dtype=np.float64).reshape(2, 2, w_dim)
    rows = [0, *[1] * (places - 1)]
    file = tmp_path / f"{model.info.name}.safetensors"
    learning.write(file, ("yaw", "age"), slopes, np.array([0.9, 0.05]), rows, {"samples": 9})
    studio = new(model)
    assert list(studio.learn()) == [] and not cache.exists()
    found = studio.directions
    assert found.names == ("yaw", "age") and found.slopes.shape == (2, places, w_dim)
    sums = np.stack([found.slopes[:, 0], found.slopes[:, 1:].sum(dim=1)], axis=1)
    np.testing.assert_allclose(sums, slopes, rtol=1e-5)  # a group's places share its effect
    assert found.known(NAMES).names == ("yaw",)


def test_a_model_that_draws_no_faces_is_given_up_early(cache, tiny_model):
    studio = new(tiny_model)
    shares = list(studio.learn())
    assert studio.directions is None
    assert shares[-1] == pytest.approx(learning.LEAST / learning.SAMPLES)
    assert not cache.exists()
