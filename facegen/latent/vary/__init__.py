"""Somebody else of the same pose, expression, age and kind: strangers who fit a photo.

strangers (what a model's codes are guessed to show) -> matching (who of a seed's own codes fits) ->
strength (how far from the photo towards them) -> selection (who is shown).
"""
