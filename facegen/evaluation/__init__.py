"""Evaluation of models: make pictures, measure them, compare them with their source, report.

Every picture is measured by measure.py, as a row of arrays; store.py keeps the rows, so that a run
resumes. Two sets of metrics stand on them: variants.py with variants_report.py, what a model's
variants and random faces are worth, and anonymisation.py with hiding.py, attack.py and
anonymisation_report.py, how well a face is hidden. report.py writes both.
Beside them the walk (walk.py).
"""
