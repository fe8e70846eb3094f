"""The commands of `python -m facegen`: `add` builds the parser, `run` does the work.

Those of the catalogue of jobs are in `jobs`.
"""

from . import again, batch, check, doctor, evaluate, jobs, page, prepare, train, weights

ALL = (page, jobs, batch, again, evaluate, check, weights, prepare, train, doctor)
