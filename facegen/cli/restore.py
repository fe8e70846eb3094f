"""restore: faces that a spoilt picture could show."""

from __future__ import annotations

import argparse

from ..errors import ImageError
from ..latent.restore.options import DAMAGES, RestoreOptions
from ..options import check_device
from ..output.staging import check_empty, finished_only
from . import photos
from .flags import (
    add_making,
    add_new_out,
    add_option,
    decode,
    load_studio,
    progress_bar,
    say,
    show,
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
    for name in ("count", "steps", "fidelity", "seed"):
        add_option(parser, RestoreOptions, name)
    photos.add_face(parser)
    add_making(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    names = ("damage", "count", "steps", "fidelity", "seed")
    options = RestoreOptions(**{name: getattr(arguments, name) for name in names})
    check_device(arguments.device)
    check_empty(arguments.out, arguments.overwrite)

    photo = photos.read(arguments.photo)
    pixels, mask = photo.pixels, None
    if arguments.mask:
        from .. import images

        mask = decode(arguments.mask, images.read_file(arguments.mask)).max(axis=2)
        if mask.shape != pixels.shape[:2]:
            raise ImageError(
                f"the mask has {mask.shape[1]}x{mask.shape[0]} pixels, the photo "
                f"{pixels.shape[1]}x{pixels.shape[0]}; make it as large as the photo"
            )

    # after the checks: it takes long to import
    from ..jobs.restore import UNSPOILT, RestoreDone, RestoreRun, Restoring, Seen, Spoilt, restore
    from ..jobs.restore import words as in_words
    from ..types import Loading

    what = RestoreRun(options, arguments.face, arguments.label)
    studio = load_studio(arguments)
    spoilt = Spoilt(pixels, photo.sha256, mask, photo.marks)
    with (
        finished_only(arguments.out, arguments.photo, overwrite=arguments.overwrite) as folder,
        progress_bar("finding the face", 1) as bar,
    ):
        for event in restore(studio, spoilt, folder, what):
            if isinstance(event, Loading):
                show(bar, "loading", event.done, event.of, event.what)
            elif isinstance(event, Seen):
                told = event.damage.describe()
                words = ", ".join(f"{name} {value}" for name, value in told.items())
                none = "" if event.spoilt else f"; {UNSPOILT}"
                whole = "" if event.found else "; no face was found, the whole picture is taken"
                say(f"the damage: {words}{whole}{none}")
            elif isinstance(event, Restoring):
                done = (event.index - 1) * event.steps + event.step
                total = event.count * event.steps
                show(bar, "restoring", done, total, f"face {event.index}, {event.phase}")
            elif isinstance(event, RestoreDone):
                manifest = event.manifest
    for entry in manifest["variants"]:
        print(f"{entry['file']}: {manifest['says']}; {in_words(entry)}")
    for name, distances in manifest["between"].items():
        if distances:
            print(f"{name} between them: {min(distances):.2f} to {max(distances):.2f}")
    print(f"in {arguments.out} after {manifest['seconds']['total']:.1f} s")
