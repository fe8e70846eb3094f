"""Who the sources are, as raters and measures see them, and who the generator draws by itself.

Groups follow how a face looks to measures that err (attributes.errors; glasses and beards are told
by a look at brightness, see measure/appearance.py). They say nothing about who somebody is.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...measure import structure
from ...measure.groups import by_attributes
from ...types import MIDDLE_GENDER

# Of 96 faces with the steepest edges on the bridge of the nose, looked at one by one, 37 wear
# glasses: all that measure more than this.
GLASSES = 0.18
# A dark chin on a masculine face of an adult. Of 23 such faces among 200 that were looked at, 15
# had a beard or stubble.
BEARD, ADULT = 0.30, 18.0
FRONTAL = 15.0  # degrees of yaw and pitch

Groups = Mapping[str, Mapping[str, np.ndarray]]


def groups_of(fields: Mapping[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Trait -> group -> who belongs to it, [N] bool. fields: of pictures, see looking.py."""
    age, gender, _ = fields["rated"].T
    shown = np.array(
        [
            (np.nan,) * 3 if np.isnan(mesh).any() else structure.pose(mesh[:468])
            for mesh in fields["mesh"]
        ]
    )
    glasses = fields["glasses"] > GLASSES
    beard = (fields["beard"] > BEARD) & (gender < MIDDLE_GENDER) & (age >= ADULT)
    turned = np.nanmax(np.abs(np.nan_to_num(shown[:, :2], nan=0)), axis=1) > FRONTAL
    return {
        **{trait: dict(groups) for trait, groups in by_attributes(fields["rated"]).items()},
        "glasses": {"with": glasses, "without": ~glasses},
        "beard": {"likely": beard, "none seen": ~beard},
        "pose": {"frontal": ~turned, "turned": turned},
    }
