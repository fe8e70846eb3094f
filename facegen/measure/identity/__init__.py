"""Face recognisers, their thresholds, and comparison of two pictures."""
