"""The attacker finds what there is to find, and no more."""

import numpy as np
import pytest

from facegen.evaluation.protocol.attack import LEAST, attack


def world(count, leak, seed=0):
    """Sources, and two pictures of each that let `leak` of 24 numbers through, turned and noisy."""
    rng = np.random.default_rng(seed)
    people = rng.normal(size=(count, 24))
    turned = np.linalg.qr(rng.normal(size=(24, 24)))[0]
    mask = np.arange(24) < leak
    pictures = [
        [
            np.where(mask, people, rng.normal(size=people.shape)) @ turned
            + 0.1 * rng.normal(size=people.shape)
        ]
        for _ in range(2)
    ]
    return [people], pictures


def test_what_hides_nothing_is_undone_though_nothing_looks_alike():
    sources, pictures = world(150, leak=24)
    found = attack(sources, pictures)
    assert found.chance == pytest.approx(1 / 30)
    assert np.nanmean(found.found) > 0.6


def test_what_hides_all_is_left_to_chance():
    sources, pictures = world(150, leak=0)
    assert np.nanmean(attack(sources, pictures).found) < 3 / 30


def test_pictures_that_are_not_there():
    sources, pictures = world(60, leak=24)
    pictures[0][0][3] = np.nan
    pictures[0][0][5] = pictures[1][0][5] = np.nan
    found = attack(sources, pictures).found
    assert not np.isnan(found[3]) and np.isnan(found[5])
    assert attack([sources[0][: LEAST - 1]], [[p[0][: LEAST - 1]] for p in pictures]) is None
