"""Names that a user may give: a model, a style, or a file of one.

Nothing is read, and torch is not imported, so an unusable name is answered at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import OptionError, WeightsError
from .entry import Weights
from .registry import REGISTRY, find, of_kind

EXPORTED = "model.safetensors"  # the model in a training run's folder


def which_face(name: str) -> Weights | Path:
    """Find the entry of a face model, or the path of an existing checkpoint.

    name: one of the registry, a file, or the folder of a training run. Raises WeightsError."""
    if name not in {entry.name for entry in REGISTRY} and _looks_like_a_path(name):
        return _existing(_of_run(Path(name)))
    entry = find(name)
    if entry.kind != "face":
        raise WeightsError(f"{name} is a model of kind {entry.kind!r}, not a face generator")
    return entry


def check_style(name: str, at_hand: Sequence[str]) -> None:
    """Raise OptionError for an anime style that is not available."""
    if name in at_hand:
        return
    fetched = [entry.name for entry in of_kind("anime") if not entry.bundled]
    get = f"; 'weights fetch {name}' gets it" if name in fetched else ""
    known = ", ".join(at_hand) or "none"
    raise OptionError(f"anime style is {name!r}; available are: {known}{get}")


def _looks_like_a_path(name: str) -> bool:
    return bool(Path(name).suffix) or "/" in name or "\\" in name or _exists(Path(name))


def _of_run(path: Path) -> Path:
    """Return the model in a training run's folder; another path as it is."""
    return path / EXPORTED if _exists(path / EXPORTED) else path


def _exists(path: Path) -> bool:
    try:
        return path.exists() or path.is_symlink()
    except (OSError, RuntimeError, ValueError):  # too long a name, a closed folder, a loop
        return False


def _existing(path: Path) -> Path:
    try:
        there = path.exists() or path.is_symlink()
    except (OSError, RuntimeError, ValueError):
        there = True  # let the reader say what is wrong with it
    if not there:
        raise WeightsError(f"there is no checkpoint file {path}; give a name or another path")
    return path
