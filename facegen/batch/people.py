"""A consistent batch: who is in its pictures more than once, and who takes their place.

Faces are detected in all pictures before the first one is done. The observations, the run's key and
the stand-ins are in memory, here and in the workers, and are written nowhere; so such a run cannot
be resumed. Memory: about 2 KiB for each face.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import FacegenError, TooLittleMemoryError, memory_in_words
from .listing import Item, walk
from .work import Work, read, studio_of

if TYPE_CHECKING:  # torch comes with it
    from ..whole_photo import consistent


@dataclasses.dataclass(frozen=True)
class Looked:
    """The progress of the face detection before the first picture is done."""

    done: int  # pictures searched for faces
    count: int
    people: bool = False  # True: `done` counts the new faces found


class Pool(Protocol):
    def map(self, do: Any, todo: Iterator[tuple[Any, Work]]) -> Iterator[tuple[Any, dict]]: ...


@dataclasses.dataclass(frozen=True, eq=False)
class Asked:
    """A person who needs a stand-in, and the picture that shows them best."""

    key: int
    person: consistent.Person
    item: Item


def sort(pool: Pool, work: Work) -> Generator[Looked, None, dict[str, dict[int, Any]]]:
    """Find the stand-ins: picture's id -> a face's number in it -> the StandIn."""
    from ..measure.identity import recognisers
    from ..whole_photo import consistent

    items = [item for item in walk(work.source) if not item.problem]
    places = {item.id: place for place, item in enumerate(items)}
    looks: list[consistent.Look] = []
    resolution = 0
    yield Looked(0, len(items))
    for done, (item, seen) in enumerate(pool.map(look, ((item, work) for item in items)), 1):
        found = seen.get("looks", ())
        looks += [dataclasses.replace(one, photo=places[item.id]) for one in found]
        resolution = seen.get("resolution", resolution)
        yield Looked(done, len(items))
    looks.sort(key=lambda one: (one.photo, one.number))  # whoever was done first
    people = consistent.people(recognisers.at_hand(), resolution, looks)
    asked = [Asked(consistent.new_key(), one, items[one.best.photo]) for one in people]
    result: dict[str, dict[int, Any]] = {}
    for done, (one, answer) in enumerate(pool.map(find, ((one, work) for one in asked)), 1):
        if stand_in := answer.get("stand_in"):
            for seen_there in one.person.looks:
                result.setdefault(items[seen_there.photo].id, {})[seen_there.number] = stand_in
        yield Looked(done, len(asked), people=True)
    return result


def look(work: Work, item: Item) -> dict[str, Any]:
    """Detect faces in one picture, in a worker; {} for one that cannot be read: `do` reports it."""
    from .. import images
    from ..whole_photo import consistent

    try:
        with memory_in_words():
            studio = studio_of(work.model, work.device)
            pixels = images.load(read(work.source / item.relative, item))
            return {"looks": consistent.look_at(studio, 0, pixels), "resolution": studio.resolution}
    except (FacegenError, TooLittleMemoryError):
        return {}


def find(work: Work, asked: Asked) -> dict[str, Any]:
    """Find a stand-in, in a worker; {} if the picture is gone: it is then done like any other."""
    from .. import images
    from ..whole_photo import consistent

    try:
        with memory_in_words():
            studio = studio_of(work.model, work.device)
            pixels = images.load(read(work.source / asked.item.relative, asked.item))
            options = work.options.of_job(0)
            return {"stand_in": consistent.find(studio, asked.key, asked.person, pixels, options)}
    except (FacegenError, TooLittleMemoryError):
        return {}
