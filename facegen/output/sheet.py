"""A run on one sheet: the photo, the model's picture of it, the numbered variants and drawings.

It shows the photo, so it stays in the user's own folder: the page's ZIP leaves it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .. import images
from ..types import Variant
from . import provenance

SHEET = "sheet.jpg"
SIDE = 256  # pixels of a picture
LINE, MARGIN = 15, 6
COLUMNS = 8


@dataclass(frozen=True)
class Cell:
    """A picture, uint8 [H, W, 3], and the lines below it."""

    pixels: np.ndarray
    lines: tuple[str, ...]


EMPTY = Cell(np.full((1, 1, 3), 255, np.uint8), ())


def cells(
    photo: np.ndarray,
    inversion: np.ndarray,
    variants: Sequence[Variant],
    drawings: Sequence[np.ndarray | None],
) -> list[Cell]:
    """List a run's cells in the order of the sheet.

    drawings: one a variant, None where there is none."""
    found = [Cell(photo, ("the photo",)), Cell(inversion, ("the model's picture of it",))]
    found += [Cell(v.pixels, (str(i), *_numbers(v))) for i, v in enumerate(variants, start=1)]
    if len(found) <= COLUMNS and any(drawing is not None for drawing in drawings):
        found += [EMPTY] * (COLUMNS - len(found) + 2)  # each drawing stands below its variant
    found += [
        Cell(drawing, (f"{i}, drawn",))
        for i, drawing in enumerate(drawings, start=1)
        if drawing is not None
    ]
    return found


def _numbers(variant: Variant) -> list[str]:
    lines = [f"seed {variant.seed}, strength {variant.strength:g}"]
    for name, found in variant.identity.items():
        verdict = "the same person" if found.same_person else "another person"
        lines.append(f"{name} {found.distance:.2f}: {verdict} (below {found.threshold:g} the same)")
    if variant.structure:
        moved = "kept" if variant.structure.kept else "moved"
        lines.append(f"structure {moved} (NME {variant.structure.landmark_nme:.3f})")
    if lost := [name for name, shift in variant.attributes.items() if not shift.kept]:
        lines.append(f"not kept: {', '.join(lost)}")
    return lines


def draw(found: Sequence[Cell], columns: int = COLUMNS) -> np.ndarray:
    """Draw the sheet, uint8 [H, W, 3], row by row."""
    columns = min(columns, len(found))
    rows = [found[i : i + columns] for i in range(0, len(found), columns)]
    heights = [SIDE + 2 * MARGIN + LINE * max(len(cell.lines) for cell in row) for row in rows]
    canvas = Image.new("RGB", (columns * (SIDE + MARGIN) + MARGIN, sum(heights) + MARGIN), "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(11)
    top = MARGIN
    for row, height in zip(rows, heights, strict=True):
        for column, cell in enumerate(row):
            left = MARGIN + column * (SIDE + MARGIN)
            canvas.paste(Image.fromarray(images.resize(cell.pixels, SIDE)), (left, top))
            for number, line in enumerate(cell.lines):
                at = (left, top + SIDE + MARGIN // 2 + number * LINE)
                pen.text(at, line, fill="black", font=font)
        top += height
    return np.asarray(canvas)


def jpeg(found: Sequence[Cell]) -> bytes:
    """Encode the sheet as a JPEG that says that most of it is synthetic."""
    return provenance.jpeg_bytes(draw(found))
