"""Any folder or ZIP of pictures becomes a clean, aligned data set. See docs/prepare.md.

sources -> examine (one file at a time, in several processes) -> assemble (numbers, duplicates,
dataset.json). The record that `examine` makes of a file lies on the disk under the file's own hash,
so that an interrupted run resumes where it was.
"""
