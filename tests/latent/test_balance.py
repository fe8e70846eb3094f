"""Balanced faces: even groups out of an uneven model, the same ones however many are asked for."""

import numpy as np
import pytest

from facegen.errors import OptionError
from facegen.latent import balance
from facegen.measure.groups import by_attributes
from facegen.options import SampleOptions


def uneven(seeds):
    """A model that hardly draws old, dark or masculine faces."""
    found = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        age = 60 if rng.random() < 0.05 else rng.choice([20, 30, 30, 30, 45])
        gender, skin = (20 if rng.random() < 0.2 else 80), rng.choice([20] * 16 + [45] * 3 + [70])
        found.append([age, gender, skin])
    return np.array(found, dtype=float)


def test_rare_groups_come_as_often_as_others():
    usual = by_attributes(uneven(range(400)))
    picked = [s for start in range(0, 20_000, 1000) for s in balance.chosen(start, 12, uneven)]
    even = by_attributes(uneven(picked))
    for trait, groups in even.items():
        for group, members in groups.items():
            wanted = 1 / len(groups)
            assert abs(members.mean() - wanted) <= abs(usual[trait][group].mean() - wanted) + 0.03
    assert usual["skin tone"]["dark"].mean() < 0.1 < 0.2 < even["skin tone"]["dark"].mean()
    assert len(set(picked)) == len(picked)


def test_a_face_is_the_same_whatever_the_count():
    assert list(balance.chosen(5, 3, uneven)) == list(balance.chosen(5, 8, uneven))[:3]


def test_what_shows_no_face_is_chosen_only_where_there_is_nothing_else():
    def half(seeds):
        rated = uneven(seeds)
        rated[np.array(seeds) % 2 == 1] = np.nan
        return rated

    assert all(seed % 2 == 0 for seed in balance.chosen(0, 6, half))
    nothing = list(balance.chosen(0, 2, lambda seeds: np.full((len(seeds), 3), np.nan)))
    assert nothing == [0, 1]


def test_a_studio_draws_them_and_says_what_is_missing(tiny_studio):
    options = SampleOptions(1, 3, balanced=True)
    with pytest.raises(OptionError, match="need dlib"):
        list(tiny_studio.draw(options))


def test_the_bundled_model_draws_them():
    from facegen.studio import Studio

    studio = Studio.load("bundled", "cpu")
    (first,) = studio.draw(SampleOptions(1, 3, balanced=True))
    assert 3 <= first.seed < 3 + balance.TRIED
    (again,) = studio.draw(SampleOptions(1, first.seed))
    assert np.array_equal(first.pixels, again.pixels)
