"""Imported by its old name from facegen/options/evaluate.py."""

from ..options.evaluate import *  # noqa: F403
