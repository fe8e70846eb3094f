"""Two faces crossed over: a board with the parents at its edges and mixtures between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from .. import images
from ..files import write_file
from ..latent.mix.crossover import ROWS, Recipe
from ..options import MixRun
from ..output import provenance, sheet
from ..output.manifest import write_manifest
from ..output.portrait import Portrait
from ..studio import Studio
from ..types import Progress
from . import inversion
from .job import Clock, Code, Event, Finished, Picture, Source, frame

BOARD = "board.jpg"


def mix(
    studio: Studio, sources: Sequence[Source], folder: Path, options: MixRun
) -> Iterator[Event]:
    """Run the job: mix-01.png …, board.jpg, both parents and manifest.json into `folder`."""
    clock = Clock()
    found = yield from inversion.parents(studio, sources, folder, options.invert)
    entries: list[dict] = []
    shown: list[tuple[Recipe, np.ndarray]] = []

    def manifest() -> dict:
        return frame(
            "mix",
            studio,
            asdict(options.mix) | {"steps": found[0].steps},
            references=inversion.parent_entries(sources, found),
            variants=entries,
            seconds=clock.seconds(),
        )

    for event in studio.mix(found[0].ws, found[1].ws, options.mix):
        if isinstance(event, Progress):
            yield event
            continue
        recipe, words, index = event.recipe, event.recipe.in_words, event.index
        facts = studio.facts() | {"mix": words}
        (path,) = Portrait(event.pixels, 0, facts).save(folder, f"mix-{index:02d}", options.label)
        how = {"row": recipe.row, "value": recipe.value}
        entries.append({"file": path.name, "mix": how, "in_words": words})
        shown.append((recipe, images.resize(event.pixels, sheet.SIDE)))
        clock.lap("mix")
        write_manifest(folder, manifest())  # whoever stops here keeps what is needed
        code = Code(studio.info.name, event.ws)
        yield Picture(
            path, words, event.pixels, entries[-1], index=index, count=event.count, code=code
        )

    board = folder / BOARD
    edges = [images.resize(one.pixels, sheet.SIDE) for one in found]
    write_file(board, provenance.jpeg_bytes(sheet.draw(*_board(shown, edges))))
    clock.lap("mix")
    yield Finished(write_manifest(folder, manifest()), [board])


def _board(
    shown: Sequence[tuple[Recipe, np.ndarray]], edges: Sequence[np.ndarray]
) -> tuple[list[sheet.Cell], int]:
    """Lay out the board row by row, A left and B right; -> (cells, number of columns)."""
    rows = {row: [one for one in shown if one[0].row == row] for row in ROWS}
    width = max(len(row) for row in rows.values())
    cells: list[sheet.Cell] = []
    for row in (row for row in rows.values() if row):
        cells.append(sheet.Cell(edges[0], ("A",)))
        cells += [sheet.Cell(pixels, (recipe.in_words,)) for recipe, pixels in row]
        cells += [sheet.EMPTY] * (width - len(row))
        cells.append(sheet.Cell(edges[1], ("B",)))
    return cells, width + 2
