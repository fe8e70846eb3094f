"""The evaluation's one table, as cells of text, and its CSV, a line a variant."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from .records import Record, references_of
from .summary import ANGLES, EXPRESSIONS, Middle, SamplesSummary, Summary

NOTHING = "–"  # what a cell says where there is no number

# label, field of a column, how it is written: shares, then medians with their digits
SHARES = (
    ("detected as a face", "face"),
    ("a different person", "different"),
    ("structure kept", "structure_kept"),
    ("different and structure kept", "both"),
    ("dial reached its target", "dial_reached"),
)
STRUCTURE = (
    ("landmark deviation (NME)", "landmark_nme", 3),
    ("largest angle, degrees", "largest_angle", 1),
    ("mouth opening, change", "mouth_delta", 3),
    ("smile opening, change", "smile_delta", 3),
    ("eyes opening, change", "eyes_delta", 3),
    ("sharpness over the reference's", "sharpness", 2),
)


def of_strengths(summary: Summary) -> tuple[list[str], list[list[str]]]:
    """Make (head, rows): a column a strength, and one for the inversion; empty rows are omitted."""
    columns = [summary.inversion, *summary.strengths.values()]

    def row(label: str, write: Callable[[Any], str], *path: str) -> list[str]:
        return [label, *(write(_at(column, *path)) for column in columns)]

    rows = [row(label, percent, name) for label, name in SHARES]
    rows.append(row("detector's confidence", middle, "confidence"))
    for name in summary.recognisers:
        rows.append(row(f"{name}, to the reference", middle, "identity", name))
        rows.append(row(f"{name}, between variants", middle, "between", name))
    rows += [
        row("pairs of variants: two people to all recognisers", percent, "pairs", "two"),
        row("pairs of variants: one person to all recognisers", percent, "pairs", "one"),
    ]
    rows += [row(label, partial(middle, digits=n), name) for label, name, n in STRUCTURE]
    kinds = {kind for column in summary.strengths.values() for kind in column.sets or ()}
    for kind in sorted(kinds):
        rows += [
            row(f"Fréchet distance ({kind})", number, "sets", kind, "frechet"),
            row(f"precision ({kind})", percent, "sets", kind, "precision"),
            row(f"recall ({kind})", percent, "sets", kind, "recall"),
        ]
    head = ["", "inversion", *(f"strength {key}" for key in summary.strengths)]
    return head, [cells for cells in rows if any(cell != NOTHING for cell in cells[1:])]


def of_samples(found: SamplesSummary) -> list[list[str]]:
    """Make rows of a name and a value."""
    rows = [
        ["faces drawn", str(found.count)],
        ["detected as a face", percent(found.face)],
        ["detector's confidence", middle(found.confidence)],
        *([f"{name}, between samples", middle(value)] for name, value in found.between.items()),
        ["sharpness, grey levels", middle(found.sharpness_levels)],
    ]
    for kind, distance in (found.sets or {}).items():
        rows.append([f"Fréchet distance to the references ({kind})", number(distance.frechet)])
        if distance.precision is not None:
            shares = f"{percent(distance.precision)}, {percent(distance.recall)}"
            rows.append([f"precision, recall ({kind})", shares])
    return rows


def as_csv(records: Sequence[Record]) -> str:
    """Format one line a variant."""
    found = references_of(records)
    variants = [
        (record.name, strength, number_, picture)
        for record in found
        for strength, part in record.strengths.items()
        for number_, picture in enumerate(part.variants, start=1)
    ]
    recognisers = sorted({name for *_, picture in variants for name in picture.identity})
    structure = ("landmark_nme", *ANGLES, *EXPRESSIONS)
    facts = ("reference", "strength", "variant", "face", "confidence", "different", "kept")
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*facts, *recognisers, *structure, "sharpness"])
    for name, strength, number_, picture in variants:
        writer.writerow(
            [
                *(name, strength, number_, picture.face, f"{picture.confidence:.4f}"),
                *(picture.different, picture.kept),
                *(_csv_cell(picture.identity.get(recogniser)) for recogniser in recognisers),
                *(_csv_cell(_at(picture.structure, change)) for change in structure),
                f"{picture.sharpness:.3f}",
            ]
        )
    return file.getvalue()


def percent(share: float | None) -> str:
    return NOTHING if share is None else f"{share:.1%}"


def number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def middle(found: Middle | None, digits: int = 2) -> str:
    """Format the median, in brackets the 10th and 90th percentile."""
    if found is None:
        return NOTHING
    return f"{found.median:.{digits}f} ({found.low:.{digits}f}, {found.high:.{digits}f})"


def _at(value: object, *path: str) -> Any:
    """Return field of field, or entry, of a column; None where it is missing."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return value


def _csv_cell(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
