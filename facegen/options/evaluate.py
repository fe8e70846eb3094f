"""The options of evaluations, of the anonymisation protocol and of walks."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import OptionError
from ._field import MAX_COUNT, MAX_SEED, Options, option
from .generate import HOW_DIFFERENT, InvertOptions, SampleOptions, VaryOptions

PROTOCOLS = ("anonymisation",)
STAGES = ("make", "measure", "attack", "summarise")


def _aligned() -> bool:
    switch: bool = option(False, help="the references are FFHQ crops")
    return switch


def _file_number(help: str) -> int | None:
    number: int | None = option(None, help=help, metavar="ID")
    return number


def _check_numbers(first: int | None, last: int | None) -> None:
    for name, number in (("first", first), ("last", last)):
        if number is not None and number < 0:
            raise OptionError(f"{name} is {number}; it must be 0 or more")
    if first is not None and last is not None and first > last:
        raise OptionError(f"first is {first}, after last, {last}; exchange them")


@dataclass(frozen=True)
class EvaluateOptions(Options):
    """Variants of each reference at each strength, and random faces."""

    variants: int = option(4, 1, MAX_COUNT, "of each reference")
    strengths: tuple[float, ...] = option(
        (VaryOptions.strength,), 0.0, 1.0, "one or several", flag="--strength"
    )
    samples: int = option(0, 0, 100_000, "random faces as well")
    truncation_psi: float = option(SampleOptions.truncation_psi, 0.0, 1.0, "of random faces")
    seed: int = option(0, 0, MAX_SEED, "of variants and random faces")
    aligned: bool = _aligned()
    first: int | None = _file_number("the number in a file's name to begin with")
    last: int | None = _file_number("the one to end with")
    steps: int = option(
        InvertOptions.steps,
        InvertOptions.steps,
        2000,
        "of refinement; 0 the encoder alone, -1 the usual number",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.strengths:
            raise OptionError("strengths is empty; name at least one, 0 to 1")
        _check_numbers(self.first, self.last)


@dataclass(frozen=True)
class ProtocolOptions(Options):
    """The anonymisation protocol. stages: what of it is done, in its order."""

    count: int = option(2, 1, MAX_COUNT, "variants of each source")
    strength: float = option(VaryOptions.strength, 0.0, 1.0, HOW_DIFFERENT)
    seed: int = option(0, 0, MAX_SEED, "the same seed gives the same people")
    samples: int = option(500, 1, 100_000, "random faces, for a baseline and the groups")
    aligned: bool = _aligned()
    first: int | None = _file_number("the number in a file's name to begin with")
    last: int | None = _file_number("the one to end with")
    stages: tuple[str, ...] = option(
        STAGES,
        help="only these; each reads what those before left in --out",
        choices=STAGES,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_numbers(self.first, self.last)


@dataclass(frozen=True)
class WalkOptions(Options):
    """One walk from seed on, or several with seeds one after the other."""

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
        "How straight it goes",
    )
