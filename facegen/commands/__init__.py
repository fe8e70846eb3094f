"""The commands of `python -m facegen`, one module each: `add` gives the parser, `run` does it."""

from . import align, doctor, evaluate, generate, prepare, random, train, walk, weights

ALL = (generate, random, evaluate, walk, align, weights, prepare, train, doctor)
