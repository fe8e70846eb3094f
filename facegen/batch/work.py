"""One picture of a batch, in a worker: it is read and checked, and its files are put in place."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

from ..errors import (
    FacegenError,
    ImageError,
    NoFaceError,
    OutputError,
    TooLittleMemoryError,
    memory_in_words,
)
from ..images import SUFFIXES, kind_in_words, looks_like_a_picture
from ..jobs.catalogue import find
from ..jobs.job import RESULT, Finished, Picture, Source
from .listing import Item
from .options import BatchOptions

PICTURES, PARTS = "pictures", ".parts"
DONE, NO_FACE, PARTLY = "done", "no face", "partly"
UNREADABLE, SKIPPED, FAILED, CRASHED = "unreadable", "skipped", "failed", "crashed"
PASSED_OVER = "passed over"  # what is no picture
DIED = {
    "status": CRASHED,
    "error": "the process that worked on it died twice; memory may have been short",
}
MANIFEST = "manifest.json"  # output.manifest.MANIFEST, which takes long to import
HEAD = 256  # bytes by which a file's kind is told
SEEDS = 2**30  # below options.MAX_SEED: jobs add to a seed


@dataclass(frozen=True)
class Work:
    """What a worker needs."""

    source: Path
    out: Path
    options: BatchOptions
    model: str = ""  # a name or a path, "" for a job without one
    device: str = "cpu"
    signer: tuple[Path, Path] | None = None  # the user's own certificates and key, PEM files
    threads: int = 1  # that compute a picture
    people: Mapping[int, Any] | None = None  # consistent.StandIns: who takes whose place


def begin(work: Work) -> None:
    """Set up a new process: by default one thread, so that sums do not depend on the workers."""
    from .. import process

    process.end_with_parent()
    os.environ["OMP_NUM_THREADS"] = str(work.threads)
    process.settle()
    import cv2

    cv2.setNumThreads(work.threads)
    if work.options.needs_model:
        import torch

        torch.set_num_threads(work.threads)
    if work.signer:
        from ..output import installation

        installation.use(installation.given(*work.signer))


def seed_of(sha256: str, seed: int) -> int:
    """Derive a picture's seed from its content and the run's, whatever was done before."""
    mixed = hashlib.sha256(f"{seed}:{sha256}".encode()).digest()
    return int.from_bytes(mixed[:8], "big") % SEEDS


def do(work: Work, item: Item) -> dict[str, Any]:
    """Do a picture; -> its row, with any error. Raises OutputError if nothing can be written."""
    if item.problem:  # what an earlier run made of it stays: a folder may be away for an hour
        return {"status": SKIPPED, "error": item.problem}
    if words := passed_over(item, lambda: _head(work.source / item.relative)):
        return {"status": PASSED_OVER, "error": words}
    target = work.out / PICTURES / item.relative

    def get() -> bytes:
        _clear(target)
        return read(work.source / item.relative, item)

    part = work.out / PARTS / uuid.uuid4().hex
    return _attempt(work, get, part, lambda: _place(part, target, work.out))


def passed_over(item: Item, head: Callable[[], bytes]) -> str:
    """Say why a file is passed over; "" for a picture.

    Neither its first bytes nor its name are a picture's.
    """
    if os.path.splitext(item.relative)[1].lower() in SUFFIXES:
        return ""
    first = head()
    return "" if looks_like_a_picture(first) else f"{kind_in_words(first)}, not a picture"


def _head(path: Path) -> bytes:
    """Read a file's first bytes.

    An unreadable file gives a picture's, so that its own turn reports it.
    """
    try:
        with open_listed(path) as file:
            return file.read(HEAD)
    except OSError:
        return b"BM"


def do_bytes(work: Work, id: str, data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Do a picture that was read elsewhere; -> (its row, the content of its `files`)."""
    with tempfile.TemporaryDirectory(prefix="facegen-") as folder:
        part = Path(folder, "part")
        content: list[bytes] = []

        def take() -> list[str]:
            names = sorted(os.listdir(part))
            content.extend((part / name).read_bytes() for name in names)
            return _named(f"{PICTURES}/{id}", names)

        return _attempt(work, lambda: data, part, take), content


def _attempt(
    work: Work, get: Callable[[], bytes], part: Path, place: Callable[[], list[str]]
) -> dict[str, Any]:
    """Run the job on a picture; -> its row.

    get: reads the picture's bytes. part: a new folder for what the job writes, deleted afterwards.
    place: moves its files to where they belong; -> their names.
    """
    row: dict[str, Any] = {"status": SKIPPED, "error": None}
    try:
        with memory_in_words():
            data = get()
            row["sha256"] = hashlib.sha256(data).hexdigest()
            row["seed"] = seed_of(row["sha256"], work.options.seed)
            part.mkdir(parents=True)
            row |= _run(work, data, row["sha256"], row["seed"], part)
        row["files"] = place()
    except NoFaceError as error:
        return row | {"status": NO_FACE, "error": _line(error)}
    except ImageError as error:
        return row | {"status": UNREADABLE, "error": _line(error)}
    except OutputError:
        raise
    except (FacegenError, TooLittleMemoryError) as error:
        return row | {"status": FAILED, "error": _line(error)}
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ENOENT):
            return row | {"status": FAILED, "error": f"cannot be placed ({error.strerror})"}
        raise OutputError(
            f"cannot write into {work.out} ({error.strerror}); free some space or choose a folder "
            "that you may write to, then call it again"
        ) from error
    except Exception as error:  # one broken picture never ends the run
        return row | {"status": FAILED, "error": f"{type(error).__name__}: {_line(error)}"}
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return row


def read(path: Path, item: Item) -> bytes:
    """Read a file's bytes; raise ImageError unless it is the listed file, and unchanged."""
    from .. import images

    try:
        with open_listed(path) as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise ImageError("no file any more (a pipe, a socket or a device)")
            data = images.read_file(file)
            after = os.fstat(file.fileno())
    except OSError as error:
        raise ImageError(f"cannot be read ({error.strerror})") from error
    listed = item.size, item.changed
    if listed != (before.st_size, before.st_mtime_ns) or listed != (
        after.st_size, after.st_mtime_ns,
    ):  # fmt: skip
        raise ImageError("the file was changed while the batch ran; call it again")
    return data


def open_listed(path: Path) -> BinaryIO:
    """Open what was listed as a file: never through a link, never waiting for a pipe."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return open(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb")


# -- the job: it writes into `part`; what the row tells -------------------------------------


def _run(work: Work, data: bytes, sha256: str, seed: int, part: Path) -> dict[str, Any]:
    """Run the job on the picture, to its end."""
    from .. import images
    from ..output.provenance import facts_in

    job = find(work.options.job)
    source = Source(images.load(data), sha256, facts=facts_in(data), data=data)
    studio = studio_of(work.model, work.device) if job.model else _bench()
    more: dict[str, Any] = {}
    if job.name == "anonymise":
        spare = _spared(work.model, work.device, work.options.spare)
        more = {"people": work.people, "spare": spare}
    options, results = work.options.of_job(seed), 0
    for event in job.run(studio, [source] * (1 in job.photos), part, options, **more):
        results += isinstance(event, Picture) and event.kind == RESULT
    assert isinstance(event, Finished)
    row = {"status": DONE, "faces": results}
    if job.model:
        row |= {"model": studio.info.name, "licence": studio.info.terms}
    return row | ROWS[job.name](work, event, part, data) if job.name in ROWS else row


def _random(work: Work, done: Finished, part: Path, data: bytes) -> dict[str, Any]:
    (path,) = done.files
    path.rename(part / "face.png")
    (part / MANIFEST).unlink()  # the seed is in the row, all else in the batch's job.json
    return {}


def _generate(work: Work, done: Finished, part: Path, data: bytes) -> dict[str, Any]:
    entries = done.manifest["variants"]
    identity = [
        {name: found["distance"] for name, found in entry["identity"].items()} for entry in entries
    ]
    same = [found["same_person"] for entry in entries for found in entry["identity"].values()]
    moved = [entry["structure"]["landmark_nme"] for entry in entries if entry["structure"]]
    return {
        "status": DONE if len(entries) == work.options.count else PARTLY,
        **_figures(identity, moved, not any(same) if same else None),
    }


def _anonymise(work: Work, done: Finished, part: Path, data: bytes) -> dict[str, Any]:
    from .. import images
    from ..jobs.anonymise import WRITTEN, outcome
    from ..output import photo_file

    (path,) = done.files
    (part / MANIFEST).unlink()  # all of it is in the row
    row = outcome(done.manifest)
    faces = row["faces"]
    replaced = [face for face in faces if face["status"].startswith("replaced")]
    same = [bool(face["recognised_by"]) for face in replaced]
    row |= {
        "faces": len(faces),
        **_figures(
            [face["identity"] for face in replaced],
            [face["landmark_nme"] for face in replaced if "landmark_nme" in face],
            not any(same) if same else None,
        ),
    }
    if row["status"] not in WRITTEN:
        path.unlink()
        return row
    kind = photo_file.kind_of(data)
    # In the place of the photo where its kind can be written; else beside its name.
    kept = images.metadata(data)[0] == kind
    name = _IN_PLACE if kept else f"photo{photo_file.KINDS[kind]}"
    path.rename(part / name)
    return row


# What the row of a job tells beside, and where its files go.
ROWS: Mapping[str, Callable[[Work, Finished, Path, bytes], dict[str, Any]]] = {
    "random": _random, "generate": _generate, "anonymise": _anonymise,
}  # fmt: skip
_IN_PLACE = ".photo"  # the one file that takes the photo's own name


@lru_cache(1)
def _bench() -> Any:
    """Load what takes the place of a studio in a job without a model."""
    from ..face import detect

    return SimpleNamespace(detector=detect.Detector())


@lru_cache(1)
def studio_of(model: str, device: str) -> Any:
    from ..studio import Studio

    return Studio.load(model, device)


@lru_cache(1)
def _spared(model: str, device: str, paths: tuple[str, ...]) -> Any:
    from .. import images
    from ..whole_photo import everybody

    studio = studio_of(model, device)
    return [everybody.vectors_of(studio, images.load(path)) for path in paths]


def _figures(
    identity: Sequence[Mapping[str, float]], moved: Sequence[float], different: bool | None
) -> dict[str, Any]:
    """Collect the smallest distance by each recogniser, and the largest of the moves."""
    names = {name for found in identity for name in found}
    nearest = {f"identity_{name}": min(found[name] for found in identity if name in found)
               for name in names}  # fmt: skip
    return {
        **nearest,
        "landmark_nme": max(moved) if moved else None,
        "different_person": different,
    }


def _clear(target: Path) -> None:
    """Delete what an earlier state of the picture left."""
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)


def _place(part: Path, target: Path, out: Path) -> list[str]:
    """Move the files to where they belong, in one step; -> their paths within the folder."""
    names = sorted(os.listdir(part))
    if not names:
        return []
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(part / _IN_PLACE if names == [_IN_PLACE] else part, target)
    return _named(Item(os.path.relpath(target, out)).id, names)


def _named(picture: str, names: Sequence[str]) -> list[str]:
    return [picture if name == _IN_PLACE else f"{picture}/{name}" for name in names]


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).encode("utf-8", "backslashreplace").decode()
