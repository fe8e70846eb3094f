"""random: new faces with no reference."""

from __future__ import annotations

import argparse

from ..jobs.options import SampleRun
from ..options import SampleOptions
from ..output.staging import check_empty
from . import jobs
from .flags import (
    add_anime,
    add_making,
    add_new_out,
    add_noise,
    add_option,
    add_style,
    load_studio,
    style_of,
)


def add(commands) -> None:
    parser = commands.add_parser("random", help="new faces with no reference")
    add_new_out(parser)
    for name in ("count", "seed"):
        add_option(parser, SampleOptions, name)
    add_option(parser, SampleOptions, "truncation_psi", "--psi")
    add_noise(parser, SampleOptions)
    parser.add_argument(
        "--balanced",
        action="store_true",
        help="choose seeds so that ages, gender presentations and skin tones are even; looks at "
        "several for each face, which takes seconds",
    )
    add_anime(parser)
    add_making(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    options = SampleOptions(
        arguments.count,
        arguments.seed,
        arguments.truncation_psi,
        arguments.noise,
        arguments.balanced,
    )
    check_empty(arguments.out, arguments.overwrite)  # before a model is loaded
    style = style_of(arguments)
    studio = load_studio(arguments)
    run = SampleRun(options, add_style(studio, style), arguments.label)
    jobs.run(studio, "random", arguments, [], run, "faces", "faces")
    print(f"{options.count} faces in {arguments.out}")
