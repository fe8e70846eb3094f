"""Editing a face by named sliders: older, smiling, turned to the left.

options (which sliders there are) -> directions (what each changes in w) -> move (how far it may
go).
"""
