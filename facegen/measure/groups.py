"""Groups of faces by rated attributes (attributes.py), for counting them.

Convention
    rated [N, 3]: in the order of options.ATTRIBUTES, see attributes.py.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .. import limits

# name, from, to: years; the scale of skin tone from 0 (fair) to 100 (dark)
AGES = (("under 25", -99, 25), ("25 to 39", 25, 40), ("40 to 54", 40, 55), ("55 and more", 55, 999))
SKINS = (("fair", -99, 30), ("medium", 30, 60), ("dark", 60, 999))


def by_attributes(rated: np.ndarray) -> Mapping[str, Mapping[str, np.ndarray]]:
    """Group faces: trait -> group -> its members, [N] bool."""
    age, gender, skin = np.asarray(rated, dtype=np.float64).T
    return {
        "age": {name: (age >= low) & (age < high) for name, low, high in AGES},
        "gender presentation": {
            "masculine": gender < limits.MIDDLE_GENDER,
            "feminine": gender >= limits.MIDDLE_GENDER,
        },
        "skin tone": {name: (skin >= low) & (skin < high) for name, low, high in SKINS},
    }
