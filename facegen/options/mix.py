"""The options of mixtures and children."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from ..errors import OptionError
from ._field import MAX_COUNT, MAX_SEED, Options, option
from .generate import InvertOptions, label_option

AS_GENES = -1.0  # an age: whatever the genes give
OLDEST = 60.0


@dataclass(frozen=True)
class MixOptions(Options):
    """The board of two faces."""

    steps_between: int = option(
        5, 1, 9, "mixtures between the two faces in the row along the arc", "Steps between"
    )
    sharpness: float = option(
        2.0,
        0.5,
        6.0,
        "how strictly a region keeps to itself; below 1 more of the face changes along with it",
        "Sharpness of the regions",
    )


@dataclass(frozen=True)
class ChildOptions(Options):
    """Children of two faces."""

    count: int = option(6, 1, MAX_COUNT, "how many children", "Number of children")
    seed: int = option(0, 0, MAX_SEED, "the same seed gives the same children")
    first: float = option(
        0.5,
        0.0,
        1.0,
        "how much a child takes after the first parent, relative to the second",
        "First parent",
    )
    second: float = option(
        0.5,
        0.0,
        1.0,
        "how much a child takes after the second parent, relative to the first",
        "Second parent",
    )
    stranger: float = option(
        0.05,
        0.0,
        1.0,
        "probability that a gene comes from neither, but from a stranger",
        "A stranger's genes",
    )
    age: float = option(
        AS_GENES,
        AS_GENES,
        OLDEST,
        "age of the children in years, as people would guess it; -1 leaves it to the genes",
        "Age (years; -1: as the genes have it)",
    )
    sex: float = option(
        0.0,
        -1.0,
        1.0,
        "-1 feminine, 1 masculine; 0 leaves it to the genes",
        "Sex: feminine to masculine",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if AS_GENES < self.age < 0:
            raise OptionError(f"age is {self.age:g}; it must be 0 or more, or -1 for the genes'")
        if self.first + self.second == 0:
            raise OptionError(
                "first and second are both 0; one parent at least must give genes: set one above 0"
            )

    @property
    def of_first(self) -> float:
        """Probability that a gene which comes from a parent comes from the first."""
        return self.first / (self.first + self.second)

    def as_dict(self) -> dict[str, float]:
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True)
class MixRun:
    """A run that mixes two faces."""

    mix: MixOptions = field(default_factory=MixOptions)
    invert: InvertOptions = field(default_factory=InvertOptions)
    label: bool = label_option()


@dataclass(frozen=True)
class ChildRun:
    """A run that draws children of two faces."""

    child: ChildOptions = field(default_factory=ChildOptions)
    invert: InvertOptions = field(default_factory=InvertOptions)
    label: bool = label_option()
