"""The options of a persona: one person who does not exist, in many pictures."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..errors import OptionError
from ._field import MAX_SEED, Options, option
from .background import background_option, check_background
from .generate import label_option, labels_option, noise_option

SETS = ("sheet", "angles", "expressions", "ages", "light", "looks", "all")
AGES = (1.0, 90.0)  # years that a person may look
# A word of --like -> what it asks for: gender presentation and skin of 100, years, kinds.
WORDS: dict[str, dict[str, float | bool]] = {
    "woman": {"gender": 85.0}, "man": {"gender": 15.0},
    "child": {"age": 8.0}, "young": {"age": 22.0}, "middle-aged": {"age": 45.0},
    "old": {"age": 68.0},
    "glasses": {"glasses": True}, "no glasses": {"glasses": False},
    "beard": {"beard": True}, "no beard": {"beard": False},
    "fair skin": {"skin": 12.0}, "medium skin": {"skin": 45.0}, "dark skin": {"skin": 78.0},
}  # fmt: skip
_AGE = re.compile(r"(\d{1,3})(?: ?years?(?: old)?)?")


@dataclass(frozen=True)
class PersonaOptions(Options):
    """Who the person is, and which pictures are made."""

    like: str = option(
        "",
        help="who it is, with commas: an age in years, "
        + ", ".join(WORDS)
        + '; such as "woman, 30, glasses"; what is not named is drawn from the seed',
        metavar="WORDS",
    )
    set: str = option("sheet", help="which pictures", choices=SETS)
    count: int = option(24, 1, 60, "at most so many pictures, the front among them", "Pictures")
    seed: int = option(0, 0, MAX_SEED, "the same seed gives the same person")
    noise_mode: str = noise_option()
    captions: bool = option(
        False,
        help="also a text for each picture, as trainers read it: NAME.txt beside it, and "
        "metadata.jsonl",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.wanted()

    def wanted(self) -> dict[str, float | bool]:
        """Read `like`: age in years, gender and skin of 100, glasses and beard or none.

        Raises OptionError for a word that is not known, and for two that contradict each other."""
        found: dict[str, float | bool] = {}
        for part in filter(None, (part.strip().lower() for part in self.like.split(","))):
            years = _AGE.fullmatch(part)
            asked = {"age": float(years[1])} if years else WORDS.get(part)
            if asked is None:
                raise OptionError(
                    f"like is {part[:40]!r}; the words are: an age in years, {', '.join(WORDS)}"
                )
            for name, value in asked.items():
                if name in found and found[name] != value:
                    raise OptionError(f"like says two things of {name}; name one: {self.like!r}")
                found[name] = value
        if "age" in found and not AGES[0] <= found["age"] <= AGES[1]:
            raise OptionError(f"like has the age {found['age']:g}; it must be 1 to 90")
        return found


@dataclass(frozen=True)
class PersonaRun:
    """A run that makes one person's pictures."""

    persona: PersonaOptions = field(default_factory=PersonaOptions)
    label: bool = label_option()
    background: str = background_option()
    labels: bool = labels_option()

    def __post_init__(self) -> None:
        check_background(self.background)
