"""Several whole photos in one run: each with its faces replaced, a row for each, a manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import images
from .._version import __version__
from ..errors import FacegenError, ImageError, NoFaceError
from ..files import write_file
from ..latent.stand_in import StandIn
from ..options import AnonymiseOptions
from ..output import photo_file
from ..output.manifest import model_entry, write_manifest
from ..studio import Studio
from ..types import Loading
from . import consistent, everybody
from .anonymise import Done, Found, Replaced, anonymise
from .generate import get_ready

DONE, PARTLY, NO_FACE, TOO_SMALL = "done", "partly", "no face", "too small"
UNREADABLE, FAILED = "unreadable", "failed"
WRITTEN = (DONE, PARTLY)


@dataclass(frozen=True)
class SetPhoto:
    """name: of the file that is written, without its ending. read: its bytes, called once, or twice
    for a consistent set; raises ImageError. boxes: where its faces are, if somebody else looked."""

    name: str
    read: Callable[[], bytes]
    boxes: Sequence[everybody.Box] | None = None


@dataclass(frozen=True)
class LookedAt:
    """The faces of `done` of `count` photos were looked at, to find who is there twice."""

    done: int
    count: int


@dataclass(frozen=True)
class Finding:
    """For `done` of `count` people who are there more than once a new face was found."""

    done: int
    count: int


@dataclass(frozen=True)
class PhotoBegun:
    """Photo `index`, from 1, of `count`: `share` of its faces are replaced, 0 to 1."""

    index: int
    count: int
    share: float


@dataclass(frozen=True)
class PhotoEnded:
    """row: what the manifest tells of the photo; `frames` of an animation, of which the first was
    taken. path: the new file, None if there is none."""

    index: int
    count: int
    row: Mapping[str, Any]
    path: Path | None


@dataclass(frozen=True)
class SetDone:
    manifest: dict


Event = Loading | LookedAt | Finding | PhotoBegun | PhotoEnded | SetDone


def anonymise_all(
    studio: Studio,
    photos: Sequence[SetPhoto],
    folder: Path,
    options: AnonymiseOptions,
    spare: Sequence[everybody.Vectors] = (),
) -> Iterator[Event]:
    """Run the job: a file for each photo, of its own format, and manifest.json into `folder`, which
    must exist. What is wrong with one photo is in its row and ends nothing. spare: people who stay
    as they are. Raises OutputError."""
    yield from get_ready(studio)
    places: list[consistent.StandIns | None] = [None] * len(photos)
    looked: list[str] = [""] * len(photos)
    if options.consistent:
        places = []
        looked = yield from _look(studio, photos, options, places)
    rows: list[dict[str, Any]] = []
    for index, (photo, people, sha256) in enumerate(zip(photos, places, looked, strict=True), 1):
        yield PhotoBegun(index, len(photos), 0.0)
        row: dict[str, Any] = {"photo": index, "file": None}
        try:
            data = photo.read()
            if sha256 and hashlib.sha256(data).hexdigest() != sha256:
                raise ImageError("the file was changed while the run looked at it; call it again")
            pixels = images.load(data)
            job = anonymise(studio, pixels, options, None, people, photo.boxes, spare)
            for event in job:
                if isinstance(event, Found | Replaced):
                    share = event.index / event.count if isinstance(event, Replaced) else 0.0
                    yield PhotoBegun(index, len(photos), share)
                elif isinstance(event, Done):
                    done = event
            row |= outcome(done.manifest)
        except FacegenError as error:
            row |= {"status": status_of(error), "error": str(error)}
        path = None
        if row["status"] in WRITTEN:
            kind = photo_file.kind_of(data)
            path = folder / f"{photo.name}{photo_file.KINDS[kind]}"
            new = photo_file.made_from(data, done.pixels, done.changed, options.keep_exif)
            write_file(path, new)
            if (frames := images.frames(data)) > 1:
                row["frames"] = frames
            row["file"] = path.name
        rows.append(row)
        yield PhotoEnded(index, len(photos), row, path)
    manifest = {
        "facegen": __version__,
        "job": "anonymise",
        "model": model_entry(studio.info),
        "device": str(studio.device),
        "options": {
            name: getattr(options, name)
            for name in ("strength", "seed", "steps", "label", "consistent", "rest")
        },
        "summary": everybody.summary([one for row in rows for one in row.get("faces", ())]),
        "photos": rows,
    }
    write_manifest(folder, manifest)
    yield SetDone(manifest)


def _look(
    studio: Studio,
    photos: Sequence[SetPhoto],
    options: AnonymiseOptions,
    places: list[consistent.StandIns | None],
) -> Generator[LookedAt | Finding, None, list[str]]:
    """Fill `places`, who takes whose place in each photo; -> the sha256 of each that was read."""
    looks: list[consistent.Look] = []
    looked: list[str] = []
    for number, photo in enumerate(photos):
        yield LookedAt(number, len(photos))
        try:
            data = photo.read()
            looks += consistent.look_at(studio, number, images.load(data))
            looked.append(hashlib.sha256(data).hexdigest())
        except FacegenError:
            looked.append("")  # told when it is its turn
    people, key = (
        consistent.people(studio.recognisers, studio.resolution, looks),
        consistent.new_key(),
    )
    found: dict[consistent.Person, StandIn] = {}
    for number, person in enumerate(people):
        yield Finding(number, len(people))
        pixels = images.load(photos[person.best.photo].read())
        found[person] = consistent.find(studio, key, person, pixels, options)
    places += consistent.by_photo(found, len(photos))
    return looked


def outcome(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Sum up a photo's manifest (anonymise.Done): status, error, left, summary and faces.

    "partly": a file is there, but `left` of its faces may still be recognised: `error` says which.
    """
    faces = manifest["faces"]
    left = everybody.left(faces)
    told = "; ".join(f"face {face['face']}: {face['status']}{_why(face)}" for face in left)
    status = PARTLY if left else DONE
    if left and all(face["status"] == everybody.KEPT for face in faces):  # that is no result
        small = all(face["why"] == everybody.TOO_SMALL for face in faces)
        status = TOO_SMALL if small else FAILED
    row = {"status": status, "error": told or None, "left": len(left)}
    return row | {"summary": manifest["summary"], "faces": faces}


def _why(face: Mapping[str, Any]) -> str:
    return f" ({face['why']})" if face.get("why") else ""


def status_of(error: FacegenError) -> str:
    """Of a photo of which nothing was written."""
    if isinstance(error, NoFaceError):
        return NO_FACE
    return UNREADABLE if isinstance(error, ImageError) else FAILED
