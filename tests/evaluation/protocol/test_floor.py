"""The floor tells as much as is kept, and no more."""

import numpy as np
import pytest

from facegen.evaluation.protocol import floor
from facegen.evaluation.protocol.attack import attack
from facegen.evaluation.protocol.rows import Kind

COUNT = 120


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
    drawn = floor.simulated(source, pictures)
    result = attack(floor.traits_of(source), drawn)
    found = np.nanmean(result.found)
    assert found > 10 * result.chance if off < 1 else found < 4 * result.chance


def test_only_what_is_off_is_exchanged_and_nobody_is_invented():
    rng = np.random.default_rng(1)
    rated = rng.uniform(0, 100, (COUNT, 3))
    source, moved = kind(rng, rated), rated + 5.0
    moved[3] = np.nan
    (parts,) = floor.simulated(source, [kind(rng, moved)])
    there = np.delete(np.arange(COUNT), 3)
    assert np.allclose(parts[0][there], rated[there] + 5.0) and np.isnan(parts[0][3]).all()
    again = floor.simulated(source, [kind(np.random.default_rng(1), moved)])[0]
    assert np.allclose(parts[0][there], again[0][there])
