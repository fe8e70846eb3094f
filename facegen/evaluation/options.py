"""The options of evaluations and walks; no torch here, so that the command line starts fast."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import OptionError
from ..options import (
    MAX_COUNT,
    MAX_SEED,
    InvertOptions,
    SampleOptions,
    VaryOptions,
    check_range,
    check_ranges,
    option,
    range_of,
)


@dataclass(frozen=True)
class EvaluateOptions:
    """Options of an evaluation.

    variants: of each reference at each strength; samples: random faces, 0 for none. aligned: the
    references are FFHQ crops already. first, last: by the number in the file's name."""

    variants: int = option(4, 1, MAX_COUNT)
    strengths: tuple[float, ...] = (VaryOptions.strength,)
    samples: int = option(0, 0, 100_000)
    truncation_psi: float = SampleOptions.truncation_psi
    seed: int = option(0, 0, MAX_SEED)
    aligned: bool = False
    first: int | None = None
    last: int | None = None
    steps: int = InvertOptions.steps

    def __post_init__(self) -> None:
        check_ranges(self)
        InvertOptions(self.steps)
        if not self.strengths:
            raise OptionError("strengths is empty; name at least one, 0 to 1")
        for strength in self.strengths:
            check_range("strength", strength, *range_of(VaryOptions, "strength"))
        for name in ("first", "last"):
            if (number := getattr(self, name)) is not None and number < 0:
                raise OptionError(f"{name} is {number}; it must be 0 or more")
        if self.first is not None and self.last is not None and self.first > self.last:
            raise OptionError(f"first is {self.first}, after last, {self.last}; exchange them")


@dataclass(frozen=True)
class WalkOptions:
    """Options of one walk from seed on, or of several with consecutive seeds."""

    steps: int = option(500, 10, 5000, "how many steps a walk has")
    step: float = option(
        0.01,
        0.001,
        0.2,
        "a step's length; 1 is how far the model's own faces are from the average",
        "Length of a step",
    )
    seed: int = option(0, 0, MAX_SEED, "of the first walk")
    walks: int = option(1, 1, 100, "how many walks, with seeds one after the other")
    persistence: float = option(
        0.99,
        0.0,
        0.999,
        "towards 0 a walk turns at every step and hardly leaves the average",
    )

    def __post_init__(self) -> None:
        check_ranges(self)
