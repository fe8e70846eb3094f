"""Evaluation of models: measures, the run over a folder, the walk, and their reports."""
