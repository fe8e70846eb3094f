"""Aligned face to ws, and ws to other ws: inversion and edits in the latent space."""
