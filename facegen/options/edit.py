"""The options of edits: one for each slider, in units that a person understands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields

from ..errors import OptionError
from ._field import Options, option, range_of
from .background import background_option, check_background
from .generate import InvertOptions, label_option

UNITS: Mapping[str, str] = {"age": "y", "yaw": "°", "pitch": "°"}  # of the others: a share
_SUFFIX = r"(?:y|years?|deg|°|%)?"
_SETTING = re.compile(rf"\s*([\w-]+)\s*=\s*([+-]?\d*\.?\d+(?:[eE][+-]?\d+)?)\s*({_SUFFIX})\s*")


def _slider(most: float, help: str, label: str) -> float:
    """Make an option from -most to most; `--set` sets it."""
    amount: float = option(0.0, -most, most, help, label, flag=None)
    return amount


@dataclass(frozen=True)
class EditOptions(Options):
    """How much each feature changes; 0 leaves it alone.

    Among the model's own faces, a share of 1 leads from the value that one face in twenty stays
    below to the value that nineteen in twenty stay below.
    """

    age: float = _slider(25, "years older; below 0 younger", "Age (years)")
    gender: float = _slider(
        0.4,
        "towards a more feminine look; below 0 more masculine",
        "Gender presentation",
    )
    smile: float = _slider(1, "towards a broad smile; below 0 a serious face", "Smile")
    mouth: float = _slider(1, "the mouth opens; below 0 it closes", "Mouth open")
    eyes: float = _slider(1, "the eyes open wider; below 0 they close", "Eyes open")
    gaze: float = _slider(1, "looks to your right; below 0 to your left", "Gaze")
    yaw: float = _slider(20, "degrees that the head turns to your right; below 0 left", "Turn (°)")
    pitch: float = _slider(10, "degrees that the head looks down; below 0 up", "Look down (°)")
    hair_length: float = _slider(0.7, "longer hair; below 0 shorter", "Hair length")
    hair_colour: float = _slider(1, "fairer hair; below 0 darker", "Hair colour")
    skin_tone: float = _slider(1, "darker skin; below 0 fairer", "Skin tone")
    beard: float = _slider(1, "more beard; below 0 less", "Beard")
    glasses: float = _slider(1, "glasses; below 0 none", "Glasses")
    light: float = _slider(1, "light from your right; below 0 from your left", "Light")

    @property
    def asked(self) -> dict[str, float]:
        """The sliders that are not 0."""
        return {name: getattr(self, name) for name in NAMES if getattr(self, name)}

    def in_words(self) -> str:
        """Write the sliders as `parse` reads them: smile=+0.5 age=+10y."""
        return " ".join(f"{k}={v:+g}{UNITS.get(k, '')}" for k, v in self.asked.items())


NAMES = tuple(option_.name for option_ in fields(EditOptions))


def parse(settings: Iterable[str]) -> EditOptions:
    """Read ["smile=+0.5", "age=+10y"] as EditOptions.

    Raises OptionError for an unknown name, for what is not a number, for a value out of range and
    for a slider that is set twice.
    """
    found: dict[str, float] = {}
    for setting in settings:
        match = _SETTING.fullmatch(setting)
        if not match:
            raise OptionError(
                f"--set is {setting[:60]!r}; it must be NAME=AMOUNT, such as smile=+0.5 or age=+10y"
            )
        name = match[1].replace("-", "_")
        check_known(name)
        if name in found:
            raise OptionError(f"{name} is set twice; set it once")
        unit = match[3]
        right = {"y": "y", "°": "deg"}.get(UNITS.get(name, ""), "%")
        if unit and not unit.startswith(right) and unit != UNITS.get(name):
            wanted = {"y": "years", "deg": "degrees", "%": "a share of 1"}[right]
            raise OptionError(f"{name} is in {unit!r}; it is counted in {wanted}")
        found[name] = float(match[2]) / (100 if unit == "%" else 1)
    return EditOptions(**found)


def check_known(name: str) -> None:
    if name not in NAMES:
        raise OptionError(f"there is no slider {name[:40]!r}; there are: {', '.join(NAMES)}")


def range_text(name: str) -> str:
    """Write a slider's range: -25 to 25 y."""
    low, high = range_of(EditOptions, name)
    return f"{low:g} to {high:g}{UNITS.get(name, '')}"


@dataclass(frozen=True)
class EditRun:
    """A run that changes a face by name."""

    edit: EditOptions = field(default_factory=EditOptions)
    invert: InvertOptions = field(default_factory=InvertOptions)
    label: bool = label_option()
    background: str = background_option()

    def __post_init__(self) -> None:
        check_background(self.background)
