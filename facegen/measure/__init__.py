"""What pictures are measured by: identity, structure, perceptual distance, naturalness."""
