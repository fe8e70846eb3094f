"""What a user may ask for, with every default and every range of the project.

The command line, the page and the API read them from here and never repeat one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from .errors import OptionError

MAX_COUNT = 16
MAX_FACES = 1000  # of a photo
MAX_SEED = 2**31 - 1
USUAL = -1  # refinement steps: what is usual for the model
DEVICES = ("auto", "cpu", "cuda")
RESTS = ("cover", "keep")
NOISE_MODES = ("const", "random", "none")
ATTRIBUTES = ("age", "gender", "skin")  # of a face, that a variant keeps unless told otherwise
# A band: near the photo's value, moved by an offset of the seed's own.
KEEPABLE = (*ATTRIBUTES, "age-band", "skin-band")
DIFFERENT_FROM = 0.5  # the strength from which on a variant has to be a different person


def check_rest(rest: str) -> None:
    """Raise OptionError for what is none of RESTS."""
    if rest not in RESTS:
        raise OptionError(f"rest is {rest!r}; it must be {' or '.join(RESTS)}")


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise OptionError unless low <= value <= high. NaN is outside every range."""
    if not low <= value <= high:
        raise OptionError(f"{name} is {value}; it must lie between {low} and {high}")


def option(default: float, low: float, high: float, help: str = "", label: str = "") -> Any:
    """A dataclass field with all that there is to say of it, written here only.

    help: for the command line, the page and the API, in words that follow its name. label: what
    stands above it on the page; "": its name.
    """
    return field(default=default, metadata={"range": (low, high), "help": help, "label": label})


def range_of(options: type, name: str) -> tuple[float, float]:
    """The range of an option, for a slider or a help text: range_of(VaryOptions, "count")."""
    return _metadata(options, name)["range"]


def help_of(options: type, name: str) -> str:
    """What an option means: help_of(VaryOptions, "count"); "" where nothing was written."""
    return _metadata(options, name)["help"]


def label_of(options: type, name: str) -> str:
    """What an option is called on the page."""
    return _metadata(options, name)["label"] or name.replace("_", " ").capitalize()


def _metadata(options: type, name: str) -> Mapping[str, Any]:
    return next(option_.metadata for option_ in fields(options) if option_.name == name)


def range_in_words(options: type, name: str) -> str:
    """range_in_words(VaryOptions, "count") -> "1 to 16"."""
    return "{:.10g} to {:.10g}".format(*range_of(options, name))


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
    """How a photo becomes ws. USUAL steps: as many as are worth their time on the model, see
    Studio.steps."""

    steps: int = option(
        USUAL,
        USUAL,
        2000,
        "refinement steps of the inversion; 0 the encoder alone, -1 what is usual for the model",
        "Refinement steps",
    )

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True)
class VaryOptions:
    """How far variants go from the photo, and what stays as it is."""

    count: int = option(6, 1, MAX_COUNT, "how many variants", "Variant count")
    # A promise that is measured, see latent/vary/strength.py.
    strength: float = option(
        1.0,
        0.0,
        1.0,
        "how different: 0 is the same person, 0.5 just somebody else to every recogniser, 0.75 "
        "someone to whom 1 in 10 strangers is nearer than the photo, 1 a complete stranger",
        "How different?",
    )
    seed: int = option(0, 0, MAX_SEED, "the same seed gives the same variants")
    noise_mode: str = "const"
    # What stays as it is in the photo, of KEEPABLE.
    keep: tuple[str, ...] = ATTRIBUTES

    def __post_init__(self) -> None:
        check_ranges(self)
        check_noise_mode(self.noise_mode)
        check_keep(self.keep)

    @property
    def kept_in_words(self) -> str:
        """As `kept` reads it: "age,gender,skin", or "none"."""
        return ",".join(self.keep) or "none"


@dataclass(frozen=True)
class AnonymiseOptions:
    """New faces in a whole photo. faces: their numbers, from 1, the largest first; empty: all.
    cover, keep: the numbers of those that are covered, or stay, whether or not they could be
    replaced. rest: of RESTS, what becomes of who cannot be replaced. aligned: the photo is an
    aligned crop. keep_exif: facts of the camera stay (output/photo_file.py).
    consistent: who is in a set of photos more than once has one new face in all of them; strength
    and seed are then for the others."""

    faces: tuple[int, ...] = ()
    strength: float = option(
        1.0, 0.1, 1.0, help_of(VaryOptions, "strength"), label_of(VaryOptions, "strength")
    )
    seed: int = option(0, 0, MAX_SEED, help_of(VaryOptions, "seed"))
    steps: int = option(
        16,
        0,
        2000,
        "refinement steps of each face's inversion, below strength 1",
        "Refinement steps",
    )
    keep_exif: bool = False
    label: bool = False
    consistent: bool = False
    cover: tuple[int, ...] = ()
    keep: tuple[int, ...] = ()
    rest: str = RESTS[0]
    aligned: bool = False

    def __post_init__(self) -> None:
        check_ranges(self)
        for name in ("faces", "cover", "keep"):
            for number in getattr(self, name):
                check_range(name, number, 1, MAX_FACES)
        check_rest(self.rest)


@dataclass(frozen=True)
class SampleOptions:
    """Random faces with no reference."""

    count: int = option(6, 1, MAX_COUNT, "how many faces", "How many faces")
    seed: int = option(0, 0, MAX_SEED, "of the first face; one more for each next")
    truncation_psi: float = option(
        0.7,
        0.0,
        1.0,
        "truncation: 0 is the average face; towards 1 more variety and more failures",
        "Truncation psi",
    )
    noise_mode: str = "const"
    # Seeds are chosen so that ages, gender presentations and skin tones are even.
    balanced: bool = False

    def __post_init__(self) -> None:
        check_ranges(self)
        check_noise_mode(self.noise_mode)


@dataclass(frozen=True)
class StyleOptions:
    """The drawn look: which style, and how much of it."""

    style: str = "cel"
    blend: float = option(1.0, 0.0, 1.0, "how much of the style: 0 is the face, 1 all drawing")

    def __post_init__(self) -> None:
        check_ranges(self)


def numbers(text: str) -> tuple[int, ...]:
    """ "1,3" -> (1, 3), the faces of AnonymiseOptions. Raises OptionError."""
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise OptionError(f"faces is {text!r}; name numbers with commas, as in 1,3") from error


def check_face(face: int, name: str = "face") -> None:
    if face < 0:
        raise OptionError(f"{name} is {face}; 0 is the largest, 1 the second largest")


def check_device(name: str) -> None:
    if name not in DEVICES:
        raise OptionError(f"device is {name!r}; it must be cpu, cuda or auto")


def check_noise_mode(mode: str) -> None:
    if mode not in NOISE_MODES:
        raise OptionError(f"noise_mode is {mode!r}; it must be const, random or none")


def check_keep(names: Sequence[str]) -> None:
    for name in names:
        if name not in KEEPABLE:
            known = ", ".join(KEEPABLE)
            raise OptionError(f"keep is {name!r}; what can be kept: {known}, or none")


def kept(text: str) -> tuple[str, ...]:
    """ "age,skin" -> ("age", "skin"), as VaryOptions.keep; "none": nothing. Raises OptionError."""
    if text.strip() == "none":
        return ()
    names = tuple(part.strip() for part in text.split(","))
    check_keep(names)
    return names


@dataclass(frozen=True)
class GenerateOptions:
    """Everything a run can be told. style None: no anime. overlay: also a picture of both meshes
    for each variant. label: "AI-generated" stands on every picture."""

    vary: VaryOptions = field(default_factory=VaryOptions)
    invert: InvertOptions = field(default_factory=InvertOptions)
    style: StyleOptions | None = None
    overlay: bool = False
    label: bool = False
