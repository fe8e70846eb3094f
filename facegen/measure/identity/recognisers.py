"""Which judges of identity are at hand, and which of them searches and which report.

Whoever searches for a variant that a judge calls a different person finds what that judge does
not see as well. So its own opinion of the result is weak evidence, and where there is another
judge, that one reports. The guarantee asks all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ... import weights
from .dlib_recogniser import DlibJudge, Judge
from .sface import SFaceJudge


def at_hand(device: torch.device | str = "cpu") -> tuple[Judge, ...]:
    """dlib always, and first; SFace where its weights are on this machine (nothing is fetched)."""
    judges: tuple[Judge, ...] = (DlibJudge(device),)
    if weights.at_hand(weights.find(SFaceJudge.name)):
        judges += (SFaceJudge(device),)
    return judges


def reporting(judges: Sequence[Judge]) -> tuple[Judge, ...]:
    """All but the first, which searches; the first alone where there is no other."""
    return tuple(judges[1:] or judges)
