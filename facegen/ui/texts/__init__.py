"""What the page says: fixed words (words.py), sentences made of results, the HTML around both.

About and Fairness have so much to say that each is a module of its own.
"""

from .pieces import as_error, empty, error, note, paragraph, progress
from .results import WAITING, bar, sentence

__all__ = [
    "WAITING", "as_error", "bar", "empty", "error", "note", "paragraph", "progress", "sentence",
]  # fmt: skip
