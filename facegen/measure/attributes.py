"""Age, gender presentation and skin tone of a face, as people would rate them.

A `Rater` is a ridge regression from networks' features of a picture to the ratings that people gave
to synthetic faces (One Million Impressions, 1 to 704; Peterson et al., PNAS 119, 2022). Its errors
on the faces 705 to 1004 are in the file's header (`errors`). It predicts how a face looks to the
average rater of that study, not who somebody is.

Convention
    The values are in the order of options.ATTRIBUTES: age in years, gender presentation from 0
    (masculine) to 100 (feminine), skin from 0 (fair) to 100 (dark).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .. import weights
from .naturalness import Seer

FILE = Path(__file__).parents[1] / "data" / "attributes.safetensors"
RATERS = ("dlib", "dlib+classifier", "encoder")  # by what they see: see the functions below
_FIELDS = ("mean", "scale", "weights", "offsets")


@dataclass(frozen=True)
class Rater:
    """Predicts people's ratings from a picture's features: a ridge regression on faces they rated.

    mean, scale [D]; weights [D, M]; offsets [M]."""

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Rate features [N, D]; returns [N, M]."""
        return (features - self.mean) / self.scale @ self.weights + self.offsets


class Attributes:
    """Rates pictures by dlib's vector of the face and, where available, a classifier's features."""

    def __init__(self, seer: Seer | None):
        self._seer = seer
        self.rater = rater("dlib+classifier" if seer else "dlib")

    def __call__(self, pixels: np.ndarray, vector: np.ndarray) -> np.ndarray:
        """Rate an aligned crop uint8 [R, R, 3] with its dlib vector [128]; returns [3]."""
        parts = [np.asarray(vector, dtype=np.float64)]
        if self._seer:
            parts.append(self._seer(pixels).numpy())
        return self.rater(np.concatenate(parts)[None])[0]


def of_code(ws: Tensor) -> np.ndarray:
    """Rate, [3], the code [1, 16, 512] that mobilestylegan-1024's encoder predicts for a picture.

    Nothing steers by it, so that it can judge what was steered by `Attributes`."""
    return rater("encoder")(code_features(ws[None] if ws.dim() == 2 else ws))[0]


def code_features(ws: Tensor) -> np.ndarray:
    """Take from ws [N, 16, 512] the places of 4, 16, 32 and 128 pixels; returns [N, D]."""
    return ws[:, (0, 3, 5, 10)].flatten(1).double().cpu().numpy()


@lru_cache(maxsize=4)
def rater(name: str) -> Rater:
    """Load one of RATERS."""
    tensors, _ = _file()
    return Rater(*(tensors[f"{name}.{field}"].double().numpy() for field in _FIELDS))


def errors(name: str) -> Mapping[str, Mapping[str, float]]:
    """Return a rater's errors on faces that it was not fitted on.

    attribute -> error (mean absolute), correlation; of gender presentation also `side`, the share
    on the right side of the middle."""
    return json.loads(_file()[1]["errors"])[name]


@lru_cache(maxsize=1)
def _file() -> tuple[Mapping[str, Tensor], Mapping[str, str]]:
    return weights.read(FILE)


def write(
    path: Path, raters: Mapping[str, Rater], errors: Mapping[str, Mapping[str, Mapping[str, float]]]
) -> None:
    """Write the file that `rater` reads. Raises OutputError."""
    tensors = {
        f"{name}.{field}": torch.from_numpy(np.asarray(getattr(one, field))).half()
        if field == "weights"
        else torch.from_numpy(np.asarray(getattr(one, field))).float()
        for name, one in raters.items()
        for field in _FIELDS
    }
    about = {"format": "facegen", "kind": "attributes", "errors": json.dumps(errors)}
    weights.write(path, tensors, about)
