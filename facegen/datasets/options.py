"""The options of `prepare`: no heavy import in here, so that the command line starts at once."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ..errors import OptionError
from ..options import MAX_SEED, check_ranges, option

FACES = ("all", "largest")
AUGMENTATIONS = ("flip", "rotation", "affine", "blur", "motion")
# What may differ between a run and its continuation.
_FREE = ("source", "out", "workers", "licence")


@dataclass(frozen=True)
class PrepareOptions:
    """One data set.

    source: a folder or a ZIP. out: a folder that is new, empty, or an unfinished data set. size:
    side of the pictures in pixels. align: False cuts the middle square out and looks for no
    face. faces: "all" faces of a picture or the "largest". threshold: two pictures are near
    duplicates if at most so many of the 255 bits of their hashes differ. enlarge: a face whose
    crop would have to be enlarged more than so many times is left out. augment: which of
    AUGMENTATIONS to add, each as a file of its own. licence: what dataset.json says about the
    pictures. workers: processes, 0 for one per CPU core.
    """

    source: str
    out: str
    size: int = option(128, 32, 2048)
    align: bool = True
    faces: str = "all"
    threshold: int = option(24, 0, 127)
    enlarge: float = option(2.0, 1.0, 64.0)
    augment: tuple[str, ...] = ()
    seed: int = option(0, 0, MAX_SEED)
    licence: str = "unknown"
    workers: int = option(0, 0, 256)

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.faces not in FACES:
            raise OptionError(f"faces is {self.faces!r}; it must be {' or '.join(FACES)}")
        if self.faces != PrepareOptions.faces and not self.align:
            raise OptionError(
                f"faces is {self.faces!r}, but without alignment none is looked for; leave one "
                "of the two out"
            )
        for kind in self.augment:
            if kind not in AUGMENTATIONS:
                kinds = ", ".join(AUGMENTATIONS)
                raise OptionError(f"augment has {kind!r}; known are {kinds}")

    def deciding(self) -> dict:
        """Collect the options that decide what the data set is, as JSON has them."""
        chosen = {name: value for name, value in asdict(self).items() if name not in _FREE}
        # the order in which kinds were named decides nothing
        return chosen | {"augment": [kind for kind in AUGMENTATIONS if kind in self.augment]}
