"""The commands of `python -m facegen`, one module each: `add` gives the parser, `run` does it."""

from . import (
    again,
    align,
    anonymise,
    check,
    doctor,
    edit,
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
    edit,
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
