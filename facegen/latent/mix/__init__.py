"""Mixing two faces: crossover by layers, by region and along the arc, and children."""
