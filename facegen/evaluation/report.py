"""The evaluation's report: report.html, report.csv, report.json."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from .. import images, limits
from ..files import write_file
from . import pages, plots, table
from .pages import Figure
from .records import Record, ReferenceRecord, SamplesRecord, references_of, samples_of
from .summarise import between_of, largest_angle
from .summary import Summary

SHEET_ROWS, SHEET_PICTURE = 12, 96  # references on a contact sheet; pixels of a picture
SAMPLES_SHOWN, SAMPLES_A_ROW = 48, 12
NAMES = ("report.html", "report.csv", "report.json")


def write(out: Path, summary: Summary, records: Sequence[Record]) -> list[Path]:
    """Write all three files; returns their paths. Raises OutputError."""
    contents = (
        html(summary, records),
        table.as_csv(records),
        json.dumps(summary.as_dict(), indent=1) + "\n",
    )
    for name, content in zip(NAMES, contents, strict=True):
        write_file(out / name, content.encode())
    return [out / name for name in NAMES]


def html(summary: Summary, records: Sequence[Record]) -> str:
    head, rows = table.of_strengths(summary)
    found, drawn = references_of(records), samples_of(records)
    samples = None
    if summary.samples:
        samples = {"rows": table.of_samples(summary.samples), "first": _first_samples(drawn)}
    return pages.render(
        "report.html",
        f"Facegen: what {summary.model['name']} is worth",
        summary=summary,
        head=head,
        rows=rows,
        samples=samples,
        figures=[
            *_confidence(summary, found, drawn),
            *_distances(summary, found),
            *_structure(summary, found),
            *_costs(summary),
        ],
        sheets=_contact_sheets(summary, found),
    )


def _first_samples(drawn: Sequence[SamplesRecord]) -> Figure:
    pictures = np.concatenate([record.pictures["samples"] for record in drawn])
    sheet = images.grid(_sized(pictures[:SAMPLES_SHOWN]), SAMPLES_A_ROW)
    return Figure(plots.picture(sheet), "The first ones")


def _confidence(
    summary: Summary, found: Sequence[ReferenceRecord], drawn: Sequence[SamplesRecord]
) -> list[Figure]:
    groups = {
        f"strength {key}": [
            picture.confidence for record in found for picture in record.strengths[key].variants
        ]
        for key in summary.strengths
    }
    groups["random faces"] = [value for record in drawn for value in record.confidence]
    groups = {name: values for name, values in groups.items() if values}
    if not groups:
        return []
    uri = plots.histogram(groups, "confidence", low=0, high=1)
    return [Figure(uri, "How sure the face detector is")]


def _distances(summary: Summary, found: Sequence[ReferenceRecord]) -> list[Figure]:
    """Plot distances to the reference and between the variants, by each recogniser."""
    figures = []
    for name, threshold in summary.recognisers.items():
        for what, pick in (("to the reference", _to_reference), ("between variants", _between)):
            groups = {f"strength {key}": pick(found, key, name) for key in summary.strengths}
            groups = {group: values for group, values in groups.items() if values}
            if groups:
                lines = {"same person below": threshold}
                uri = plots.histogram(groups, f"{name}'s distance", lines)
                figures.append(Figure(uri, f"Identity distance {what} ({name})"))
    return figures


def _to_reference(found: Sequence[ReferenceRecord], key: str, name: str) -> list[float]:
    pictures = (picture for record in found for picture in record.strengths[key].variants)
    return [picture.identity[name] for picture in pictures if name in picture.identity]


def _between(found: Sequence[ReferenceRecord], key: str, name: str) -> list[float]:
    return [value for record in found for value in between_of(record.strengths[key].between, name)]


def _structure(summary: Summary, found: Sequence[ReferenceRecord]) -> list[Figure]:
    groups: dict[str, tuple[list[float], list[float]]] = {}
    for key in summary.strengths:
        pictures = (picture for record in found for picture in record.strengths[key].variants)
        if moved := [picture.structure for picture in pictures if picture.structure]:
            deviations = [delta.landmark_nme for delta in moved]
            groups[f"strength {key}"] = deviations, [largest_angle(delta) for delta in moved]
    if not groups:
        return []
    box = (limits.KEPT_NME, limits.KEPT_ANGLE)
    uri = plots.scatter(groups, "landmark deviation (NME)", "largest angle, degrees", box)
    return [Figure(uri, "Structure; inside the box it counts as kept")]


def _costs(summary: Summary) -> list[Figure]:
    """Plot the gains and costs of the strengths, where several were measured."""
    columns = summary.strengths
    if len(columns) < 2:
        return []
    lines = {
        "different person": [column.different for column in columns.values()],
        "structure kept": [column.structure_kept for column in columns.values()],
        "both": [column.both for column in columns.values()],
    }
    uri = plots.curves([float(key) for key in columns], lines, "strength", "share of variants")
    return [Figure(uri, "What a strength brings and costs")]


def _contact_sheets(summary: Summary, found: Sequence[ReferenceRecord]) -> dict[str, Figure]:
    """Draw strength -> references, each with its inversion and its variants in one row."""
    sheets = {}
    for key in summary.strengths:
        rows = [record for record in found if key in record.pictures][:SHEET_ROWS]
        if not rows:
            continue
        columns = 2 + max(len(record.pictures[key]) for record in rows)
        pictures: list[np.ndarray] = []
        for record in rows:
            line = [record.pictures["reference"], record.pictures["inversion"]]
            line = _sized([*line, *record.pictures[key]])
            blank = np.full_like(line[0], 255)
            pictures += line + [blank] * (columns - len(line))
        uri = plots.picture(images.grid(pictures, columns))
        sheets[key] = Figure(uri, "Reference, the model's picture of it, variants")
    return sheets


def _sized(pictures: Iterable[np.ndarray]) -> list[np.ndarray]:
    return [images.resize(picture, SHEET_PICTURE) for picture in pictures]
