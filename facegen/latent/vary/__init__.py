"""Variants: strangers of the same pose, expression, age and kind who fit a photo.

strangers (predicts what a model's codes show) -> matching (which of a seed's codes fits) ->
strength (how far from the photo towards them) -> selection (which are shown).
"""
