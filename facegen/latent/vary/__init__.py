"""Somebody else of the same pose and expression: a path, how far along it, which to show.

perturb (a seed's path) -> directions (pose and expression taken out of it) -> path_search, with
strength (how far along) -> selection (which seeds are shown).
"""
