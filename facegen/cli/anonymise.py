"""anonymise: a whole photo, its faces replaced in place."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..errors import OptionError, OutputError
from ..options import AnonymiseOptions, check_device, numbers
from . import photos
from .flags import (
    add_making,
    add_option,
    load_studio,
    progress_bar,
    say,
    show,
)


def add(commands) -> None:
    parser = commands.add_parser("anonymise", help="a whole photo, its faces replaced in place")
    parser.add_argument("photo", metavar="PHOTO", help="a picture file")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="a new picture")
    parser.add_argument(
        "--faces", default="", metavar="K,K", help="only these, from 1, the largest first; else all"
    )
    for name in ("strength", "seed", "steps"):
        add_option(parser, AnonymiseOptions, name)
    parser.add_argument(
        "--keep-exif",
        action="store_true",
        help="what the camera wrote stays, but for place, thumbnail and maker's notes",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it is there")
    parser.add_argument("--json", action="store_true", help="print what is known of each face")
    add_making(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    options = AnonymiseOptions(
        faces=numbers(arguments.faces),
        strength=arguments.strength,
        seed=arguments.seed,
        steps=arguments.steps,
        keep_exif=arguments.keep_exif,
        label=arguments.label,
    )
    check_device(arguments.device)
    out = arguments.out
    if out.is_dir():
        raise OutputError(f"{out} is a folder; name the file to write")
    if out.exists() and not arguments.overwrite:
        raise OutputError(f"{out} is there already; name another file, or add --overwrite")

    photo = photos.read(arguments.photo)

    from ..files import write_file
    from ..output import photo_file

    if Path(arguments.photo).resolve() == out.resolve():
        raise OutputError(f"{out} is the photo itself, which stays as it is; name another file")
    kind = _kind(out, photo_file.kind_of(photo.data), photo_file.KINDS)
    exif = photo_file.camera_exif(photo.data) if options.keep_exif else None

    from ..jobs.anonymise import Done, Found, Replaced, Replacing, anonymise

    studio = load_studio(arguments)
    with progress_bar("finding the faces", 1) as bar:
        show(bar, "finding the faces", 0, 1)
        for event in anonymise(studio, photo.pixels, options):
            if isinstance(event, Found):
                show(bar, "faces", 0, len(event.numbers))
            elif isinstance(event, Replacing):
                show(bar, "faces", event.index - 1, event.count)
            elif isinstance(event, Replaced):
                show(bar, "faces", event.index, event.count)
            elif isinstance(event, Done):
                done = event
    write_file(out, photo_file.photo_bytes(done.pixels, done.changed, kind, exif))
    if arguments.json:
        print(json.dumps(done.manifest, indent=2))
        return
    for face in done.manifest["faces"]:
        if face["status"] != "replaced":
            say(f"face {face['face']}: {face['status']}{_why(face)}")
    count = sum(face["status"].startswith("replaced") for face in done.manifest["faces"])
    print(f"{count} of {done.manifest['faces_found']} faces are other people's in {out}")


def _why(face: dict) -> str:
    if face.get("recognised_by"):
        return f" by {', '.join(face['recognised_by'])}; try a higher --strength"
    return f" ({face['why']})" if "why" in face else ""


def _kind(out: Path, came_as: str, kinds) -> str:
    """The format to write: the photo's own, which the new file's name has to agree with."""
    suffix = out.suffix.lower().replace(".jpeg", ".jpg")
    if suffix not in kinds.values():
        raise OptionError(
            f"out is {out.name}; its name has to end with {', '.join(kinds.values())} "
            f"({kinds[came_as]} is what the photo is)"
        )
    return next(kind for kind, ending in kinds.items() if ending == suffix)
