"""anonymise: whole photos, their faces replaced in place."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ImageError, NoFaceError, OptionError, OutputError
from ..jobs.job import Finished, Job, Picture
from ..options import AnonymiseOptions
from ..output.staging import check_empty
from ..types import Unread
from . import flags
from .flags import load_studio
from .progress import follow, run_job, say

if TYPE_CHECKING:
    from ..studio import Studio

SOMEBODY_LEFT = 3  # exit code with --rest keep


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out",
        required=True,
        type=Path,
        metavar="FILE",
        help="a new picture; of several photos a folder: photo-01.jpg and so on, in their order",
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
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    parser.add_argument("--json", action="store_true", help="print what is known of each face")


def run(job: Job, arguments: argparse.Namespace, options: AnonymiseOptions) -> int:
    """Write a new photo, or a folder of them; -> the exit code."""
    job.check_photos(len(arguments.photos))
    if len(arguments.photos) > 1:
        return _several(job, arguments, options)
    return _one(job, arguments, options)


def _one(job: Job, arguments: argparse.Namespace, options: AnonymiseOptions) -> int:
    out, (name,) = arguments.out, arguments.photos
    if out.is_dir():
        raise OutputError(f"{out} is a folder; name the file to write")
    if out.exists() and not arguments.overwrite:
        raise OutputError(f"{out} is there already; name another file, or add --overwrite")

    photo = flags.read_photo(name)

    from .. import images
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
    more = {"spare": _spared(studio, arguments.spare), "kind": kind, "name": out.name}
    events = job.run(studio, [photo], out.parent, options, **more)
    done, _ = follow(events, "faces", "finding the faces")
    manifest, faces = done.manifest, done.manifest["faces"]
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
    """Say how many faces may still be recognised; -> the exit code."""
    if left:
        say(
            f"{left} face{'s' * (left != 1)} may still be recognised; --rest cover covers what "
            "cannot be replaced"
        )
    return SOMEBODY_LEFT if left else 0


def _say_alone(studio: Studio, known: bool) -> None:
    if not known and not studio.detector.finds_small:
        say(
            "small and half hidden faces may be missed, as YuNet is not here; 'python -m facegen "
            "weights fetch yunet' gets it"
        )


def _spared(studio: Studio, paths: Sequence[str]) -> list:
    """Read the photos of the people to spare, as the recognisers see them."""
    from .. import images
    from ..whole_photo import everybody

    people = []
    for path in paths:
        try:
            people.append(everybody.vectors_of(studio, images.load(path)))
        except (NoFaceError, ImageError) as error:
            raise type(error)(f"--spare {path}: {error}") from error
    return people


def _several(job: Job, arguments: argparse.Namespace, options: AnonymiseOptions) -> int:
    """Write a folder of new photos, numbered: their own names may tell who is in them."""
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
    done, _ = run_job(studio, job.name, arguments, wanted, options, *words, tell, spare=spare)
    if arguments.json:
        print(json.dumps(done.manifest, indent=2))
    else:
        summary = done.manifest["summary"]
        print(f"{written} of {len(wanted)} photos are new, {summary}; see {arguments.out}")
    return _told_left(left)


def _why(face: dict) -> str:
    if face.get("recognised_by"):
        return f" by {', '.join(face['recognised_by'])}; try a higher --strength"
    return f" ({face['why']})" if "why" in face else ""


def _kind(out: Path, came_as: str, kinds: Mapping[str, str]) -> str:
    """Return the format to write: the photo's own. The new file's name has to agree with it."""
    suffix = out.suffix.lower().replace(".jpeg", ".jpg")
    if suffix not in kinds.values():
        raise OptionError(
            f"out is {out.name}; its name has to end with {', '.join(kinds.values())} "
            f"({kinds[came_as]} is what the photo is)"
        )
    return next(kind for kind, ending in kinds.items() if ending == suffix)
