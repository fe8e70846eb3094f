"""The commands of `python -m facegen`, one module each: `add` gives the parser, `run` does it."""

from . import align, doctor, evaluate, generate, prepare, random, train, weights

ALL = (generate, random, evaluate, align, weights, prepare, train, doctor)
