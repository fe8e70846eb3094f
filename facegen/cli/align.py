"""align: the FFHQ crop of each face."""

from __future__ import annotations

import argparse

from ..options import check_range
from ..output.staging import check_empty, finished_only
from .flags import add_new_out, decode, progress_bar, show

LEAST, MOST = 16, 4096  # pixels of a crop


def add(commands) -> None:
    parser = commands.add_parser("align", help="the FFHQ crop of each face")
    parser.add_argument("photo", metavar="PHOTO", help="a picture file")
    add_new_out(parser)
    parser.add_argument("--size", type=int, default=256, help=f"pixels, {LEAST} to {MOST}")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    check_range("size", arguments.size, LEAST, MOST)
    check_empty(arguments.out, arguments.overwrite)

    from .. import images

    pixels = decode(arguments.photo, images.read_file(arguments.photo))
    with progress_bar("loading") as bar:
        show(bar, "loading", 0, 1, "the detector")
        from ..face import align, detect  # after the checks: it takes long to import
        from ..output import provenance

        show(bar, "looking for faces", 0, 1)
        faces = detect.Detector().detect(pixels, detect.MIN_FACE)
        detect.pick(faces, 0)
    earlier = ["face-*.png"]
    with (
        finished_only(arguments.out, arguments.photo, earlier, arguments.overwrite) as folder,
        progress_bar("faces") as bar,
    ):
        for index, face in enumerate(faces):
            show(bar, "faces", index, len(faces))
            crop, _ = align.align(pixels, face, arguments.size)
            provenance.save_png(folder / f"face-{index:02d}.png", crop, {}, synthetic=False)
    print(f"{len(faces)} faces in {arguments.out}, the largest first")
