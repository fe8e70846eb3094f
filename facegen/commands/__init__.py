"""The commands of `python -m facegen`, one module each: `add` gives the parser, `run` does it."""

from . import align, doctor, generate, prepare, random, train, weights

ALL = (generate, random, align, weights, prepare, train, doctor)
