"""Two faces crossed over: a board with the parents at its edges and mixtures between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from .. import images
from ..files import write_file
from ..latent.mix.crossover import RegionMixer, along_arc, by_layers
from ..latent.mix.options import MixOptions
from ..latent.mix.regions import REGIONS
from ..output import provenance, sheet
from ..output.manifest import write_manifest
from ..output.portrait import Portrait
from ..studio import Studio
from . import parents
from .job import Clock, Event, Finished, Picture, Source, frame
from .options import MixRun

BOARD = "board.jpg"
ROWS = {
    "arc": "along the arc between them",
    "layers": "coarse of A, fine of B",
    "regions-a": "A with one region of B",
    "regions-b": "B with one region of A",
}


@dataclass(frozen=True)
class Recipe:
    """How a mixture is made: a row of ROWS, and a share, a layer's pixels or a region."""

    row: str
    value: float | int | str

    @property
    def in_words(self) -> str:
        match self.row:
            case "arc":
                return f"{float(self.value):.0%} of the way to B"
            case "layers":
                return f"A below {self.value} px, B above"
            case "regions-a":
                return f"A with the {self.value} of B"
        return f"B with the {self.value} of A"


def recipes(layer_resolutions: Sequence[int], options: MixOptions, regional: bool) -> list[Recipe]:
    """The board, row by row. regional: whether the model has regions."""
    steps = options.steps_between
    found = [Recipe("arc", round((i + 1) / (steps + 1), 4)) for i in range(steps)]
    sizes = sorted({size for size in layer_resolutions if size > 4}, reverse=True)
    found += [Recipe("layers", size) for size in sizes if size <= 128][:5]
    if regional:
        found += [Recipe("regions-a", region) for region in REGIONS]
        found += [Recipe("regions-b", region) for region in REGIONS]
    return found


def mixture(
    recipe: Recipe,
    first: Tensor,
    second: Tensor,
    mean: Tensor,
    layer_resolutions: Sequence[int],
    mixer: RegionMixer | None,
) -> Tensor:
    """The code [1, num_ws, w_dim] of a recipe."""
    if recipe.row == "arc":
        return along_arc(first, second, mean, float(recipe.value))
    if recipe.row == "layers":
        return by_layers(first, second, layer_resolutions, int(recipe.value))
    assert mixer is not None
    base, other = (first, second) if recipe.row == "regions-a" else (second, first)
    return mixer({region: other if region == recipe.value else base for region in REGIONS})


def mix(
    studio: Studio, sources: Sequence[Source], folder: Path, options: MixRun
) -> Iterator[Event]:
    """Run the job: mix-01.png …, board.jpg, both parents and manifest.json into `folder`, which
    must exist. Raises NoFaceError, OptionError, OutputError."""
    clock = Clock()
    found = yield from parents.find(studio, sources, folder, options.invert)
    mixer = None
    if studio.model.generator.style_layers:
        mixer = yield from parents.mixer(studio, options.mix.sharpness)
    first, second = (one.ws for one in found)
    sizes = studio.model.generator.config.layer_resolutions
    plan = recipes(sizes, options.mix, mixer is not None)
    entries: list[dict] = []
    shown: list[tuple[Recipe, np.ndarray]] = []

    def manifest() -> dict:
        return frame(
            "mix",
            studio,
            asdict(options.mix) | {"steps": found[0].steps},
            references=parents.entries(sources, found),
            variants=entries,
            seconds=clock.seconds(),
        )

    for index, recipe in enumerate(plan, start=1):
        ws = mixture(recipe, first, second, studio.statistics.mean, sizes, mixer)
        pixels = studio.renderer.pixels(ws)
        facts = studio.facts() | {"mix": recipe.in_words}
        (path,) = Portrait(pixels, 0, facts).save(folder, f"mix-{index:02d}", options.label)
        entries.append(
            {
                "file": path.name,
                "mix": {"row": recipe.row, "value": recipe.value},
                "in_words": recipe.in_words,
            }
        )
        shown.append((recipe, images.resize(pixels, sheet.SIDE)))
        clock.lap("mix")
        write_manifest(folder, manifest())  # whoever stops here keeps what is needed
        words = recipe.in_words
        yield Picture(path, words, pixels, entries[-1], index=index, count=len(plan))

    board = folder / BOARD
    edges = [images.resize(one.pixels, sheet.SIDE) for one in found]
    write_file(board, provenance.jpeg_bytes(sheet.draw(*_board(shown, edges))))
    clock.lap("mix")
    done = manifest()
    write_manifest(folder, done)
    yield Finished(done, [board])


def _board(
    shown: Sequence[tuple[Recipe, np.ndarray]], edges: Sequence[np.ndarray]
) -> tuple[list[sheet.Cell], int]:
    """Row by row, A on the left, B on the right; and how many columns there are."""
    rows = {row: [one for one in shown if one[0].row == row] for row in ROWS}
    width = max(len(row) for row in rows.values())
    cells: list[sheet.Cell] = []
    for row in (row for row in rows.values() if row):
        cells.append(sheet.Cell(edges[0], ("A",)))
        cells += [sheet.Cell(pixels, (recipe.in_words,)) for recipe, pixels in row]
        cells += [sheet.EMPTY] * (width - len(row))
        cells.append(sheet.Cell(edges[1], ("B",)))
    return cells, width + 2
