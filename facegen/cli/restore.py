"""restore: faces that a spoilt picture could show."""

from __future__ import annotations

import argparse
from dataclasses import replace

from ..errors import ImageError
from ..jobs.job import CROP, Picture
from ..latent.restore.options import DAMAGES, RestoreOptions
from ..options import check_face
from . import jobs, photos
from .flags import (
    add_making,
    add_new_out,
    decode,
    load_studio,
    say,
)


def add(commands) -> None:
    parser = commands.add_parser("restore", help="faces that a spoilt picture could show")
    parser.add_argument("photo", metavar="PHOTO", help="a picture file")
    add_new_out(parser)
    parser.add_argument(
        "--damage",
        default=RestoreOptions.damage,
        metavar="KIND",
        help=f"what happened to the picture: {', '.join(DAMAGES)}; auto estimates it",
    )
    parser.add_argument(
        "--mask", metavar="FILE", help="a picture as large as PHOTO, white where it has holes"
    )
    jobs.add_options(parser, "restore")
    photos.add_face(parser)
    add_making(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    options = jobs.given("restore", arguments)
    check_face(arguments.face)
    jobs.check(arguments)
    photo = photos.read(arguments.photo, arguments.face)
    if arguments.mask:
        from .. import images

        mask = decode(arguments.mask, images.read_file(arguments.mask)).max(axis=2)
        if mask.shape != photo.pixels.shape[:2]:
            raise ImageError(
                f"the mask has {mask.shape[1]}x{mask.shape[0]} pixels, the photo "
                f"{photo.pixels.shape[1]}x{photo.pixels.shape[0]}; make it as large as the photo"
            )
        photo = replace(photo, mask=mask)
    studio = load_studio(arguments)
    manifest = jobs.run(
        studio, "restore", arguments, [photo], options, "faces", photo=arguments.photo, tell=_tell
    )

    from ..jobs.restore import words as in_words

    for entry in manifest["variants"]:
        print(f"{entry['file']}: {manifest['says']}; {in_words(entry)}")
    for name, distances in manifest["between"].items():
        if distances:
            print(f"{name} between them: {min(distances):.2f} to {max(distances):.2f}")
    print(f"in {arguments.out} after {manifest['seconds']['total']:.1f} s")


def _tell(event: object) -> None:
    """Say what happened to the picture."""
    if isinstance(event, Picture) and event.kind == CROP:
        from ..jobs.restore import UNSPOILT

        seen = event.payload
        words = ", ".join(f"{name} {value}" for name, value in seen.damage.describe().items())
        none = "" if seen.spoilt else f"; {UNSPOILT}"
        whole = "" if seen.found else "; no face was found, the whole picture is taken"
        say(f"the damage: {words}{whole}{none}")
