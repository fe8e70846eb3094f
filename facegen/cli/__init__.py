"""The commands of `python -m facegen`, one module each: `add` gives the parser, `run` does it."""

from . import align, doctor, evaluate, generate, prepare, sample, train, walk, weights

ALL = (generate, sample, evaluate, walk, align, weights, prepare, train, doctor)
