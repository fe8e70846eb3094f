"""A folder of pictures through one job: workers, rows, a manifest; a stopped run resumes."""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import shutil
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..errors import DataError, FacegenError, OutputError, TooLittleMemoryError, memory_in_words
from ..files import make_folder
from ..process import undisturbed
from ..types import Progress
from .listing import Item, walk
from .options import BatchOptions
from .rows import JOB, Rows, alone, claim, write_manifest
from .work import DIED, PARTS, Work, begin, do, read, studio_of

if TYPE_CHECKING:
    from ..whole_photo import consistent

LOOKING, PEOPLE = "looking at the pictures", "new faces found"  # stages of Progress
WAITING = 2  # pictures a worker that are handed out at once
MEMORY = {"align": 1, "random": 2}  # GiB a worker
OTHERS = 3  # of all other jobs


@dataclass(frozen=True)
class Listed:
    """The listing of the source."""

    pictures: int  # how many there are
    before: int  # of them done by an earlier run
    workers: int
    damaged: int = 0  # unreadable lines of its rows.jsonl; their pictures are done again


@dataclass(frozen=True)
class Finished:
    """A picture and its row, see rows.write_manifest."""

    item: Item
    row: Mapping[str, Any]


@dataclass(frozen=True)
class Ended:
    """The end of a batch."""

    manifest: Path | str
    statuses: Mapping[str, int]  # how many pictures have which, of all runs


# Progress comes before the pictures of a consistent batch.
Event = Listed | Progress | Finished | Ended


def run(
    source: Path,
    out: Path,
    options: BatchOptions,
    model: str = "",
    device: str = "cpu",
    signer: tuple[Path, Path] | None = None,
) -> Iterator[Event]:
    """Run the job on every picture below `source`.

    model: its name, or a checkpoint's path. signer: the user's own certificates and key, checked
    before (cli/flags.choose_signer).

    Stopped at any moment, even killed, the next call with the same options resumes; but a
    consistent batch starts again in a new folder (see `sort`). Processes are spawned: a script
    that calls this needs `if __name__ == "__main__":`. Raises DataError for what is not a folder,
    OutputError for a folder that is another job's, in use, or full.
    """
    source, out = source.absolute(), out.absolute()
    if not source.is_dir():
        raise DataError(f"{source} is not a folder; name one that holds pictures")
    if out.resolve().is_relative_to(source.resolve()):
        raise OutputError(
            f"{out} lies in {source}, so results would be taken for photos; name another folder"
        )
    make_folder(out)
    with alone(out), contextlib.ExitStack() as at_the_end:
        at_the_end.callback(shutil.rmtree, out / PARTS, ignore_errors=True)
        told = {"facegen": __version__, "model": model_identity(model), "device": device}
        if options.consistent and (out / JOB).exists():
            raise OutputError(
                f"{out} holds a batch already, and a consistent one cannot be gone on with: the "
                "key that its new faces were drawn by was never written; name a new folder"
            )
        claim(out, told | options.told())
        shutil.rmtree(out / PARTS, ignore_errors=True)  # of a run that was killed
        work = Work(source, out, options, model, device, signer)
        rows = Rows(out)
        try:
            yield from _run(work, rows)
        finally:
            with undisturbed():
                with contextlib.suppress(OutputError, OSError):
                    path = write_manifest(rows, out)
                rows.close()
        yield Ended(path, Counter(row["status"] for row in rows))


def _run(work: Work, rows: Rows) -> Iterator[Event]:
    pictures = before = 0
    for item in walk(work.source):
        pictures += 1
        before += rows.has(item)
    count = workers(work.options, work.device)
    yield Listed(pictures, before, count, rows.damaged)
    if before == pictures:
        return
    pool = _Pool(work, count)
    try:
        places: Mapping[str, Any] = {}
        if work.options.consistent:
            places = yield from sort(pool, work)
        waiting = (item for item in walk(work.source) if not rows.has(item))
        todo = ((item, replace(work, people=places.get(item.id, {}))) for item in waiting)
        for item, row in pool.map(do, todo):
            rows.add(item, row)
            yield Finished(item, row)
    finally:
        with undisturbed():
            pool.end()


def memory(options: BatchOptions) -> int:
    """Return how much a worker needs, in GiB."""
    return MEMORY.get(options.job, OTHERS)


def workers(options: BatchOptions, device: str) -> int:
    """Return how many processes: as given, or one for a GPU, or one a core if memory suffices."""
    if options.workers:
        return options.workers
    if device != "cpu":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    except (AttributeError, ValueError, OSError):
        free = 8.0
    return max(1, min(cores or 1, int(free / memory(options))))


class _Pool:
    """The processes that do pictures.

    One that dies takes the others with it (concurrent.futures), so their unfinished pictures are
    then done one by one: the picture that kills twice is the culprit.
    """

    def __init__(self, work: Work, count: int):
        self.work, self.count = work, count
        self._start()

    def _start(self) -> None:
        self._pool = ProcessPoolExecutor(
            self.count, multiprocessing.get_context("spawn"), begin, (self.work,)
        )

    def map(
        self, do: Callable[[Work, Any], dict[str, Any]], todo: Iterator[tuple[Any, Work]]
    ) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Call do(work, item) in workers; yields each item with its result, as they come."""
        handed: dict[Future[dict[str, Any]], tuple[Any, Work]] = {}
        while True:
            broken: list[tuple[Any, Work]] = []
            while len(handed) < WAITING * self.count and (one := next(todo, None)):
                item, work = one
                try:
                    handed[self._pool.submit(do, work, item)] = one
                except BrokenProcessPool:
                    broken.append(one)
                    break
            if not handed and not broken:
                return
            finished, _ = wait(handed, return_when=FIRST_COMPLETED)
            for future in finished:
                one = handed.pop(future)
                try:
                    row = future.result()
                except BrokenProcessPool:
                    broken.append(one)
                else:
                    yield one[0], row
            if broken:
                suspects = broken + list(handed.values())
                handed.clear()
                yield from self._alone(do, suspects)

    def _alone(
        self, do: Callable[[Work, Any], dict[str, Any]], todo: list[tuple[Any, Work]]
    ) -> Iterator[tuple[Any, dict[str, Any]]]:
        self._start()
        for item, work in todo:
            try:
                yield item, self._pool.submit(do, work, item).result()
            except BrokenProcessPool:
                yield item, dict(DIED)
                self._start()

    def end(self) -> None:
        """End the processes; unfinished pictures are done again by the next run."""
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(10)


def model_identity(model: str) -> str:
    """Return a model's name; for a file its content, wherever it lies."""
    if not model or not Path(model).is_file():
        return model
    with Path(model).open("rb") as file:
        return f"sha256 {hashlib.file_digest(file, 'sha256').hexdigest()}"


@dataclass(frozen=True, eq=False)
class Asked:
    """A person who needs a stand-in, and the picture that shows them best."""

    key: int
    person: consistent.Person
    item: Item


def sort(pool: _Pool, work: Work) -> Generator[Progress, None, dict[str, dict[int, Any]]]:
    """Find who is in a consistent batch's pictures more than once, and who takes their place.

    Returns picture's id -> a face's number in it -> the StandIn. Faces are detected in all pictures
    before the first one is done. The observations, the run's key and the stand-ins are in memory,
    here and in the workers, and are written nowhere; so such a run cannot be resumed. Memory: about
    2 KiB for each face."""
    from ..measure.identity import recognisers
    from ..whole_photo import consistent

    items = [item for item in walk(work.source) if not item.problem]
    places = {item.id: place for place, item in enumerate(items)}
    looks: list[consistent.Look] = []
    resolution = 0
    yield Progress(LOOKING, 0, len(items))
    for done, (item, seen) in enumerate(pool.map(look, ((item, work) for item in items)), 1):
        found = seen.get("looks", ())
        looks += [replace(one, photo=places[item.id]) for one in found]
        resolution = seen.get("resolution", resolution)
        yield Progress(LOOKING, done, len(items))
    looks.sort(key=lambda one: (one.photo, one.number))  # whoever was done first
    people = consistent.people(recognisers.at_hand(), resolution, looks)
    asked = [Asked(consistent.new_key(), one, items[one.best.photo]) for one in people]
    result: dict[str, dict[int, Any]] = {}
    for done, (one, answer) in enumerate(pool.map(find, ((one, work) for one in asked)), 1):
        if stand_in := answer.get("stand_in"):
            for seen_there in one.person.looks:
                result.setdefault(items[seen_there.photo].id, {})[seen_there.number] = stand_in
        yield Progress(PEOPLE, done, len(asked))
    return result


def look(work: Work, item: Item) -> dict[str, Any]:
    """Detect faces in one picture, in a worker; {} for one that cannot be read: `do` reports it."""
    from .. import images
    from ..whole_photo import consistent

    with contextlib.suppress(FacegenError, TooLittleMemoryError), memory_in_words():
        studio = studio_of(work.model, work.device)
        pixels = images.load(read(work.source / item.relative, item))
        return {"looks": consistent.look_at(studio, 0, pixels), "resolution": studio.resolution}
    return {}


def find(work: Work, asked: Asked) -> dict[str, Any]:
    """Find a stand-in, in a worker; {} if the picture is gone: it is then done like any other."""
    from .. import images
    from ..whole_photo import consistent

    with contextlib.suppress(FacegenError, TooLittleMemoryError), memory_in_words():
        studio = studio_of(work.model, work.device)
        pixels = images.load(read(work.source / asked.item.relative, asked.item))
        options = work.options.of_job(0)
        return {"stand_in": consistent.find(studio, asked.key, asked.person, pixels, options)}
    return {}
