"""mix: two faces crossed over, on a board."""

from __future__ import annotations

import argparse

from ..latent.mix.options import MixOptions
from ..options import InvertOptions, check_device
from ..output.staging import check_empty, finished_only
from .flags import (
    add_making,
    add_new_out,
    add_option,
    load_studio,
    progress_bar,
    show,
)
from .photos import add_photos, check_photos, load_sources, tell


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
    check_device(arguments.device)
    check_photos(arguments.photos)
    check_empty(arguments.out, arguments.overwrite)
    sources = load_sources(arguments)

    from ..jobs.mix import BoardDone, Mixed, MixRun, mix  # it takes long to import

    studio = load_studio(arguments)
    what = MixRun(options, invert, arguments.label)
    with (
        finished_only(arguments.out, arguments.photos[0], overwrite=arguments.overwrite) as folder,
        progress_bar("finding the faces", 1) as bar,
    ):
        for event in mix(studio, sources, folder, what):
            if isinstance(event, Mixed):
                show(bar, "mixtures", event.index, event.count)
            elif isinstance(event, BoardDone):
                manifest, board = event.manifest, event.board.name
            else:
                tell(bar, event)
    count, seconds = len(manifest["variants"]), manifest["seconds"]["total"]
    print(f"{count} mixtures and {board} in {arguments.out} after {seconds:.1f} s")
