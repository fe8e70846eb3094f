"""Children of two faces: drawn, chosen, and how near each is to either parent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..files import write_file
from ..latent.mix.ages import Ages, ages_of
from ..latent.mix.children import Child, conceive
from ..latent.mix.options import AS_GENES, ChildOptions
from ..latent.mix.siblings import Look, Nearness, family, nearness
from ..measure.comparison import Comparison
from ..measure.identity.dlib_recogniser import Recogniser
from ..measure.identity.recognisers import one_by_one
from ..output import provenance, sheet
from ..output.manifest import write_manifest
from ..output.portrait import Portrait
from ..studio import Studio
from . import parents
from .job import Clock, Event, Finished, Picture, Source, frame
from .options import ChildRun


def child(
    studio: Studio, sources: Sequence[Source], folder: Path, options: ChildRun
) -> Iterator[Event]:
    """Run the job: child-01.png …, sheet.jpg, both parents and manifest.json into `folder`, which
    must exist. Raises NoFaceError, OptionError, OutputError."""
    what, clock = options.child, Clock()
    ages = None
    if what.age != AS_GENES or what.sex:
        ages = ages_of(studio.info.name)
    found = yield from parents.find(studio, sources, folder, options.invert)
    mixer = yield from parents.mixer(studio)
    first, second = (one.ws for one in found)
    compared = [studio.compare(one.pixels) for one in found]

    def conceived(own: float) -> Iterator[Child]:
        stream = conceive(first, second, mixer, studio.statistics, what, own)
        return (grown(one, ages, studio, what) for one in stream)

    def look(ones: Sequence[Child]) -> list[Look]:
        looks = []
        pictures = studio.renderer.previews([one.ws for one in ones])
        for one, pixels in zip(ones, pictures, strict=True):
            observed = studio.observer(pixels)
            seen, other = (parent.of(observed, finished=False) for parent in compared)
            distances = {
                name: [seen.identity[name].distance, other.identity[name].distance]
                for name in seen.identity.keys() & other.identity.keys()
            }
            looks.append(Look(one, distances, seen.vectors))
        return looks

    chosen = yield from family(
        conceived, look, studio.recognisers, studio.resolution, what.count, studio.renderer.at_once
    )

    entries: list[dict] = []
    cells = [sheet.Cell(found[i].pixels, (f"parent {'AB'[i]}",)) for i in range(2)]

    def manifest() -> dict:
        return frame(
            "child",
            studio,
            what.as_dict() | {"steps": found[0].steps},
            seed=what.seed,
            references=parents.entries(sources, found),
            variants=entries,
            between=_between(studio, [one.vectors for one in chosen]),
            seconds=clock.seconds(),
        )

    for index, one in enumerate((look.child for look in chosen), start=1):
        pixels = studio.renderer.pixels(one.ws)
        to = {
            name: near(comparison, pixels, studio.resolution)
            for name, comparison in zip(parents.NAMES, compared, strict=True)
        }
        facts = studio.facts() | {"seed": one.seed, "mix": "child of two faces"}
        (path,) = Portrait(pixels, one.seed, facts).save(
            folder, f"child-{index:02d}", options.label
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
        cells.append(sheet.Cell(pixels, (f"child {index}", *lines(to))))
        clock.lap("child")
        write_manifest(folder, manifest())
        words, count = f"child {index}", len(chosen)
        yield Picture(path, words, pixels, entries[-1], index=index, count=count, payload=one)
    path = folder / sheet.SHEET
    write_file(path, provenance.jpeg_bytes(sheet.draw(cells)))
    clock.lap("child")
    done = manifest()
    write_manifest(folder, done)
    yield Finished(done, [path])


def grown(one: Child, ages: Ages | None, studio: Studio, what: ChildOptions) -> Child:
    """The child at the age and of the sex that were asked for."""
    if ages is None:
        return one
    sizes = studio.model.generator.config.layer_resolutions
    age = None if what.age == AS_GENES else what.age
    return replace(one, ws=ages.set(one.ws, sizes, age, what.sex))


def near(comparison: Comparison, pixels: np.ndarray, resolution: int) -> dict[str, Nearness]:
    """Recogniser -> how near a finished picture is; without those that cannot tell."""
    seen = comparison.measure(pixels, finished=False).identity
    found = {name: nearness(name, resolution, one.distance) for name, one in seen.items()}
    return {name: one for name, one in found.items() if one is not None}


def lines(to: Mapping[str, Mapping[str, Nearness]]) -> list[str]:
    """A child's nearness in words, a line a parent."""
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
    """Recogniser -> N x N distances of the children."""

    def rounded(recogniser: Recogniser) -> Callable[[np.ndarray, np.ndarray], float]:
        return lambda a, b: round(recogniser.distance(a, b), 4)

    return {
        one.name: one_by_one([seen.get(one.name) for seen in vectors], rounded(one))
        for one in studio.recognisers
    }
