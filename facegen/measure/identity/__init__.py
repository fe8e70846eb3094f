"""Who is it? Face recognisers, their thresholds, and what they say of two pictures."""
