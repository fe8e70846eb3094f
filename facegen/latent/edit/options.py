"""Imported by its old name from facegen/options/edit.py."""

from ...options.edit import *  # noqa: F403
