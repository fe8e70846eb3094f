"""The directions of a model are learned once, with progress, and kept in the user's cache."""

import json

import pytest

from facegen import measured, models, runtime, user_cache
from facegen.generate import GenerateOptions, Inverted, Learning, Made, generate
from facegen.identity import DlibJudge
from facegen.studio import Studio
from facegen.types import InvertOptions, VaryOptions
from facegen.ui import run


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """How many faces are measured does not matter here."""
    monkeypatch.setattr(measured, "SAMPLES", 96)


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "facegen"


@pytest.fixture(scope="module")
def model():
    return models.load_face_model("bundled", runtime.choose_device("cpu"))


def new(model) -> Studio:
    return Studio(model, runtime.choose_device("cpu"), (DlibJudge(),))


def test_without_a_home_nothing_is_kept(monkeypatch, model):
    monkeypatch.delenv("XDG_CACHE_HOME")

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(user_cache.Path, "home", homeless)
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
    page = run.follow(run.Run(tmp_path), iter(events[first : first + 1]))
    assert "First use of this model" in next(page).progress


def test_a_model_that_draws_no_faces_is_given_up_early(cache, tiny_model):
    studio = new(tiny_model)
    shares = list(studio.learn())
    assert studio.directions is None
    assert shares[-1] == pytest.approx(measured.LEAST / measured.SAMPLES)
    assert not cache.exists()
