"""The options of new faces: variants of a photo, and random ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..errors import OptionError
from ._field import MAX_COUNT, MAX_SEED, Options, option
from .background import background_option, check_background

USUAL = -1  # refinement steps: what is usual for the model
DEVICES = ("auto", "cpu", "cuda")
NOISE_MODES = ("const", "random", "none")
ATTRIBUTES = ("age", "gender", "skin")  # of a face, which a variant keeps by default
# A band: near the photo's value, moved by an offset of the seed's own.
KEEPABLE = (*ATTRIBUTES, "age-band", "skin-band")
DIFFERENT_FROM = 0.5  # the strength from which on a variant has to be a different person
HOW_DIFFERENT = "0 is the same person, 0.5 just someone else, 1 a complete stranger"


def label_option() -> bool:
    """Make the option of a visible label, which every job that makes pictures has."""
    switch: bool = option(
        False,
        help='write "AI-generated" into a corner of each picture; invisible marks are on it anyway',
    )
    return switch


def labels_option() -> bool:
    """Make the option of labels for training and testing, see output/labels.py."""
    switch: bool = option(
        False,
        help="also labels.json (COCO), labels.parquet and a data card: landmarks, pose, "
        "expression, attributes, masks, and a split by person",
    )
    return switch


def noise_option() -> str:
    """Make the option of the noise that a generator adds."""
    mode: str = option(
        "const",
        help="fine noise of hair and skin: the same for all, new for each, or none",
        choices=NOISE_MODES,
        flag="--noise",
    )
    return mode


@dataclass(frozen=True)
class InvertOptions(Options):
    """How a photo becomes ws. USUAL steps: as many as pay off on the model, see Studio.steps."""

    steps: int = option(
        USUAL,
        USUAL,
        2000,
        "refinement steps of the inversion; 0 the encoder alone, -1 what is usual for the model",
        "Refinement steps",
    )


@dataclass(frozen=True)
class VaryOptions(Options):
    """How far variants go from the photo, and what stays as it is."""

    count: int = option(6, 1, MAX_COUNT, "how many new people", "Number of people")
    # A promise that is measured, see latent/vary/strength.py.
    strength: float = option(1.0, 0.0, 1.0, HOW_DIFFERENT, "How different?")
    seed: int = option(0, 0, MAX_SEED, "the same seed gives the same people")
    noise_mode: str = noise_option()
    keep: tuple[str, ...] = option(
        ATTRIBUTES,
        help="what stays as in the photo, as people would guess it, with commas; none: nothing",
        choices=KEEPABLE,
        metavar="NAMES",
    )

    def __post_init__(self) -> None:
        check_keep(self.keep)
        super().__post_init__()

    @property
    def kept_in_words(self) -> str:
        """The names as `kept` reads them: "age,gender,skin", or "none"."""
        return ",".join(self.keep) or "none"


@dataclass(frozen=True)
class StyleOptions(Options):
    """The drawn look: which style, and how much of it."""

    style: str = option("cel", help="the anime style to draw each face in as well", flag="--anime")
    blend: float = option(1.0, 0.0, 1.0, "how much of the style: 0 is the face, 1 all drawing")


@dataclass(frozen=True)
class GenerateOptions:
    """All options of a run. style None: no anime."""

    vary: VaryOptions = field(default_factory=VaryOptions)
    invert: InvertOptions = field(default_factory=InvertOptions)
    style: StyleOptions | None = None
    overlay: bool = option(False, help="also draw both meshes over each variant")
    label: bool = label_option()
    background: str = background_option()

    def __post_init__(self) -> None:
        check_background(self.background)


@dataclass(frozen=True)
class SampleOptions(Options):
    """Random faces with no reference."""

    count: int = option(6, 1, 10_000, "how many people", "Number of people", offered=MAX_COUNT)
    seed: int = option(0, 0, MAX_SEED, "of the first face; one more for each next")
    truncation_psi: float = option(
        0.7,
        0.0,
        1.0,
        "0 is the average face; towards 1 more variety and more failures",
        "Variety",
        flag="--psi",
    )
    noise_mode: str = noise_option()
    balanced: bool = option(
        False,
        help="choose faces so that ages, gender presentations and skin tones are even, as far as "
        "the model can draw them; takes longer",
    )


@dataclass(frozen=True)
class SampleRun:
    """A run that draws random faces. style None: no anime."""

    sample: SampleOptions = field(default_factory=SampleOptions)
    style: StyleOptions | None = None
    label: bool = label_option()
    background: str = background_option()
    labels: bool = labels_option()

    def __post_init__(self) -> None:
        check_background(self.background)


def face_index(number: int, name: str = "face") -> int:
    """Convert a face's number, from 1, to its index; 0, which was the largest's, counts as 1.

    Raises OptionError for a number that no face can have."""
    if number < 0:
        raise OptionError(f"{name} is {number}; 1 is the largest, 2 the second largest")
    return max(number - 1, 0)


def check_device(name: str) -> None:
    """Raise OptionError for a device that is not one of DEVICES."""
    if name not in DEVICES:
        raise OptionError(f"device is {name!r}; it must be cpu, cuda or auto")


def check_keep(names: Sequence[str]) -> None:
    """Raise OptionError for a name that is not one of KEEPABLE."""
    for name in names:
        if name not in KEEPABLE:
            known = ", ".join(KEEPABLE)
            raise OptionError(f"keep is {name!r}; what can be kept: {known}, or none")


def kept(text: str) -> tuple[str, ...]:
    """Read VaryOptions.keep: "age,skin" -> ("age", "skin"); "none": nothing. Raises OptionError."""
    if text.strip() == "none":
        return ()
    names = tuple(part.strip() for part in text.split(","))
    check_keep(names)
    return names
