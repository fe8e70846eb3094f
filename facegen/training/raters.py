"""The raters of measure/attributes.py, fitted on faces that people rated."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from ..measure.attributes import RATERS, Rater, code_features
from ..options import ATTRIBUTES
from .edit_measures import Kept

LAST = 704  # of the rated faces that are fitted; the errors are those on the ones beyond
COLUMNS = ("age", "gender", "skin-color")  # of the ratings, in the order of ATTRIBUTES
MIDDLE = 50.0  # of gender presentation
_RIDGES = {"dlib": 100.0, "dlib+classifier": 700.0, "encoder": 300.0}  # as found on 705 to 1004

Errors = Mapping[str, Mapping[str, float]]


def features_of(kept: Kept) -> dict[str, np.ndarray]:
    """What each rater sees of pictures that edit_samples.Seen measured: its name -> [N, D]."""
    features = np.concatenate([kept["dlib"], kept["features"]], axis=1)
    found = {"dlib": kept["dlib"], "dlib+classifier": features}
    if "ws" in kept:
        found["encoder"] = code_features(torch.from_numpy(np.array(kept["ws"])))
    return found


def fit_raters(
    kept: Kept, ratings: Mapping[int, Mapping[str, float]]
) -> tuple[dict[str, Rater], dict[str, Errors]]:
    """kept: of the rated faces, with their `number` and the code `ws` that the encoder guesses.
    ratings: number -> column -> mean rating. Faces that were not seen are left out."""
    number = np.asarray(kept["number"])
    once = np.zeros(len(number), dtype=bool)
    once[np.unique(number, return_index=True)[1]] = True
    features = features_of(kept)
    seen = once & ~np.isnan(features["dlib+classifier"]).any(axis=1)
    table = np.array([[ratings[int(n)][column] for column in COLUMNS] for n in number])
    table[:, 1] = 100 - table[:, 1]  # people rated how masculine a face looks
    fitted, held = seen & (number <= LAST), seen & (number > LAST)
    raters = {
        name: Rater.fit(features[name][fitted], table[fitted], _RIDGES[name]) for name in RATERS
    }
    errors = {
        name: _errors(rater(features[name][held]), table[held]) for name, rater in raters.items()
    }
    return raters, errors


def _errors(found: np.ndarray, told: np.ndarray) -> Errors:
    """As attributes.errors."""
    errors = {
        name: {
            "error": round(float(np.abs(found[:, k] - told[:, k]).mean()), 2),
            "correlation": round(float(np.corrcoef(found[:, k], told[:, k])[0, 1]), 3),
        }
        for k, name in enumerate(ATTRIBUTES)
    }
    sides = (found[:, 1] > MIDDLE) == (told[:, 1] > MIDDLE)
    errors["gender"]["side"] = round(float(sides.mean()), 3)
    return errors
