"""The options of the anonymisation protocol; no torch here."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import OptionError
from ...options import MAX_COUNT, MAX_SEED, VaryOptions, check_ranges, help_of, option

PROTOCOLS = ("anonymisation",)
STAGES = ("make", "measure", "attack", "summarise")


@dataclass(frozen=True)
class ProtocolOptions:
    """Options of the protocol.

    count: variants of each source. aligned: the sources are FFHQ crops already. first, last: by the
    number in a file's name. stages: those to run, in order."""

    count: int = option(2, 1, MAX_COUNT, "variants of each source")
    strength: float = option(VaryOptions.strength, 0.0, 1.0, help_of(VaryOptions, "strength"))
    seed: int = option(0, 0, MAX_SEED, help_of(VaryOptions, "seed"))
    samples: int = option(500, 1, 100_000, "random faces, for a baseline and the groups")
    aligned: bool = False
    first: int | None = None
    last: int | None = None
    stages: tuple[str, ...] = STAGES

    def __post_init__(self) -> None:
        check_ranges(self)
        for stage in self.stages:
            if stage not in STAGES:
                raise OptionError(f"stage is {stage!r}; it must be one of {', '.join(STAGES)}")
        for name in ("first", "last"):
            if (number := getattr(self, name)) is not None and number < 0:
                raise OptionError(f"{name} is {number}; it must be 0 or more")
        if self.first is not None and self.last is not None and self.first > self.last:
            raise OptionError(f"first is {self.first}, after last, {self.last}; exchange them")
