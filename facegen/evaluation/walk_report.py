"""Files of a walk: pictures, tables, and one self-contained report."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..face.detect import SURE
from ..files import write_file
from ..options import WalkOptions
from ..output import provenance
from ..studio import Studio
from ..types import drained
from . import pages, plots, walk_pictures
from .pages import Figure
from .table import number
from .walk import Walk, lost_ends, summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PICTURES = ("strip.png", "monster.png", "map.png")  # some walks have no monster, and no map
FILES = (*PICTURES, "walk.*")


PARTS = ("the strip", "the map", "the GIF", "the film", "the tables", "the page")


@dataclass(frozen=True)
class Writing:
    """The part of the report that is written next, after `done` of `of` parts."""

    what: str
    done: int
    of: int = len(PARTS)


def write(folder: Path, walks: Sequence[Walk], options: WalkOptions, studio: Studio) -> dict:
    """Write all files into the folder; returns the summary. Raises OutputError."""
    return drained(writing(folder, walks, options, studio))


def writing(
    folder: Path, walks: Sequence[Walk], options: WalkOptions, studio: Studio
) -> Generator[Writing, None, dict]:
    """Write the same part by part: some take seconds."""
    coming = (Writing(what, done) for done, what in enumerate(PARTS))
    yield next(coming)
    found = summary(walks, options, studio)
    nearest = nearest_monster(walks)
    shown = {"strip.png": walk_pictures.strip(nearest)}
    if (pair := walk_pictures.side_by_side(nearest)) is not None:
        shown["monster.png"] = pair
    yield next(coming)
    if (drawn := walk_pictures.map_of(walks)) is not None:
        shown["map.png"] = drawn
    for name, pixels in shown.items():
        provenance.save_png(folder / name, pixels, studio.facts() | {"seed": nearest.seed})
    yield next(coming)
    write_file(folder / "walk.gif", walk_pictures.gif(nearest))
    yield next(coming)
    walk_pictures.mp4(nearest, folder / "walk.mp4")
    yield next(coming)
    write_file(folder / "walk.json", (json.dumps(found, indent=1) + "\n").encode())
    write_file(folder / "walk.csv", _csv(walks).encode())
    yield next(coming)
    write_file(folder / "walk.html", _html(found, walks, nearest, shown).encode())
    return found


def nearest_monster(walks: Sequence[Walk]) -> Walk:
    """Return the walk that lost its face nearest to the average; the first if none did."""
    lost = lost_ends(walks)
    return lost[0][1] if lost else walks[0]


def in_words(found: dict) -> str:
    """Explain the results to people."""
    count, lost = len(found["walks"]), found["lost"]
    if not lost:
        farthest = max(entry["farthest"] for entry in found["walks"])
        return f"Faces were found all the way, to a distance of {farthest:.2f} from the average."
    middle = found["lost_distance"]
    if count == 1:
        entry = found["walks"][0]
        return (
            f"Faces stop being found at step {entry['lost_step']}, {entry['lost_distance']:.2f} "
            "from the average (the model's own faces lie about 1 from it)."
        )
    return (
        f"{lost} of {count} walks lost the face, half of them before a distance of "
        f"{middle['median']:.2f}; the nearest monster lies at {middle['nearest']:.2f} (seed "
        f"{middle['nearest_seed']}). Up to {found['safe_distance']:.2f}, 95 of 100 walks still "
        "show faces."
    )


def confidence_plot(walks: Sequence[Walk]) -> str:
    """Plot the detector's confidence over the distance from the average, as a data URI."""

    def draw(axes: Axes) -> None:
        for walk in walks:
            axes.plot(walk.distances, walk.confidences, linewidth=0.8, alpha=0.8)
        axes.axhline(SURE, color="black", linestyle="--", linewidth=1)
        axes.set(xlabel="distance from the average", ylabel="confidence", ylim=(0, 1))

    return plots.plot(draw)


def _html(found: dict, walks: Sequence[Walk], nearest: Walk, shown: dict) -> str:
    captions = {
        "monster.png": f"The last face and the nearest monster (seed {nearest.seed})",
        "strip.png": f"The walk of seed {nearest.seed}, from the average on",
        "map.png": "The faces met, by identity, and their minimum spanning tree; "
        "orange: hardly a face",
    }
    return pages.render(
        "walk.html",
        "Facegen: a walk from the average to the monsters",
        words=in_words(found),
        found=found,
        figures=[
            Figure(confidence_plot(walks), "How sure the face detector is on the way"),
            *_histograms(walks),
        ],
        sheets=[
            Figure(plots.picture(shown[name]), caption)
            for name, caption in captions.items()
            if name in shown
        ],
        rows=[
            [entry["seed"], entry["lost_step"], number(entry["lost_distance"])]
            for entry in found["walks"]
        ],
    )


def _histograms(walks: Sequence[Walk]) -> list[Figure]:
    distances = [distance for distance, _ in lost_ends(walks)]
    steps = [walk.lost for walk in walks if walk.lost is not None]
    figures = []
    if len(steps) > 1:
        uri = plots.histogram({"walks": distances}, "distance", low=0)
        figures.append(Figure(uri, "Where faces stop being found"))
        uri = plots.histogram({"walks": steps}, "step", low=0)
        figures.append(Figure(uri, "At which step"))
    confidences = [value for walk in walks for value in walk.confidences]
    uri = plots.histogram({"all steps": confidences}, "confidence", low=0, high=1)
    return [*figures, Figure(uri, "The confidence at all steps")]


def _csv(walks: Sequence[Walk]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["seed", "step", "distance", "confidence", "found"])
    for walk in walks:
        rows = zip(walk.distances, walk.confidences, walk.found, strict=True)
        for step, (distance, confidence, found) in enumerate(rows):
            writer.writerow([walk.seed, step, f"{distance:.5f}", f"{confidence:.4f}", found])
    return file.getvalue()
