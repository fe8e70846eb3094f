"""Imported by its old name from facegen/options/mix.py."""

from ...options.mix import *  # noqa: F403
