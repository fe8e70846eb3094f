"""The directions that come with a model, and how far a code may go along them."""

from types import SimpleNamespace

import pytest
import torch

from facegen.errors import OptionError
from facegen.latent.edit.directions import EditDirections, directions_of, models, move
from facegen.options.edit import NAMES, EditOptions

MEAN = torch.zeros(8)


def test_the_sliders_add_up_in_their_units():
    steps = {"age": torch.ones(4, 8), "smile": torch.eye(4, 8)}
    change = EditDirections("mini", steps).change(EditOptions(age=-2, smile=0.5))
    assert torch.equal(change, -2 * torch.ones(4, 8) + 0.5 * torch.eye(4, 8))


def test_a_slider_that_the_model_lacks_is_named_with_those_it_has():
    with pytest.raises(OptionError, match="mini has no slider 'beard'; it has: age"):
        EditDirections("mini", {"age": torch.ones(4, 8)}).change(EditOptions(beard=1))


class Model:
    """As much of a FaceModel as is asked."""

    def __init__(self, name, attributes=None):
        self.info = SimpleNamespace(name=name)
        self.attributes = attributes or {}
        self.generator = SimpleNamespace(config=SimpleNamespace(num_ws=4))


def test_a_model_without_sliders_says_which_models_have_some():
    with pytest.raises(OptionError, match=r"mini, which has no sliders.*mobilestylegan-1024"):
        directions_of(Model("mini"))


def test_a_model_that_came_with_attributes_has_those_sliders():
    found = directions_of(Model("mini", {"age": torch.ones(8), "hair_colour": torch.ones(8)}))
    assert tuple(found.steps) == ("age", "hair_colour")
    assert torch.allclose(found.steps["age"] * 15, torch.ones(4, 8))
    assert found.steps["hair_colour"].max() < 0, "people rate dark hair, the slider counts fair"


def test_the_file_of_each_model_has_every_slider():
    for model in models():
        found = directions_of(Model(model))
        assert tuple(sorted(found.steps)) == tuple(sorted(NAMES))
        for name, step in found.steps.items():
            assert step.ndim == 2 and step.isfinite().all() and step.abs().max() > 0, name
            assert found.facts[name]["deviation"] > 0


def test_a_change_within_the_safe_distance_is_given_whole():
    ws = torch.full((1, 4, 8), 0.1)
    change = torch.full((4, 8), 0.1)
    found = move(ws, change, MEAN, 1.0, farthest=1.0)
    assert found.share == 1 and torch.allclose(found.ws, ws + change)


def test_a_change_beyond_it_ends_there():
    ws = torch.full((1, 4, 8), 0.1)
    found = move(ws, torch.full((4, 8), 1.0), MEAN, 1.0, farthest=1.0)
    assert 0 < found.share < 1 and found.distance == pytest.approx(1.0, abs=1e-3)


def test_a_face_that_lies_beyond_already_can_still_come_nearer_and_goes_no_farther():
    ws = torch.full((1, 4, 8), 2.0)
    assert move(ws, torch.full((4, 8), -0.5), MEAN, 1.0, farthest=1.0).share == 1
    assert move(ws, torch.full((4, 8), 0.5), MEAN, 1.0, farthest=1.0).share < 0.01
