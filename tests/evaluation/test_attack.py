"""The attacker finds what there is to find, the floor tells as much as is kept, and no more."""

import numpy as np
import pytest

from facegen.evaluation.attack import LEAST, attack, simulated, traits_of
from facegen.evaluation.hiding import Kind

COUNT = 120


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


def kind(rng, rated):
    """Faces that differ in what raters say alone."""
    mesh = np.random.default_rng(9).uniform(60, 200, (478, 3)).astype(np.float32)
    meshes = np.repeat(mesh[None], len(rated), axis=0) + 1e-3 * rng.normal(size=(len(rated), 1, 1))
    return Kind("kind", np.ones(len(rated), bool), {"mesh": meshes, "rated": rated})


@pytest.mark.parametrize("off", [0.2, 60.0])
def test_the_less_is_kept_the_nearer_to_chance(off):
    rng = np.random.default_rng(0)
    rated = rng.uniform(0, 100, (COUNT, 3))
    source = kind(rng, rated)
    pictures = [kind(rng, rated + off * rng.normal(size=rated.shape)) for _ in range(2)]
    drawn = simulated(source, pictures)
    result = attack(traits_of(source), drawn)
    found = np.nanmean(result.found)
    assert found > 10 * result.chance if off < 1 else found < 4 * result.chance


def test_only_what_is_off_is_exchanged_and_nobody_is_invented():
    rng = np.random.default_rng(1)
    rated = rng.uniform(0, 100, (COUNT, 3))
    source, moved = kind(rng, rated), rated + 5.0
    moved[3] = np.nan
    (parts,) = simulated(source, [kind(rng, moved)])
    there = np.delete(np.arange(COUNT), 3)
    assert np.allclose(parts[0][there], rated[there] + 5.0) and np.isnan(parts[0][3]).all()
    again = simulated(source, [kind(np.random.default_rng(1), moved)])[0]
    assert np.allclose(parts[0][there], again[0][there])
