"""The commands of `python -m facegen`, one module each: `add` gives the parser, `run` does it."""

from . import (
    again,
    align,
    anonymise,
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

ALL = (
    page,
    generate,
    anonymise,
    sample,
    again,
    evaluate,
    walk,
    align,
    check,
    weights,
    prepare,
    train,
    doctor,
)
