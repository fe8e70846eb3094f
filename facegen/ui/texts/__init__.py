"""What the page says: fixed words (words.py), sentences made of results, the HTML around both.

About and Fairness have so much to say that each is a module of its own.
"""

from .languages import say
from .results import (
    WAITING,
    Bar,
    as_error,
    bar,
    details,
    error,
    figure,
    note,
    paragraph,
    progress,
    sentence,
)

__all__ = [
    "WAITING",
    "Bar",
    "as_error",
    "bar",
    "details",
    "error",
    "figure",
    "note",
    "paragraph",
    "progress",
    "say",
    "sentence",
]  # fmt: skip
