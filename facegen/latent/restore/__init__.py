"""Restoration of a damaged picture to faces that it could show."""
