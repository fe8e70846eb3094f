"""Groups of the sources, as raters and measures see them, and the generator's own shares.

Groups follow how a face looks to classifiers that err (attributes.errors, kinds.errors). They say
nothing about who somebody is.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...measure import structure
from ...measure.groups import by_attributes
from ...measure.kinds import KINDS

FRONTAL = 15.0  # degrees of yaw and pitch

Groups = Mapping[str, Mapping[str, np.ndarray]]


def groups_of(fields: Mapping[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Group pictures: trait -> group -> its members, [N] bool. fields: see looking.py."""
    shown = np.array(
        [
            (np.nan,) * 3 if np.isnan(mesh).any() else structure.pose(mesh[:468])
            for mesh in fields["mesh"]
        ]
    )
    odds = dict(zip(KINDS, fields["kinds"].T, strict=True))
    glasses, beard, hat = (odds[kind] > 0 for kind in ("glasses", "beard", "headwear"))
    turned = np.nanmax(np.abs(np.nan_to_num(shown[:, :2], nan=0)), axis=1) > FRONTAL
    return {
        **{trait: dict(groups) for trait, groups in by_attributes(fields["rated"]).items()},
        "glasses": {"with": glasses, "without": ~glasses},
        "beard": {"likely": beard, "none seen": ~beard},
        "headwear": {"likely": hat, "none seen": ~hat},
        "pose": {"frontal": ~turned, "turned": turned},
    }
