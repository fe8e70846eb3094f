"""Options of a restoration."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import OptionError
from ...options import MAX_SEED, check_ranges, option

DAMAGES = ("auto", "small", "blur", "noise", "jpeg", "holes")


@dataclass(frozen=True)
class RestoreOptions:
    """Options of a restoration. damage: what happened to the picture; auto: estimated from it."""

    damage: str = "auto"
    count: int = option(4, 1, 8, "how many restorations that differ", "Restorations")
    steps: int = option(
        36, 3, 400, "optimisation steps of each restoration, a third in each phase", "Steps"
    )
    fidelity: float = option(
        1.0,
        0,
        1,
        "how much of what the picture still shows is kept; 0: all is drawn by the model",
    )
    seed: int = option(0, 0, MAX_SEED, "the same seed gives the same restorations")

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.damage not in DAMAGES:
            raise OptionError(
                f"damage is {self.damage[:40]!r}; it must be one of: {', '.join(DAMAGES)}"
            )
