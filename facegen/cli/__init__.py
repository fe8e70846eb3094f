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
    restore,
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
    restore,
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
