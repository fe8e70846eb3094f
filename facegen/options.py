"""What a user may ask for, with every default and every range of the project.

The command line, the page and the API read them from here and never repeat one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from .errors import OptionError

MAX_COUNT = 16
MAX_SEED = 2**31 - 1
USUAL = -1  # refinement steps: what is usual for the model
NOISE_MODES = ("const", "random", "none")
DIFFERENT_FROM = 0.5  # the strength from which on a variant has to be a different person


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise OptionError unless low <= value <= high. NaN is outside every range."""
    if not low <= value <= high:
        raise OptionError(f"{name} is {value}; it must lie between {low} and {high}")


def option(default: float, low: float, high: float) -> Any:
    """A dataclass field with its default and its range, both of them written here only."""
    return field(default=default, metadata={"range": (low, high)})


def range_of(options: type, name: str) -> tuple[float, float]:
    """The range of an option, for a slider or a help text: range_of(VaryOptions, "count")."""
    return next(field.metadata["range"] for field in fields(options) if field.name == name)


def range_in_words(options: type, name: str) -> str:
    """range_in_words(VaryOptions, "count") -> "1 to 16"."""
    return "{} to {}".format(*range_of(options, name))


def check_ranges(options: Any) -> None:
    """Raise OptionError unless every option that has a range lies within it.

    An option whose default is an int takes whole numbers only.
    """
    for option_ in fields(options):
        if "range" in option_.metadata:
            value = getattr(options, option_.name)
            check_range(option_.name, value, *option_.metadata["range"])
            if type(option_.default) is int and value != int(value):
                raise OptionError(f"{option_.name} is {value}; it must be a whole number")


@dataclass(frozen=True)
class InvertOptions:
    """How a photo becomes ws. steps 0: the encoder alone; more: refined by optimisation.

    USUAL: as many as are worth their time on the model, see Studio.steps.
    """

    steps: int = option(USUAL, USUAL, 2000)

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True)
class VaryOptions:
    """How far variants go from the reference, and which layers move.

    coarse, middle, fine: how much of `strength` reaches the layers up to 8x8 (pose and the
    shape of the head), 16x16 and 32x32 (features; 64x64 too at 1024 pixels), and above (colour
    and texture); 1 is the tuned default. truncation_psi pulls the variant towards
    the average face (1 = not at all). dial: strength is a promise that is searched for (see
    latent/vary/strength.py); without it, how far along the path to a stranger, with nothing
    promised.
    """

    count: int = option(6, 1, MAX_COUNT)
    strength: float = option(0.5, 0.0, 1.0)
    seed: int = option(0, 0, MAX_SEED)
    coarse: float = option(1.0, 0.0, 2.0)
    middle: float = option(1.0, 0.0, 2.0)
    fine: float = option(1.0, 0.0, 2.0)
    truncation_psi: float = option(1.0, 0.0, 1.0)
    noise_mode: str = "const"
    dial: bool = True

    def __post_init__(self) -> None:
        check_ranges(self)
        check_noise_mode(self.noise_mode)


@dataclass(frozen=True)
class SampleOptions:
    """Random faces with no reference."""

    count: int = option(6, 1, MAX_COUNT)
    seed: int = option(0, 0, MAX_SEED)
    truncation_psi: float = option(0.7, 0.0, 1.0)
    noise_mode: str = "const"

    def __post_init__(self) -> None:
        check_ranges(self)
        check_noise_mode(self.noise_mode)


@dataclass(frozen=True)
class StyleOptions:
    """The drawn look: which style, and how much of it (0 = the photo, 1 = all drawing)."""

    style: str = "cel"
    blend: float = option(1.0, 0.0, 1.0)

    def __post_init__(self) -> None:
        check_ranges(self)


def check_noise_mode(mode: str) -> None:
    if mode not in NOISE_MODES:
        raise OptionError(f"noise_mode is {mode!r}; it must be const, random or none")


@dataclass(frozen=True)
class GenerateOptions:
    """Everything a run can be told. style None: no anime. face: 0 is the largest. overlay: also
    a picture of both meshes for each variant."""

    vary: VaryOptions = field(default_factory=VaryOptions)
    invert: InvertOptions = field(default_factory=InvertOptions)
    style: StyleOptions | None = None
    face: int = 0
    overlay: bool = False
