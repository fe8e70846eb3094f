"""What the page says: fixed words (words.py), sentences made of results, the HTML around both.

About and Fairness have so much to say that each is a module of its own.
"""

from .languages import say
from .pieces import Bar, as_error, details, error, figure, note, paragraph, progress
from .results import WAITING, bar, sentence

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
