"""Where this user's cache is: what can be made again, kept between two starts."""

from __future__ import annotations

import os
from pathlib import Path


def folder() -> Path:
    """The project's folder in the user's cache; it need not be there yet.

    XDG_CACHE_HOME (Linux), LOCALAPPDATA (Windows), else ~/.cache. Raises RuntimeError for who has
    no home.
    """
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "facegen"
