"""The attacker's floor: how often the kept traits alone identify the person.

A picture that keeps age, pose or expression reveals them, however well it hides the identity. So
the attacker's figure is compared with a simulation: a new face that has the source's traits, off by
as much as another source's new face is, and nothing else of it. The same attacker learns on these
traits alone: on age, gender presentation and skin (the floor), then with pose, gaze and expression.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...measure import gaze, structure
from .rows import Kind

_MESH = 468


def traits_of(kind: Kind) -> list[np.ndarray]:
    """List the kept traits. NaN: no picture.

    Age, gender presentation and skin tone [N, 3]; pose, gaze and expression [N, 8]."""
    pose = np.stack([_of_mesh(mesh.astype(np.float64)) for mesh in kind.fields["mesh"]])
    return [np.asarray(kind.fields["rated"], np.float64), pose]


def simulated(source: Kind, pictures: Sequence[Kind], seed: int = 0) -> list[list[np.ndarray]]:
    """Simulate the traits of pictures that keep as much as these do, and nothing else.

    Of each set of pictures: the source's traits, each part off by as much as another source's."""
    rng, own = np.random.default_rng(seed), traits_of(source)
    drawn = []
    for kind in pictures:
        parts = []
        for mine, theirs in zip(own, traits_of(kind), strict=True):
            there = np.flatnonzero(~np.isnan(theirs - mine).any(axis=1))
            part = np.full_like(mine, np.nan)
            part[there] = mine[there] + (theirs - mine)[rng.permutation(there)]
            parts.append(part)
        drawn.append(parts)
    return drawn


def _of_mesh(mesh: np.ndarray) -> np.ndarray:
    """Measure pose in degrees, gaze in radians and expression of a mesh [478, 3]."""
    if np.isnan(mesh).any():
        return np.full(8, np.nan)
    face = mesh[:_MESH]
    shown = structure.expression(face)
    pose = (*structure.pose(face), *gaze.direction(mesh), shown.mouth, shown.smile, shown.eyes)
    return np.array(pose)
