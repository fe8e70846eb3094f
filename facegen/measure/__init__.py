"""Measurements of pictures: identity, structure, perceptual distance, naturalness."""
