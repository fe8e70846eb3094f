"""The available recognisers of identity. Promises are checked with all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from ... import weights
from ...errors import OptionError
from .dlib_recogniser import DlibRecogniser, Recogniser
from .sface import SFaceRecogniser

KNOWN = (DlibRecogniser, SFaceRecogniser)


def named(name: str) -> Recogniser:
    """Return that recogniser; it loads nothing before it is used. Raises OptionError."""
    for kind in KNOWN:
        if kind.name == name:
            return kind()
    known = ", ".join(kind.name for kind in KNOWN)
    raise OptionError(f"recogniser is {name!r}; there are {known}")


def at_hand(device: torch.device | str = "cpu") -> tuple[Recogniser, ...]:
    """Return dlib first, then SFace where its weights are on this machine (nothing is fetched)."""
    recognisers: tuple[Recogniser, ...] = (DlibRecogniser(device),)
    if weights.at_hand(weights.find(SFaceRecogniser.name)):
        recognisers += (SFaceRecogniser(device),)
    return recognisers


def one_by_one(
    vectors: Sequence[np.ndarray | None], distance: Callable[[np.ndarray, np.ndarray], float]
) -> list[list[float | None]]:
    """Compute all distances, N x N; None where a vector is missing."""
    return [[None if a is None or b is None else distance(a, b) for b in vectors] for a in vectors]
