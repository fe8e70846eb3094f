"""The commands of `python -m facegen`, one module each: `add` gives the parser, `run` does it."""

from . import (
    again,
    align,
    check,
    doctor,
    evaluate,
    generate,
    page,
    prepare,
    sample,
    train,
    walk,
    weights,
)

ALL = (page, generate, sample, again, evaluate, walk, align, check, weights, prepare, train, doctor)
