"""mix: two faces crossed over, on a board."""

from __future__ import annotations

import argparse

from ..jobs.options import MixRun
from ..latent.mix.options import MixOptions
from ..options import InvertOptions
from . import jobs
from .flags import (
    add_making,
    add_new_out,
    add_option,
    load_studio,
)
from .photos import add_photos, check_photos, load_sources


def add(commands) -> None:
    parser = commands.add_parser("mix", help="two faces crossed over, on a board")
    add_photos(parser)
    add_new_out(parser)
    for name in ("steps_between", "sharpness"):
        add_option(parser, MixOptions, name)
    add_option(parser, InvertOptions, "steps")
    add_making(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    options = MixOptions(arguments.steps_between, arguments.sharpness)
    invert = InvertOptions(arguments.steps)
    check_photos(arguments.photos)
    jobs.check(arguments)
    sources = load_sources(arguments)
    studio = load_studio(arguments)
    manifest = jobs.run(
        studio,
        "mix",
        arguments,
        sources,
        MixRun(options, invert, arguments.label),
        "mixtures",
        "finding the faces",
        arguments.photos[0],
    )
    count, seconds = len(manifest["variants"]), manifest["seconds"]["total"]
    print(f"{count} mixtures and board.jpg in {arguments.out} after {seconds:.1f} s")
