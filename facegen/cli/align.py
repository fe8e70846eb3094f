"""align: the FFHQ crop of each face."""

from __future__ import annotations

import argparse
from types import SimpleNamespace

from ..jobs.job import Source
from ..jobs.options import AlignOptions
from ..output.staging import check_empty
from . import jobs
from .flags import add_new_out, add_option, decode, progress_bar, show


def add(commands) -> None:
    parser = commands.add_parser("align", help="the FFHQ crop of each face")
    parser.add_argument("photo", metavar="PHOTO", help="a picture file")
    add_new_out(parser)
    add_option(parser, AlignOptions, "size")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    options = AlignOptions(arguments.size)
    check_empty(arguments.out, arguments.overwrite)

    from .. import images

    source = Source(decode(arguments.photo, images.read_file(arguments.photo)))
    with progress_bar("loading") as bar:
        show(bar, "loading", 0, 1, "the detector")
        from ..face.detect import Detector  # after the checks: it takes long to import

        bench = SimpleNamespace(detector=Detector())
    faces = 0

    def count(event: object) -> None:
        nonlocal faces
        faces = getattr(event, "count", faces)

    words = "faces", "looking for faces", arguments.photo, ["face-*.png"]
    jobs.run(bench, "align", arguments, [source], options, *words, tell=count)
    print(f"{faces} faces in {arguments.out}, the largest first")
