"""What people see at once: glasses, sunglasses, a beard, a hat, somebody else in the picture.

Each kind is a logistic regression on networks' features of a picture, fitted on labels that were
given by looking at pictures (tools/kinds.py). Its error rates on other faces are in the file's
header (`errors`).

Convention
    Log odds: above 0 more likely than not. limits.SURE is where a kind counts as known; between
    that and its negative it is undecided and never a reason to reject.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from .. import weights
from .attributes import Rater
from .naturalness import Seer

FILE = Path(__file__).parents[1] / "data" / "kinds.safetensors"
# glasses: any. dark: their lenses hide the eyes. headwear: a hat, scarf or hood. feminine: how the
# face is seen. clutter: a second person, a hand or a thing in front, a broken picture. child: below
# 13 years. old: 55 and more.
KINDS = ("glasses", "dark", "beard", "headwear", "feminine", "clutter", "child", "old")
_FIELDS = ("mean", "scale", "weights", "offsets")


class Kinds:
    """Classifies by dlib's vector of the face and a classifier's features of the picture."""

    def __init__(self, seer: Seer):
        self._seer = seer

    def __call__(self, pixels: np.ndarray, vector: np.ndarray) -> dict[str, float]:
        """Classify an aligned crop uint8 [R, R, 3] with its dlib vector [128]: kind -> log odds."""
        features = np.concatenate([np.asarray(vector, np.float64), self._seer(pixels).numpy()])
        odds = classifier()(features[None])[0]
        return dict(zip(KINDS, map(float, odds), strict=True))


@lru_cache(maxsize=1)
def classifier() -> Rater:
    """Load the regression: features [N, D] -> log odds [N, len(KINDS)]."""
    tensors, _ = weights.read(FILE)
    return Rater(*(tensors[name].double().numpy() for name in _FIELDS))


def errors() -> Mapping[str, Mapping[str, float]]:
    """Return the errors by kind on faces that it was not fitted on.

    `wrong`, the share on the wrong side; `unsure`, the share that limits.SURE leaves open;
    `wrong_when_sure`; `faces`."""
    return json.loads(weights.read(FILE)[1]["errors"])


def write(path: Path, fitted: Rater, errors: Mapping[str, Mapping[str, float]]) -> None:
    """Write the file that `classifier` reads. Raises OutputError."""
    tensors = {
        name: torch.from_numpy(np.asarray(getattr(fitted, name))).to(
            torch.float16 if name == "weights" else torch.float32
        )
        for name in _FIELDS
    }
    about = {"format": "facegen", "kind": "kinds", "errors": json.dumps(errors)}
    weights.write(path, tensors, about)
