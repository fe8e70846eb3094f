"""Imported by its old name from facegen/options/restore.py."""

from ...options.restore import *  # noqa: F403
