"""Which judges of identity are at hand, and which of them searches and which reports."""

from __future__ import annotations

import torch

from . import hub, registry
from .identity import DlibJudge, Judge
from .sface import SFaceJudge

SFACE = "sface"


def at_hand(device: torch.device | str = "cpu") -> tuple[Judge, ...]:
    """dlib always; SFace where its file was fetched (`weights fetch sface`)."""
    judges: tuple[Judge, ...] = (DlibJudge(device),)
    path = hub.locate(registry.find(SFACE))
    return (*judges, SFaceJudge(path)) if path else judges
