"""The commands of `python -m facegen`, `add` gives the parser, `run` does it; those of the
catalogue of jobs are in `jobs`."""

from . import (
    again,
    batch,
    check,
    doctor,
    evaluate,
    jobs,
    page,
    prepare,
    train,
    walk,
    weights,
)

ALL = (
    page,
    jobs,
    batch,
    again,
    evaluate,
    walk,
    check,
    weights,
    prepare,
    train,
    doctor,
)
