"""Facegen: one reference photo in, several people who do not exist out.

    from facegen import Studio
    studio = Studio.load()

Nothing heavy happens at import: Studio (and with it torch) is loaded when first asked for.
"""

from typing import Any

from ._version import __version__
from .errors import FacegenError, ImageError, NoFaceError, OptionError, WeightsError

__all__ = [
    "FacegenError",
    "ImageError",
    "NoFaceError",
    "OptionError",
    "Studio",
    "WeightsError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name == "Studio":
        from .studio import Studio

        return Studio
    raise AttributeError(f"module 'facegen' has no attribute {name!r}")
