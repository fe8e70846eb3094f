"""What is behind a face: as drawn, nothing, blurred, a colour, or a picture."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import OptionError
from ._field import option

KEEP, TRANSPARENT, BLUR = "keep", "transparent", "blur"
WEBP = "transparent-webp"  # as a WebP file, a tenth as large as a PNG
_NAMED = (KEEP, TRANSPARENT, WEBP, BLUR)
COLOURS = {
    "white": (255, 255, 255), "black": (0, 0, 0), "grey": (128, 128, 128), "red": (200, 40, 40),
    "green": (20, 140, 60), "blue": (40, 90, 170), "yellow": (240, 200, 60),
}  # fmt: skip
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


class BackgroundFile(str):
    """A picture's path, from who may read this machine's files: no text of a request is one."""


def background_option() -> str:
    """Make the option of the background, which jobs of single faces have."""
    what: str = option(
        KEEP,
        help=f"behind the face: {KEEP} what is drawn, {TRANSPARENT} (a PNG file), {WEBP}, "
        f"{BLUR}, or a colour "
        f"({', '.join(COLOURS)} or #rrggbb); on the command line also a picture's file",
        metavar="WHAT",
    )
    return what


def check_background(what: str) -> None:
    """Raise OptionError for what is no background."""
    if not isinstance(what, BackgroundFile) and what not in _NAMED:
        colour_of(what)


def colour_of(what: str) -> tuple[int, int, int]:
    """Read a colour: (red, green, blue), 0 to 255. Raises OptionError."""
    if what in COLOURS:
        return COLOURS[what]
    if not _HEX.fullmatch(what):
        raise OptionError(
            f"background is {what[:40]!r}; it must be {', '.join([*_NAMED, *COLOURS])} or #rrggbb"
        )
    return int(what[1:3], 16), int(what[3:5], 16), int(what[5:7], 16)


def in_words(what: str) -> str:
    """Write it for a manifest: of a file only the name."""
    return Path(what).name if isinstance(what, BackgroundFile) else what


def of_file(what: str) -> str:
    """Take a text of the command line as a file where there is one of that name."""
    return BackgroundFile(what) if Path(what).is_file() else what
