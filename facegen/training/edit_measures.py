"""What each slider of `edit` is measured by, of what edit_samples.Seen keeps of a picture.

Six are what people said of faces (training/attributes.py's ratings), handed on by a regression
from a picture's features (measure/attributes.py); the others are measured on the face's mesh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..measure.attributes import Rater
from ..measure.sliders import HELD, SEEN, seen

Kept = Mapping[str, np.ndarray]  # a name of Seen.layout -> [N, ...]
# our name -> the column of the ratings, and which way it counts
RATED = {
    "age": ("age", 1),
    "gender": ("gender", -1),
    "hair_length": ("long-haired", 1),
    "hair_colour": ("hair-color", -1),
    "skin_tone": ("skin-color", 1),
}
DEGREES_AND_YEARS = ("age", "yaw", "pitch")  # the others' unit is the spread of the samples


def features(kept: Kept) -> np.ndarray:
    """[N, D]: what a Rater sees by."""
    return np.concatenate([kept["features"], kept["dlib"], kept["sface"]], axis=1)


def fit_rater(kept: Kept, ratings: Mapping[int, Mapping[str, float]], last: int) -> Rater:
    """On the faces numbered up to `last`; NaN rows, where no face was seen, are left out."""
    rows = (kept["number"] <= last) & ~np.isnan(features(kept)).any(axis=1)
    rows[np.setdiff1d(np.arange(len(rows)), np.unique(kept["number"], return_index=True)[1])] = 0
    table = np.array(
        [
            [way * ratings[int(number)][column] for column, way in RATED.values()]
            for number in kept["number"][rows]
        ]
    )
    return Rater.fit(features(kept)[rows], table)


@dataclass(frozen=True)
class Measures:
    """Kept pictures -> slider -> [N]; NaN where no face is seen."""

    rater: Rater

    def __call__(self, kept: Kept) -> dict[str, np.ndarray]:
        rated = self.rater(features(kept))
        meshes = np.array([seen(p, m) for p, m in zip(kept["pictures"], kept["mesh"], strict=True)])
        found = dict(zip(RATED, rated.T, strict=True)) | dict(
            zip(SEEN + HELD, meshes.T, strict=True)
        )
        lost = np.isnan(rated).any(axis=1) | np.isnan(meshes).any(axis=1)
        return {name: np.where(lost, np.nan, values) for name, values in found.items()}


def unit(name: str, values: np.ndarray) -> float:
    """How much of the measure a slider's 1 is: a year, a degree, or the way from the 5th to the
    95th percentile of the samples."""
    if name in DEGREES_AND_YEARS:
        return 1.0
    low, high = np.percentile(values, (5, 95))
    return float(high - low)
