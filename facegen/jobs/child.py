"""Children of two faces: drawn, chosen, and measured against either parent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..files import write_file
from ..latent.mix.children import Nearness
from ..latent.mix.offspring import ages_for
from ..measure.identity.dlib_recogniser import Recogniser
from ..measure.identity.recognisers import one_by_one
from ..options import ChildRun
from ..output import provenance, sheet
from ..output.manifest import write_manifest
from ..output.portrait import Portrait
from ..studio import Studio
from ..types import Progress
from . import inversion
from .job import Clock, Code, Event, Finished, Picture, Source, frame


def child(
    studio: Studio, sources: Sequence[Source], folder: Path, options: ChildRun
) -> Iterator[Event]:
    """Run the job: child-01.png …, sheet.jpg, both parents and manifest.json into `folder`."""
    wanted, clock = options.child, Clock()
    ages_for(studio.info.name, wanted)  # before anything is made
    found = yield from inversion.parents(studio, sources, folder, options.invert)
    entries: list[dict] = []
    vectors: list[Mapping[str, np.ndarray]] = []
    cells = [sheet.Cell(found[i].pixels, (f"parent {'AB'[i]}",)) for i in range(2)]

    def manifest() -> dict:
        return frame(
            "child",
            studio,
            wanted.as_dict() | {"steps": found[0].steps},
            seed=wanted.seed,
            references=inversion.parent_entries(sources, found),
            variants=entries,
            between=_between(studio, vectors),
            seconds=clock.seconds(),
        )

    for event in studio.children(*found, wanted):
        if isinstance(event, Progress):
            yield event
            continue
        one, pixels, words = event.child, event.pixels, f"child {event.index}"
        to = dict(zip(inversion.PARENTS, event.to, strict=True))
        facts = studio.facts() | {"seed": one.seed, "mix": provenance.CHILD}
        (path,) = Portrait(pixels, one.seed, facts).save(
            folder, f"child-{event.index:02d}", options.label
        )
        entries.append(
            {
                "file": path.name,
                "seed": one.seed,
                "genes": one.genes,
                "turned_degrees": round(math.degrees(one.own)),
                "nearness": {parent: _told(ones) for parent, ones in to.items()},
            }
        )
        vectors.append(event.vectors)
        cells.append(sheet.Cell(pixels, (words, *lines(to))))
        clock.lap("child")
        write_manifest(folder, manifest())
        at, count = event.index, event.count
        code = Code(studio.info.name, one.ws)
        yield Picture(path, words, pixels, entries[-1], index=at, count=count, code=code)
    path = folder / sheet.SHEET
    write_file(path, provenance.jpeg_bytes(sheet.draw(cells)))
    clock.lap("child")
    yield Finished(write_manifest(folder, manifest()), [path])


def lines(to: Mapping[str, Mapping[str, Nearness]]) -> list[str]:
    """Say how near a child is, a line for each parent."""
    result = []
    for parent, ones in to.items():
        parts = [f"{name} {one.distance:.2f}" for name, one in ones.items()]
        result.append(f"to {parent.upper()}: {', '.join(parts) or 'nobody could tell'}")
    limits = {name: one.limit for ones in to.values() for name, one in ones.items()}
    words = ", ".join(f"{name} {limit:.2f}" for name, limit in limits.items())
    return [*result, *([f"5% of strangers: {words}"] if words else [])]


def _told(ones: Mapping[str, Nearness]) -> dict:
    return {
        name: {
            "distance": round(one.distance, 4),
            "strangers_nearer_percent": round(one.strangers, 2),
            "same_person_below": round(one.same, 4),
            "five_percent_of_strangers_below": round(one.limit, 4),
            "same_person_99_percent_below": round(one.genuine, 4),
        }
        for name, one in ones.items()
    }


def _between(studio: Studio, vectors: Sequence[Mapping[str, np.ndarray]]) -> dict:
    """Map each recogniser to the N x N distances of the children."""

    def rounded(recogniser: Recogniser) -> Callable[[np.ndarray, np.ndarray], float]:
        return lambda a, b: round(recogniser.distance(a, b), 4)

    return {
        one.name: one_by_one([seen.get(one.name) for seen in vectors], rounded(one))
        for one in studio.recognisers
    }
