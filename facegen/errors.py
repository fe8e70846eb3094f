"""Errors that a user can do something about, as a small family of exceptions.

A message names the value that was wrong, the limit it broke and the remedy, in one line: the
command line and the page show it unchanged.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib.util import find_spec

# What each extra of the package brings, as the modules that are imported of it. Pictures are signed
# wherever they are saved. tests/test_packaging.py compares this with pyproject.toml.
MARKS = ("c2pa", "cryptography")
EXTRAS = {
    "marks": MARKS,
    "page": (*MARKS, "gradio", "mcp"),
    "batch": (*MARKS, "pyarrow"),
    "refine": ("lpips", "torchvision"),
    "evaluate": (*MARKS, "matplotlib", "jinja2", "torchvision"),
    "train": (*MARKS, "matplotlib", "tensorboardX", "torchvision"),
    "ray": (*MARKS, "pyarrow", "ray"),
}


class FacegenError(Exception):
    """The user can do something about this; the message says what."""


class ImageError(FacegenError):
    """The file is not a picture, a broken one, or too large a one."""


class NoFaceError(FacegenError):
    """No face was found, the face is too small, or there is no face of that number."""


class OptionError(FacegenError):
    """An option's value lies outside its range."""


class WeightsError(FacegenError):
    """A checkpoint is missing, damaged, unknown, or not what it says it is."""


class OutputError(FacegenError):
    """The result cannot be written to the requested place."""


class DataError(FacegenError):
    """A training or measuring set cannot be used."""


class TrainingError(FacegenError):
    """A training run cannot start or resume."""


class MissingExtraError(FacegenError):
    """An extra of the package is not installed."""

    def __init__(self, extra: str, module: str | None):
        super().__init__(f"not installed: {module}; call: {install(extra)}")


class Cancelled(FacegenError):
    """The user pressed Stop."""


class TooLittleMemoryError(FacegenError):
    """The machine's memory, or the GPU's, is used up."""


def counted(count: int, noun: str) -> str:
    """Count things in a message: "1 face", "2 faces"."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


@contextlib.contextmanager
def memory_in_words() -> Iterator[None]:
    """Raise TooLittleMemoryError in place of the errors of Python, CUDA and torch on a CPU."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        cuda = type(error).__name__ == "OutOfMemoryError"  # torch may not have been imported
        if not (isinstance(error, MemoryError) or cuda or "can't allocate memory" in str(error)):
            raise
        raise TooLittleMemoryError(
            "there is too little memory for this; take a smaller model, fewer pictures at once, or "
            "--device cpu where the GPU's is too small"
        ) from error


def install(extra: str) -> str:
    """Return the command that installs an extra."""
    return f'pip install "facegen[{extra}]"'


def missing(extra: str) -> list[str]:
    """List the modules of an extra that are not installed; imports none."""
    return [name for name in EXTRAS[extra] if not _there(name)]


def require(extra: str) -> None:
    """Raise MissingExtraError before work that would fail for lack of an extra."""
    if gone := missing(extra):
        raise MissingExtraError(extra, ", ".join(gone))


def _there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
