"""What a model is worth: measures, the run over a folder, the walk, and their reports."""
