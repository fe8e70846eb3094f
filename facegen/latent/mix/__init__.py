"""From two faces to others: crossover by layers, by region and along the arc, and children."""
