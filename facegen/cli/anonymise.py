"""anonymise: whole photos, their faces replaced in place."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..errors import ImageError, NoFaceError, OptionError, OutputError
from ..jobs.catalogue import find
from ..jobs.job import Finished, Picture
from ..options import RESTS, AnonymiseOptions, check_device, numbers
from ..output.staging import check_empty
from ..types import Unread
from . import jobs, photos
from .flags import (
    add_making,
    add_option,
    load_studio,
    progress_bar,
    say,
    show,
)

SOMEBODY_LEFT = 3  # exit code with --rest keep


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
    parser.add_argument(
        "--rest",
        default=RESTS[0],
        choices=RESTS,
        help="what becomes of faces that cannot be replaced; with keep the exit code is "
        f"{SOMEBODY_LEFT} if there are any",
    )
    parser.add_argument(
        "--cover", default="", metavar="K,K", help="cover these in place of replacing them"
    )
    parser.add_argument(
        "--spare",
        nargs="+",
        default=(),
        metavar="PHOTO",
        help="photos of people who stay as they are wherever both recognisers know them",
    )
    parser.add_argument(
        "--boxes",
        metavar="FILE",
        help="faces found by your own detector: JSON or CSV with left, top, right, bottom",
    )
    parser.add_argument(
        "--aligned", action="store_true", help="the photos are aligned crops of one face"
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
        help="facts of the camera stay: exposure, lens, time; no place, names or thumbnails",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    parser.add_argument("--json", action="store_true", help="print what is known of each face")
    add_making(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    options = AnonymiseOptions(
        faces=numbers(arguments.faces),
        strength=arguments.strength,
        seed=arguments.seed,
        steps=arguments.steps,
        keep_exif=arguments.keep_exif,
        label=arguments.label,
        consistent=arguments.consistent,
        cover=numbers(arguments.cover),
        rest=arguments.rest,
        aligned=arguments.aligned,
    )
    check_device(arguments.device)
    if len(arguments.photos) > 1:
        return _several(arguments, options)
    return _one(arguments, options)


def _one(arguments: argparse.Namespace, options: AnonymiseOptions) -> int:
    out, (name,) = arguments.out, arguments.photos
    if out.is_dir():
        raise OutputError(f"{out} is a folder; name the file to write")
    if out.exists() and not arguments.overwrite:
        raise OutputError(f"{out} is there already; name another file, or add --overwrite")

    photo = photos.read(name)

    from .. import images
    from ..files import write_file
    from ..output import photo_file

    if Path(name).resolve() == out.resolve():
        raise OutputError(f"{out} is the photo itself, which stays as it is; name another file")
    kind = _kind(out, photo_file.kind_of(photo.data), photo_file.KINDS)
    if kind not in photo_file.WITH_ALPHA and images.alpha(photo.data) is not None:
        say(f"transparency becomes white, as {photo_file.KINDS[kind]} has none; .png keeps it")

    from ..whole_photo import boxes, everybody

    if arguments.boxes:
        photo = replace(photo, boxes=boxes.of_photo(boxes.read(arguments.boxes), name))
    studio = load_studio(arguments)
    _say_alone(studio, photo.boxes is not None or options.aligned)
    more = {"spare": _spared(studio, arguments.spare), "kind": kind}
    with (
        tempfile.TemporaryDirectory(prefix="facegen-") as folder,
        progress_bar("finding the faces", 1) as bar,
    ):
        show(bar, "finding the faces", 0, 1)
        for event in find("anonymise").run(studio, [photo], Path(folder), options, **more):
            jobs.follow(bar, event, "faces")
            if isinstance(event, Finished):
                manifest, (path,) = event.manifest, event.files
        write_file(out, path.read_bytes())
    faces = manifest["faces"]
    left = everybody.left(faces)
    if arguments.json:
        print(json.dumps(manifest, indent=2))
    else:
        for face in faces:
            if not face.get("consistent", True):
                say(
                    f"face {face['face']}: not as like the person's other new faces as it should be"
                )
            if face in left:
                say(f"face {face['face']}: {face['status']}{_why(face)}")
        print(f"{manifest['summary']}; see {out}")
    return _told_left(len(left))


def _told_left(left: int) -> int:
    """Say how many may still be recognised; the exit code."""
    if left:
        say(
            f"{left} face{'s' * (left != 1)} may still be recognised; --rest cover covers what "
            "cannot be replaced"
        )
    return SOMEBODY_LEFT if left else 0


def _say_alone(studio, known: bool) -> None:
    if not known and not studio.detector.finds_small:
        say(
            "small and half hidden faces may be missed, as YuNet is not here; 'python -m facegen "
            "weights fetch yunet' gets it"
        )


def _spared(studio, paths: Sequence[str]) -> list:
    """What the recognisers see in the photos of who is spared."""
    from .. import images
    from ..whole_photo import everybody

    people = []
    for path in paths:
        try:
            people.append(everybody.vectors_of(studio, images.load(path)))
        except (NoFaceError, ImageError) as error:
            raise type(error)(f"--spare {path}: {error}") from error
    return people


def _several(arguments: argparse.Namespace, options: AnonymiseOptions) -> int:
    """A folder of new photos: they are numbered, as their own names may tell who is in them."""
    if options.faces or options.cover:
        flag, given = (
            ("--faces", arguments.faces) if options.faces else ("--cover", arguments.cover)
        )
        raise OptionError(
            f"{flag} is {given}, but {len(arguments.photos)} photos are given, and faces"
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
    from ..jobs.anonymise import DONE
    from ..whole_photo import boxes

    own = boxes.read(arguments.boxes) if arguments.boxes else None
    digits = max(2, len(str(len(arguments.photos))))
    wanted = [
        Unread(
            f"photo-{number:0{digits}d}",
            partial(images.read_file, name),
            None if own is None else boxes.of_photo(own, name),
        )
        for number, name in enumerate(arguments.photos, start=1)
    ]
    studio = load_studio(arguments)
    _say_alone(studio, own is not None or options.aligned)
    spare = _spared(studio, arguments.spare)
    written = left = 0

    def tell(event: object) -> None:
        nonlocal written, left
        if isinstance(event, Picture):
            row = event.entry
            written += event.path is not None
            left += row.get("left", 0)
            if row["status"] != DONE:
                say(f"photo {event.index}: {row['status']} ({row['error']})")
        elif isinstance(event, Finished) and not written:
            raise NoFaceError(f"of {len(wanted)} photos none could be made a new one of; see above")

    words = "photos", "looking at the photos"
    told = jobs.run(studio, "anonymise", arguments, wanted, options, *words, tell=tell, spare=spare)
    if arguments.json:
        print(json.dumps(told, indent=2))
    else:
        print(f"{written} of {len(wanted)} photos are new, {told['summary']}; see {arguments.out}")
    return _told_left(left)


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
