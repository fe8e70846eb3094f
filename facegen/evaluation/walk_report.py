"""What a walk leaves: pictures, tables, and one report that needs nothing beside it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..files import write_file
from ..measure.comparison import SURE
from ..output import provenance
from ..studio import Studio
from . import page, plots, walk_pictures
from .options import WalkOptions
from .walk import Walk, summary

PICTURES = ("strip.png", "monster.png", "map.png")  # some walks have no monster, and no map
FILES = (*PICTURES, "walk.*")


PARTS = ("the strip", "the map", "the GIF", "the film", "the tables", "the page")


@dataclass(frozen=True)
class Writing:
    """What of the report is written next, after `done` of `of` parts."""

    what: str
    done: int
    of: int = len(PARTS)


def write(folder: Path, walks: Sequence[Walk], options: WalkOptions, studio: Studio) -> dict:
    """All files into the folder; returns the summary. Raises OutputError."""
    parts = writing(folder, walks, options, studio)
    while True:
        try:
            next(parts)
        except StopIteration as end:
            return end.value


def writing(
    folder: Path, walks: Sequence[Walk], options: WalkOptions, studio: Studio
) -> Generator[Writing, None, dict]:
    """The same part by part: some take seconds."""
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
    """The walk that lost its face nearest to the average; the first if none did."""
    lost = [walk for walk in walks if walk.lost is not None]
    return min(lost, key=lambda walk: walk.lost_at, default=walks[0])


def in_words(found: dict) -> str:
    """What was learned, for people."""
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
    """The detector's confidence over the distance from the average, as a data URI."""

    def draw(axes) -> None:
        for walk in walks:
            axes.plot(walk.distances, walk.confidences, linewidth=0.8, alpha=0.8)
        axes.axhline(SURE, color="black", linestyle="--", linewidth=1)
        axes.set(xlabel="distance from the average", ylabel="confidence", ylim=(0, 1))

    return plots.plot(draw)


def _html(found: dict, walks: Sequence[Walk], nearest: Walk, shown: dict) -> str:
    options = found["options"]
    parts = [
        page.paragraph(in_words(found)),
        page.paragraph(
            f"{found['model']}: {options['walks']} walks of {options['steps']} steps of "
            f"{options['step']:g} from seed {options['seed']}, persistence "
            f"{options['persistence']:g}. A distance of 1 is that of the model's own faces; a face "
            f"counts as found from a confidence of {found['sure']:g} on, with landmarks on it."
        ),
        page.figures(
            [
                page.figure(confidence_plot(walks), "How sure the face detector is on the way"),
                *_histograms(walks),
            ]
        ),
    ]
    captions = {
        "monster.png": f"The last face and the nearest monster (seed {nearest.seed})",
        "strip.png": f"The walk of seed {nearest.seed}, from the average on",
        "map.png": "The faces met, by identity, and their minimum spanning tree; "
        "orange: hardly a face",
    }
    parts += [
        page.figure(plots.picture(shown[name]), text, "sheet")
        for name, text in captions.items()
        if name in shown
    ]
    rows = [
        [str(entry["seed"]), str(entry["lost_step"]), _number(entry["lost_distance"])]
        for entry in found["walks"]
    ]
    parts.append(page.table(["seed", "faces stop at step", "distance"], rows))
    return page.document("Facegen: a walk from the average to the monsters", parts)


def _histograms(walks: Sequence[Walk]) -> list[str]:
    lost = [walk for walk in walks if walk.lost is not None]
    drawn = []
    if len(lost) > 1:
        uri = plots.histogram({"walks": [walk.lost_at for walk in lost]}, "distance", low=0)
        drawn.append(page.figure(uri, "Where faces stop being found"))
        uri = plots.histogram({"walks": [walk.lost for walk in lost]}, "step", low=0)
        drawn.append(page.figure(uri, "At which step"))
    uri = plots.histogram(
        {"all steps": [c for walk in walks for c in walk.confidences]}, "confidence", low=0, high=1
    )
    return [*drawn, page.figure(uri, "The confidence at all steps")]


def _csv(walks: Sequence[Walk]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["seed", "step", "distance", "confidence", "found"])
    for walk in walks:
        rows = zip(walk.distances, walk.confidences, walk.found, strict=True)
        for step, (distance, confidence, found) in enumerate(rows):
            writer.writerow([walk.seed, step, f"{distance:.5f}", f"{confidence:.4f}", found])
    return file.getvalue()


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
