"""Facegen: one reference photo in, several people who do not exist out.

    from facegen import Studio
    studio = Studio.load()

Nothing heavy happens at import: Studio (and with it torch) is loaded on first access.
"""

import os
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

# By default a thread of torch's pool spins until the others are done. Where another program takes
# a core, the one it waits for is not running: every operation then lasts as long as the scheduler's
# turn, 8 ms for one of 0.1. It is read when torch is loaded; what the user has set stays.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def __getattr__(name: str) -> Any:
    if name == "Studio":
        from .studio import Studio

        return Studio
    raise AttributeError(f"module 'facegen' has no attribute {name!r}")
