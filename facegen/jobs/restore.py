"""A damaged picture of a face in, several faces that it could show out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path

import numpy as np

from .. import images
from ..files import write_file
from ..latent.restore.observe import Observed, enlarged
from ..latent.restore.restorations import target_of
from ..options import RestoreRun
from ..output import provenance, sheet
from ..output.manifest import reference_entry, write_manifest
from ..output.portrait import Portrait
from ..studio import Studio
from ..types import Progress
from .job import CROP, Clock, Event, Finished, Picture, Source, frame

ONE_OF_MANY = "one of many faces that this picture could be"
UNDAMAGED = (
    "nothing seems to be wrong with the picture: what a preview shows of it is kept, what is finer "
    "is drawn"
)


def restore(
    studio: Studio, sources: Sequence[Source], folder: Path, options: RestoreRun
) -> Iterator[Event]:
    """Run the job: aligned.png, restored-01.png …, sheet.jpg and manifest.json into `folder`.

    The crop's picture carries what was observed.
    """
    (source,) = sources
    wanted, clock = options.restore, Clock()
    seen = studio.observe(source.pixels, wanted, source.mask, source.face)
    yield from studio.get_ready()
    path = folder / "aligned.png"
    provenance.save_png(path, seen.aligned.pixels, {}, synthetic=False)
    yield Picture(path, "what was seen", seen.aligned.pixels, kind=CROP, payload=seen)
    entries: list[dict] = []
    finished: list[np.ndarray] = []

    def manifest() -> dict:
        return frame(
            "restore",
            studio,
            asdict(wanted),
            says=ONE_OF_MANY,
            seed=wanted.seed,
            damage=seen.damage.describe(),
            reference=reference_entry(source.sha256, seen.aligned, source.marks),
            variants=entries,
            between=between(studio, finished),
            seconds=clock.seconds(),
        )

    for event in studio.restore(seen, wanted):
        if isinstance(event, Progress):
            yield event
            continue
        facts = studio.facts() | {"seed": wanted.seed, "restored": "from a damaged picture"}
        (path,) = Portrait(event.pixels, wanted.seed, facts).save(
            folder, f"restored-{event.index:02d}", options.label
        )
        finished.append(event.pixels)
        entry = {
            "file": path.name,
            "consistency": round(event.consistency, 2),
            "agrees_below": round(event.limit, 2),
            "agrees": event.agrees,
            "distance": round(event.distance, 4),
        }
        entries.append(entry)
        clock.lap("restore")
        write_manifest(folder, manifest())  # whoever stops here keeps what is needed
        said = f"{event.index}: {'agrees' if event.agrees else 'does not agree'}"
        index, count = event.index, wanted.count
        yield Picture(path, said, event.pixels, entry, index=index, count=count, payload=event)

    path = folder / sheet.SHEET
    write_file(path, provenance.jpeg_bytes(sheet.draw(_cells(studio, seen, finished, entries))))
    yield Finished(write_manifest(folder, manifest()), [path])


def _cells(
    studio: Studio, seen: Observed, finished: Sequence[np.ndarray], entries: Sequence[Mapping]
) -> list[sheet.Cell]:
    size = studio.renderer.previewed
    first = images.to_pixels(enlarged(target_of(seen, size), size))[0]
    return [sheet.Cell(first, ("what was seen",))] + [
        sheet.Cell(pixels, (f"{i}: {ONE_OF_MANY}"[:46], words(entry)))
        for i, (pixels, entry) in enumerate(zip(finished, entries, strict=True), start=1)
    ]


def words(entry: Mapping) -> str:
    """Say whether a restoration agrees with the input."""
    agrees = "agrees" if entry["agrees"] else "does not agree"
    return f"{agrees} with it ({entry['consistency']:.1f}, limit {entry['agrees_below']:.1f})"


def between(studio: Studio, pictures: list[np.ndarray]) -> dict[str, list[float]]:
    """Map each recogniser to the distances of all pairs of restorations: 1-2, 1-3, 2-3 …"""
    if len(pictures) < 2 or not studio.recognisers:
        return {}
    compared = [studio.compare(one).vectors for one in pictures]
    return {
        one.name: [
            round(one.distance(a[one.name], b[one.name]), 4)
            for a, b in combinations(compared, 2)
            if one.name in a and one.name in b
        ]
        for one in studio.recognisers
    }
