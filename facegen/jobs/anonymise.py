"""anonymise: whole photos with their faces replaced; each of several has a row in the manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from .. import images
from ..errors import FacegenError, ImageError, NoFaceError
from ..files import write_file
from ..latent.stand_in import StandIn
from ..options import AnonymiseOptions
from ..output import photo_file
from ..output.manifest import write_manifest
from ..studio import Studio
from ..types import Progress, Unread
from ..whole_photo import consistent, everybody
from ..whole_photo.replace import replace_faces
from .job import LOOKING, PHOTOS, STANDING_IN, Clock, Event, Finished, Picture, Source, frame

DONE, PARTLY, NO_FACE, TOO_SMALL = "done", "partly", "no face", "too small"
UNREADABLE, FAILED = "unreadable", "failed"
WRITTEN = (DONE, PARTLY)


def anonymise(
    studio: Studio,
    sources: Sequence[Source] | Sequence[Unread],
    folder: Path,
    options: AnonymiseOptions,
    people: consistent.StandIns | None = None,
    spare: Sequence[everybody.Vectors] = (),
    kind: str | None = None,
    name: str | None = None,
) -> Iterator[Event]:
    """Run the job on a photo that was read, or on a set that is read on the way.

    It writes the new photos, each in its own format, and manifest.json into `folder`, which must
    exist. people: who takes whose place, where the one photo belongs to a set. spare: people who
    stay as they are. kind: of the one new file, instead of the photo's own (photo_file.KINDS).
    name: the one new file's, and no manifest is written. Raises OutputError; for one photo also
    NoFaceError and OptionError.
    """
    first, *others = sources
    if others or isinstance(first, Unread):
        yield from _several(studio, cast(Sequence[Unread], sources), folder, options, spare)
        return
    clock = Clock()
    done = yield from replace_faces(
        studio, first.pixels, options, first.faces, people, first.boxes, spare
    )
    data = first.data or images.encode_png(first.pixels)
    kind = kind or photo_file.kind_of(data)
    path = folder / (name or f"anonymised{photo_file.KINDS[kind]}")
    made = photo_file.made_from(data, done.pixels, done.changed, options.keep_exif, kind)
    write_file(path, made)
    clock.lap("photo")
    numbers = [face["face"] for face in done.faces if face["status"] != everybody.KEPT]
    manifest = frame(
        "anonymise",
        studio,
        {"faces": numbers} | _options_entry(options),
        reference=None,  # not even the photo's hash: the new photo must not lead to the old one
        faces_found=len(done.faces),
        summary=done.summary,
        faces=done.faces,
        seconds=clock.seconds(),
    )
    if not name:
        write_manifest(folder, manifest)
    yield Picture(path, done.summary, done.pixels, manifest, payload=done)
    yield Finished(manifest, [path])


def _options_entry(options: AnonymiseOptions) -> dict[str, Any]:
    names = ("strength", "seed", "steps", "label", "consistent", "rest")
    return {name: getattr(options, name) for name in names}


def _several(
    studio: Studio,
    photos: Sequence[Unread],
    folder: Path,
    options: AnonymiseOptions,
    spare: Sequence[everybody.Vectors],
) -> Iterator[Event]:
    """Write a file for each photo. An error in one is in its row and ends nothing."""
    clock = Clock()
    yield from studio.get_ready()
    count = len(photos)
    places: list[consistent.StandIns | None] = [None] * count
    looked: list[str] = [""] * count
    if options.consistent:
        places = []
        looked = yield from _look(studio, photos, options, places)
    rows: list[dict[str, Any]] = []
    files: list[Path] = []
    for index, (photo, people, sha256) in enumerate(zip(photos, places, looked, strict=True), 1):
        yield Progress(PHOTOS, index - 1, count)
        row: dict[str, Any] = {"photo": index, "file": None}
        path, done = None, None
        try:
            data = photo.read()
            if sha256 and hashlib.sha256(data).hexdigest() != sha256:
                raise ImageError("the file was changed while the run looked at it; call it again")
            pixels = images.load(data)
            replacing = replace_faces(studio, pixels, options, None, people, photo.boxes, spare)
            while done is None:
                try:
                    step = next(replacing)
                except StopIteration as end:
                    done = end.value
                else:
                    yield Progress(PHOTOS, index - 1 + step.done / step.of, count)
            row |= outcome({"summary": done.summary, "faces": done.faces})
        except FacegenError as error:
            row |= {"status": status_of(error), "error": str(error)}
        if done is not None and row["status"] in WRITTEN:
            kind = photo_file.kind_of(data)
            path = folder / f"{photo.name}{photo_file.KINDS[kind]}"
            new = photo_file.made_from(data, done.pixels, done.changed, options.keep_exif)
            write_file(path, new)
            files.append(path)
            if (frames := images.frames(data)) > 1:
                row["frames"] = frames
            row["file"] = path.name
        rows.append(row)
        yield Picture(path, row["status"], entry=row, index=index, count=count)
    clock.lap("photos")
    manifest = frame(
        "anonymise",
        studio,
        _options_entry(options),
        reference=None,
        summary=everybody.summary([one for row in rows for one in row.get("faces", ())]),
        photos=rows,
        seconds=clock.seconds(),
    )
    yield Finished(write_manifest(folder, manifest), files)


def _look(
    studio: Studio,
    photos: Sequence[Unread],
    options: AnonymiseOptions,
    places: list[consistent.StandIns | None],
) -> Generator[Progress, None, list[str]]:
    """Fill `places`, who takes whose place in each photo; -> the sha256 of each that was read."""
    looks: list[consistent.Look] = []
    looked: list[str] = []
    for number, photo in enumerate(photos):
        yield Progress(LOOKING, number, len(photos))
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
        yield Progress(STANDING_IN, number, len(people))
        pixels = images.load(photos[person.best.photo].read())
        found[person] = consistent.find(studio, key, person, pixels, options)
    places += consistent.by_photo(found, len(photos))
    return looked


def outcome(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Sum up a photo's manifest: status, error, left, summary and faces.

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
    """Name the status of a photo of which nothing was written."""
    if isinstance(error, NoFaceError):
        return NO_FACE
    return UNREADABLE if isinstance(error, ImageError) else FAILED
