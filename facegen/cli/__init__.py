"""The commands of `python -m facegen`, one module each: `add` gives the parser, `run` does it."""

from . import (
    again,
    align,
    check,
    child,
    doctor,
    evaluate,
    generate,
    mix,
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
    mix,
    child,
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
