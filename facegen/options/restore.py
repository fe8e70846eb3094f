"""The options of restorations."""

from __future__ import annotations

from dataclasses import dataclass, field

from ._field import MAX_SEED, Options, option
from .generate import label_option

DAMAGES = ("auto", "small", "blur", "noise", "jpeg", "holes")


@dataclass(frozen=True)
class RestoreOptions(Options):
    """Faces that a damaged picture could show."""

    damage: str = option(
        "auto",
        help="what happened to the picture; auto estimates it, holes need a mask",
        choices=DAMAGES,
    )
    count: int = option(4, 1, 8, "how many faces that differ", "Number of faces")
    steps: int = option(
        36, 3, 400, "optimisation steps of each face, a third in each phase", "Steps"
    )
    fidelity: float = option(
        1.0,
        0,
        1,
        "how much of what the picture still shows is kept; 0: all is drawn by the model",
    )
    seed: int = option(0, 0, MAX_SEED, "the same seed gives the same faces")


@dataclass(frozen=True)
class RestoreRun:
    """A run that restores a face."""

    restore: RestoreOptions = field(default_factory=RestoreOptions)
    label: bool = label_option()
