"""Imported by its old name from facegen/options/."""

from ..options import AlignOptions, ChildRun, EditRun, MixRun, RestoreRun, SampleRun

__all__ = ["AlignOptions", "ChildRun", "EditRun", "MixRun", "RestoreRun", "SampleRun"]
