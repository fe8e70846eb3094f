"""The anonymisation protocol: evaluation of an anonymiser by the field's standards.

Each stage reads the results of the one before from a folder: make, measure, attack, summarise.
"""
