"""The anonymisation protocol: what an anonymiser is worth, judged as the field judges.

Stages that each read what the one before left in a folder: make, measure, attack, summarise.
"""
