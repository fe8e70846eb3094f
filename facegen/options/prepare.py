"""The options of `prepare`."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ..errors import OptionError
from ._field import MAX_SEED, Options, option

FACES = ("all", "largest")
AUGMENTATIONS = ("flip", "rotation", "affine", "blur", "motion")
# What may differ between a run and its continuation.
_FREE = ("source", "out", "workers", "licence")


@dataclass(frozen=True)
class PrepareOptions(Options):
    """One data set. out: a folder that is new, empty, or an unfinished data set."""

    source: str
    out: str
    size: int = option(128, 32, 2048, "side in pixels")
    align: bool = option(True, help="no faces: the middle square", flag="--no-align")
    faces: str = option("all", help="of a picture", choices=FACES)
    threshold: int = option(24, 0, 127, "bits of 255 in which near duplicates differ at most")
    enlarge: float = option(
        2.0, 1.0, 64.0, "leave out what must be enlarged more often than this", metavar="X"
    )
    augment: tuple[str, ...] = option(
        (), help="add augmented copies; none named: all of them", choices=AUGMENTATIONS
    )
    seed: int = option(0, 0, MAX_SEED, "of the augmentation")
    licence: str = option("unknown", help="of the pictures, for dataset.json")
    workers: int = option(0, 0, 256, "processes; 0: one a core")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.faces != PrepareOptions.faces and not self.align:
            raise OptionError(
                f"faces is {self.faces!r}, but without alignment none is looked for; leave one "
                "of the two out"
            )

    def deciding(self) -> dict:
        """Collect the options that decide what the data set is, as JSON has them."""
        chosen = {name: value for name, value in asdict(self).items() if name not in _FREE}
        # the order in which kinds were named decides nothing
        return chosen | {"augment": [kind for kind in AUGMENTATIONS if kind in self.augment]}
