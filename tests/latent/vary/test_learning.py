"""The directions of a model are learned once, with progress, and kept in the user's cache."""

import json
from pathlib import Path

import pytest

from facegen import models, runtime
from facegen.jobs.generate import Inverted, Learning, Made, generate
from facegen.latent.vary import learning
from facegen.measure.identity.dlib_recogniser import DlibRecogniser
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
    assert list(again.learn()) == []
    assert (again.directions.slopes == first.directions.slopes).all()

    kept.write_text(json.dumps({"slopes": [[1.0]], "means": [], "explained": []}))
    assert len(list(new(model).learn())) == len(shares)  # no use: learned anew


def test_whoever_waits_is_told(cache, model, astronaut, tmp_path):
    options = GenerateOptions(VaryOptions(count=1), InvertOptions(0))
    events = list(generate(new(model), astronaut, "0" * 64, tmp_path, options))
    kinds = [type(event) for event in events]
    first, last = kinds.index(Learning), len(kinds) - kinds[::-1].index(Learning)
    assert kinds.index(Inverted) < first and last <= kinds.index(Made)
    page = run_state.follow(run_state.Run(tmp_path), iter(events[first : first + 1]))
    assert "First use of this model" in next(page).progress


def test_a_model_that_draws_no_faces_is_given_up_early(cache, tiny_model):
    studio = new(tiny_model)
    shares = list(studio.learn())
    assert studio.directions is None
    assert shares[-1] == pytest.approx(learning.LEAST / learning.SAMPLES)
    assert not cache.exists()
