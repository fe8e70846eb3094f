"""anonymise: whole photos, their faces replaced in place."""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

from ..errors import NoFaceError, OptionError, OutputError
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
    parser = commands.add_parser("anonymise", help="whole photos, their faces replaced in place")
    parser.add_argument("photos", nargs="+", metavar="PHOTO", help="a picture file, or several")
    parser.add_argument(
        "--out",
        required=True,
        type=Path,
        metavar="FILE",
        help="a new picture; of several photos a folder: photo-01.jpg and so on, in their order",
    )
    parser.add_argument(
        "--faces", default="", metavar="K,K", help="only these, from 1, the largest first; else all"
    )
    for name in ("strength", "seed", "steps"):
        add_option(parser, AnonymiseOptions, name)
    parser.add_argument(
        "--consistent",
        action="store_true",
        help="who is in the photos more than once has the same new face in all of them",
    )
    parser.add_argument(
        "--keep-exif",
        action="store_true",
        help="what the camera wrote stays, but for place, thumbnail and maker's notes",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
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
        consistent=arguments.consistent,
    )
    check_device(arguments.device)
    if len(arguments.photos) > 1:
        _several(arguments, options)
    else:
        _one(arguments, options)


def _one(arguments: argparse.Namespace, options: AnonymiseOptions) -> None:
    out, (name,) = arguments.out, arguments.photos
    if out.is_dir():
        raise OutputError(f"{out} is a folder; name the file to write")
    if out.exists() and not arguments.overwrite:
        raise OutputError(f"{out} is there already; name another file, or add --overwrite")

    photo = photos.read(name)

    from ..files import write_file
    from ..output import photo_file

    if Path(name).resolve() == out.resolve():
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
        if not face.get("consistent", True):
            say(f"face {face['face']}: not as like the person's other new faces as it should be")
        if face["status"] != "replaced":
            say(f"face {face['face']}: {face['status']}{_why(face)}")
    count = sum(face["status"].startswith("replaced") for face in done.manifest["faces"])
    print(f"{count} of {done.manifest['faces_found']} faces are other people's in {out}")


def _several(arguments: argparse.Namespace, options: AnonymiseOptions) -> None:
    """A folder of new photos: they are numbered, as their own names may tell who is in them."""
    from ..output.staging import check_empty, finished_only

    if options.faces:
        raise OptionError(
            f"--faces is {arguments.faces}, but {len(arguments.photos)} photos are given, and faces"
            " are numbered in each photo anew; leave it out, or give one photo"
        )
    out = arguments.out.resolve()
    for name in arguments.photos:
        if Path(name).resolve().parent == out:
            raise OutputError(
                f"{name} lies in {arguments.out}, where the new ones go; name another"
            )
    check_empty(arguments.out, arguments.overwrite)
    from .. import images
    from ..jobs import photo_set

    digits = max(2, len(str(len(arguments.photos))))
    wanted = [
        photo_set.SetPhoto(f"photo-{number:0{digits}d}", partial(images.read_file, name))
        for number, name in enumerate(arguments.photos, start=1)
    ]
    studio = load_studio(arguments)
    written = 0
    with (
        finished_only(arguments.out, overwrite=arguments.overwrite) as folder,
        progress_bar("looking at the photos", 1) as bar,
    ):
        for event in photo_set.anonymise_all(studio, wanted, folder, options):
            match event:
                case photo_set.LookedAt(done, count):
                    show(bar, "looking at the photos", done, count)
                case photo_set.Finding(done, count):
                    show(bar, "looking for their new faces", done, count)
                case photo_set.PhotoEnded(index, count, row, path):
                    show(bar, "photos", index, count)
                    written += path is not None
                    if row["status"] != photo_set.DONE:
                        say(f"photo {index}: {row['status']} ({row['error']})")
                case photo_set.SetDone(manifest):
                    told = manifest
        if not written:
            raise NoFaceError(f"of {len(wanted)} photos none could be made a new one of; see above")
    if arguments.json:
        print(json.dumps(told, indent=2))
        return
    print(f"{written} of {len(wanted)} photos have other people's faces; see {arguments.out}")


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
