"""What stands on the board of two faces, and how each mixture is made."""

import pytest
import torch

from facegen.latent.mix.crossover import Recipe, mixture, recipes
from facegen.latent.mix.regions import REGIONS
from facegen.options import MixOptions

SIZES = (4, 4, 8, 8, 16, 16, 32, 32, 64, 64, 128, 128, 256, 256)


def test_the_board_goes_from_the_arc_to_layers_to_regions():
    board = recipes(SIZES, MixOptions(steps_between=3), regional=True)
    assert [one.value for one in board if one.row == "arc"] == [0.25, 0.5, 0.75]
    assert [one.value for one in board if one.row == "layers"] == [128, 64, 32, 16, 8]
    for row in ("regions-a", "regions-b"):
        assert [one.value for one in board if one.row == row] == list(REGIONS)
    flat = recipes(SIZES, MixOptions(steps_between=1), regional=False)
    assert {one.row for one in flat} == {"arc", "layers"}


@pytest.mark.parametrize("row", ["regions-a", "regions-b"])
def test_one_region_comes_from_the_other_face(row):
    first, second = torch.zeros(1, 2, 3), torch.ones(1, 2, 3)
    asked = {}

    def mixer(parts):
        asked.update(parts)
        return first

    mixture(Recipe(row, "nose"), first, second, torch.zeros(3), SIZES, mixer)
    base, other = (first, second) if row == "regions-a" else (second, first)
    assert {name for name, code in asked.items() if code is other} == {"nose"}
    assert all(code is base for name, code in asked.items() if name != "nose")
