"""Aligned face to ws, and ws to other ws: inversion, and what is done in the latent space."""
