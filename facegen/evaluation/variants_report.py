"""The usual set of metrics: what a model's variants of photos and its random faces are worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import images, limits
from ..measure.identity.dlib_recogniser import Recogniser
from ..measure.identity.recognisers import one_by_one
from ..options import EvaluateOptions, VaryOptions
from ..studio import Studio
from ..types import StructureDelta
from . import plots, report
from .metrics import (
    Estimate,
    frechet,
    inception_features,
    inception_weights,
    percentiles,
    precision_recall,
)
from .report import Bar, Figure, Measure
from .store import SOURCE, Row
from .variants import INVERSION, Compared, Picture, vector_of

BAR_BOTH, BAR_FACE = 0.90, 0.98  # what the project holds itself to, at the default strength
DISTANCES_OF = 400  # samples of which all pairs are measured
SHEET_ROWS, SHEET_PICTURE = 12, 96  # references on a contact sheet; pixels of a picture
SAMPLES_SHOWN, SAMPLES_A_ROW = 48, 12
MIDDLE = ("median", "low", "high", "n")  # an Estimate's names in report.json

ANGLES = ("yaw_delta", "pitch_delta", "roll_delta")
EXPRESSIONS = ("mouth_delta", "smile_delta", "eyes_delta")
SETS = (
    Measure("sets {} frechet", "Fréchet distance to the references ({})", 3),
    Measure("sets {} precision", "precision ({})"),
    Measure("sets {} recall", "recall ({})"),
)
MEASURES = (
    Measure("face", "detected as a face"),
    Measure("different", "a different person"),
    Measure("structure_kept", "structure kept"),
    Measure("both", "different and structure kept"),
    Measure("dial_reached", "dial reached its target"),
    Measure("confidence", "detector's confidence", 2),
    Measure("identity {}", "{}, to the reference", 2),
    Measure("between {}", "{}, between variants", 2),
    Measure("pairs two", "pairs of variants: two people to all recognisers"),
    Measure("pairs one", "pairs of variants: one person to all recognisers"),
    Measure("landmark_nme", "landmark deviation (NME)", 3),
    Measure("largest_angle", "largest angle, degrees", 1),
    Measure("mouth_delta", "mouth opening, change", 3),
    Measure("smile_delta", "smile opening, change", 3),
    Measure("eyes_delta", "eyes opening, change", 3),
    Measure("sharpness", "sharpness over the reference's", 2),
    *SETS,
)
SAMPLE_MEASURES = (
    Measure("count", "faces drawn", 0),
    Measure("face", "detected as a face"),
    Measure("confidence", "detector's confidence", 2),
    Measure("between {}", "{}, between samples", 2),
    Measure("sharpness_levels", "sharpness, grey levels", 2),
    *SETS,
)

# --- summarising -------------------------------------------------------------------------


def summarise(studio: Studio, found: Compared, options: EvaluateOptions) -> dict[str, Any]:
    """Compute the content of report.json: shares, medians, distances between sets, the bars.

    judges: the recognisers, name -> the threshold below which two pictures show one person.
    references: how many were used. seconds: medians on this device."""
    strengths = {key: _strength(found, key, studio) for key in found.strengths}
    return {
        "model": {
            "name": studio.info.name,
            "resolution": studio.resolution,
            "licence": studio.info.licence,
        },
        "device": str(studio.device),
        "judges": {one.name: one.threshold for one in studio.recognisers},
        "options": {"variants": options.variants, "seed": options.seed},
        "references": len(found.references),
        "unusable": found.unusable,
        "kept_means": {"landmark_nme": limits.KEPT_NME, "angle": limits.KEPT_ANGLE},
        "inversion": _inversions(found),
        "strengths": strengths,
        "samples": _sample_numbers(found, studio, options),
        "seconds": _seconds(found),
        "bars": bars_of(strengths.get(f"{VaryOptions.strength:g}"), studio.recognisers),
    }


def as_json(summary: Mapping[str, Any]) -> Any:
    """Convert a summary for JSON."""
    return report.plain_json(summary, MIDDLE)


def bars_of(column: Mapping[str, Any] | None, recognisers: Sequence[Recogniser]) -> list[Bar]:
    """Compute the project's own bars at the default strength; none where it was not measured."""
    if column is None:
        return []
    bars = [
        Bar("different and structure kept", BAR_BOTH, column["both"]),
        Bar("detected as a face", BAR_FACE, column["face"] or 0.0),  # None: no variant was made
    ]
    for one in recognisers:
        if middle := column["between"].get(one.name):
            name = f"median distance between variants ({one.name})"
            bars.append(Bar(name, one.threshold, middle.value))
    return bars


def pairs_of(
    tables: Sequence[Mapping[str, list[list[float | None]]]], recognisers: Sequence[Recogniser]
) -> dict[str, float] | None:
    """Summarise the pairs of variants of each reference; None where there is none.

    tables: a reference each, recogniser's name -> [N, N] distances, None without a face. two, one:
    the shares that all recognisers call two people, and one person; on the rest they disagree, or
    some found no face."""
    different: list[list[bool | None]] = []  # of each pair, to each recogniser
    for table in tables:
        if not recognisers or any(one.name not in table for one in recognisers):
            continue
        for pair in zip(*(_lower(table[one.name]) for one in recognisers), strict=True):
            different.append(
                [
                    None if distance is None else distance >= one.threshold
                    for distance, one in zip(pair, recognisers, strict=True)
                ]
            )
    if not different:
        return None
    two = [all(said is True for said in pair) for pair in different]
    one = [all(said is False for said in pair) for pair in different]
    return {"count": len(different), "two": float(np.mean(two)), "one": float(np.mean(one))}


def _inversions(found: Compared) -> dict[str, Any] | None:
    """Summarise the model's own pictures of the references."""
    pictures = found.inversions
    if not pictures:
        return None
    return {
        "distance": percentiles(rows.facts["distance"] for rows in found.references),
        "face": _share([picture.face for picture in pictures]),
        "structure_kept": _share([picture.kept for picture in pictures]),
        "identity": _identity(pictures),
        "landmark_nme": percentiles(p.moved.landmark_nme for p in pictures if p.moved),
        "sharpness": percentiles(picture.sharper for picture in pictures),
    }


def _strength(found: Compared, key: str, studio: Studio) -> dict[str, Any]:
    """Summarise the variants at one strength: a column of the table.

    different, structure_kept and both are shares of all requested variants, face of those made."""
    pictures = [picture for variants in found.strengths[key] for picture in variants]
    facts = [rows.facts["strengths"][key] for rows in found.references]
    asked = sum(part["asked"] for part in facts)
    moved = [picture.moved for picture in pictures if picture.moved]
    tables = _between(found, key, studio.recognisers)
    return {
        "asked": asked,
        "made": len(pictures),
        "face": _share([picture.face for picture in pictures]),
        "different": sum(picture.different for picture in pictures) / asked,
        "structure_kept": sum(picture.kept for picture in pictures) / asked,
        "both": sum(p.different and p.kept and p.face for p in pictures) / asked,
        "dial_reached": _share([p.reached for p in pictures if not np.isnan(p.reached)]),
        "tried": sum(part["tried"] for part in facts),
        "passed_over": dict(sum((Counter(part["passed_over"]) for part in facts), Counter())),
        "confidence": percentiles(picture.confidence for picture in pictures),
        "identity": _identity(pictures),
        "between": {
            one.name: percentiles(_distances(tables, one.name)) for one in studio.recognisers
        },
        "pairs": pairs_of(tables, studio.recognisers),
        "landmark_nme": percentiles(delta.landmark_nme for delta in moved),
        "largest_angle": percentiles(_largest_angle(delta) for delta in moved),
        "sharpness": percentiles(picture.sharper for picture in pictures),
        "sets": _sets(found, [picture.row for picture in pictures], studio),
        **{name: percentiles(abs(getattr(d, name)) for d in moved) for name in EXPRESSIONS},
    }


def _sample_numbers(
    found: Compared, studio: Studio, options: EvaluateOptions
) -> dict[str, Any] | None:
    """Summarise random faces; sharpness in grey levels, as there is no reference."""
    if found.samples is None:
        return None
    rows, fields = found.samples.rows, found.samples.fields
    between = {}
    for one in studio.recognisers:
        vectors = [vector for row in rows if (vector := vector_of(row, one)) is not None]
        if some := vectors[:DISTANCES_OF]:
            apart = (one.distance(a, b) for i, a in enumerate(some) for b in some[:i])
            between[one.name] = percentiles(apart)
    return {
        "count": len(rows),
        "truncation_psi": options.truncation_psi,
        "face": _share(fields["plausible"]),
        "confidence": percentiles(fields["confidence"]),
        "sharpness_levels": percentiles(fields["sharpness"]),
        "between": between,
        "sets": _sets(found, rows, studio),
    }


def _sets(found: Compared, rows: Sequence[Row], studio: Studio) -> dict[str, Any] | None:
    """Compare pictures with the references as sets, by each recogniser's vectors.

    And by Inception's features where its weights are available; precision and recall as shares."""
    result: dict[str, Any] = {}
    references = [one.row(SOURCE) for one in found.references]
    for one in studio.recognisers:
        parts = (
            [v for row in part if (v := vector_of(row, one)) is not None]
            for part in (references, rows)
        )
        real, made = (np.array(part) for part in parts)
        if min(len(real), len(made)) > 1:
            precision, recall = precision_recall(real, made)
            result[one.name] = _set_distance(real, made, precision, recall)
    if result and inception_weights() and min(len(references), len(rows)) > 1:
        features = [
            inception_features([row["pixels"] for row in part], studio.device)
            for part in (references, rows)
        ]
        result["inception"] = _set_distance(features[0], features[1])
    return result or None


def _set_distance(
    real: np.ndarray,
    made: np.ndarray,
    precision: float | None = None,
    recall: float | None = None,
) -> dict[str, Any]:
    n = (len(real), len(made))
    return {"frechet": frechet(real, made), "n": n, "precision": precision, "recall": recall}


def _seconds(found: Compared) -> dict[str, float] | None:
    if not found.references:
        return None
    facts = [rows.facts for rows in found.references]
    result = {
        name: float(np.median([part[f"{name}_seconds"] for part in facts]))
        for name in ("align", "invert")
    }
    for key, variants in found.strengths.items():
        each = [
            part["strengths"][key]["seconds"] / max(len(pictures), 1)
            for part, pictures in zip(facts, variants, strict=True)
        ]
        result[f"variant at {key}"] = float(np.median(each))
    return result


def _between(
    found: Compared, key: str, recognisers: Sequence[Recogniser]
) -> list[dict[str, list[list[float | None]]]]:
    """Measure the distances between the variants of each reference, by each recogniser."""
    return [
        {
            one.name: one_by_one([vector_of(p.row, one) for p in pictures], one.distance)
            for one in recognisers
        }
        for pictures in found.strengths[key]
    ]


def _distances(tables: Sequence[Mapping[str, list[list[float | None]]]], name: str) -> list[float]:
    return [d for table in tables for d in _lower(table[name]) if d is not None]


def _lower(table: list[list[float | None]]) -> list[float | None]:
    """List each pair once."""
    return [distance for i, row in enumerate(table) for distance in row[:i]]


def _largest_angle(moved: StructureDelta) -> float:
    """Return the largest angle in degrees."""
    return max(abs(getattr(moved, name)) for name in ANGLES)


def _share(values: Sequence[float] | np.ndarray) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _identity(pictures: Sequence[Picture]) -> dict[str, Estimate | None]:
    names = sorted({name for picture in pictures for name in picture.identity})
    return {
        name: percentiles(p.identity[name] for p in pictures if name in p.identity)
        for name in names
    }


# --- reporting ---------------------------------------------------------------------------


def write(out: Path, summary: dict[str, Any], found: Compared, studio: Studio) -> list[Path]:
    """Write report.html, report.csv, report.json; returns their paths. Raises OutputError."""
    contents = {"html": html(summary, found, studio), "csv": as_csv(found)}
    return report.write(out, "report", as_json(summary), **contents)


def table_of(summary: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Make (head, rows): a column a strength, and one for the inversion."""
    columns = {f"strength {key}": column for key, column in summary["strengths"].items()}
    columns = {INVERSION: summary["inversion"] or {}, **columns}
    return report.table(MEASURES, {name: report.flat(column) for name, column in columns.items()})


def as_csv(found: Compared) -> str:
    """Format one line a variant."""
    variants = [
        (rows.facts["name"], key, k, picture)
        for place, rows in enumerate(found.references)
        for key, of in found.strengths.items()
        for k, picture in enumerate(of[place], start=1)
    ]
    recognisers = sorted({name for *_, picture in variants for name in picture.identity})
    changes = ("landmark_nme", *ANGLES, *EXPRESSIONS)

    def number(value: float | None) -> str:
        return "" if value is None else f"{value:.4f}"

    head = ("reference", "strength", "variant", "face", "confidence", "different", "kept")
    return report.as_csv(
        [*head, *recognisers, *changes, "sharpness"],
        (
            [
                *(name, key, k, p.face, number(p.confidence), p.different, p.kept),
                *(number(p.identity.get(recogniser)) for recogniser in recognisers),
                *(number(getattr(p.moved, change, None)) for change in changes),
                f"{p.sharpness:.3f}",
            ]
            for name, key, k, p in variants
        ),
    )


def html(summary: Mapping[str, Any], found: Compared, studio: Studio) -> str:
    """Render the report's page."""
    head, rows = table_of(summary)
    samples = None
    if found.samples:
        pictures = _sized(found.samples.fields["pixels"][:SAMPLES_SHOWN])
        sheet = plots.picture(images.grid(pictures, SAMPLES_A_ROW))
        _, numbers = report.table(SAMPLE_MEASURES, {"": report.flat(summary["samples"])})
        samples = {"rows": numbers, "first": Figure(sheet, "The first ones")}
    return report.render(
        "report.html",
        f"Facegen: what {summary['model']['name']} is worth",
        summary=summary,
        head=head,
        rows=rows,
        samples=samples,
        figures=[
            *_confidence(found),
            *_identity_plots(found, studio),
            *_structure(found),
            *_costs(summary),
        ],
        sheets=_contact_sheets(found),
    )


def _groups(found: Compared, pick: Callable[[Picture], Iterable[float]]) -> dict[str, list[float]]:
    """Return strength -> numbers of its variants, where there are any."""
    groups = {
        f"strength {key}": [
            value for pictures in of for picture in pictures for value in pick(picture)
        ]
        for key, of in found.strengths.items()
    }
    return {name: values for name, values in groups.items() if values}


def _confidence(found: Compared) -> list[Figure]:
    groups = _groups(found, lambda picture: [picture.confidence])
    if found.samples:
        groups["random faces"] = found.samples.fields["confidence"].tolist()
    if not groups:
        return []
    uri = plots.histogram(groups, "confidence", low=0, high=1)
    return [Figure(uri, "How sure the face detector is")]


def _identity_plots(found: Compared, studio: Studio) -> list[Figure]:
    """Plot distances to the reference and between the variants, by each recogniser."""
    figures = []
    for one in studio.recognisers:
        to_reference = _groups(found, partial(_to_reference, one.name))
        between = {
            f"strength {key}": values
            for key in found.strengths
            if (values := _distances(_between(found, key, [one]), one.name))
        }
        for what, groups in (("to the reference", to_reference), ("between variants", between)):
            if groups:
                lines = {"same person below": one.threshold}
                uri = plots.histogram(groups, f"{one.name}'s distance", lines)
                figures.append(Figure(uri, f"Identity distance {what} ({one.name})"))
    return figures


def _to_reference(name: str, picture: Picture) -> list[float]:
    return [picture.identity[name]] if name in picture.identity else []


def _structure(found: Compared) -> list[Figure]:
    deviations = _groups(found, lambda p: [p.moved.landmark_nme] if p.moved else [])
    angles = _groups(found, lambda p: [_largest_angle(p.moved)] if p.moved else [])
    if not deviations:
        return []
    groups = {name: (values, angles[name]) for name, values in deviations.items()}
    box = (limits.KEPT_NME, limits.KEPT_ANGLE)
    uri = plots.scatter(groups, "landmark deviation (NME)", "largest angle, degrees", box)
    return [Figure(uri, "Structure; inside the box it counts as kept")]


def _costs(summary: Mapping[str, Any]) -> list[Figure]:
    """Plot the gains and costs of the strengths, where several were measured."""
    columns = summary["strengths"]
    if len(columns) < 2:
        return []
    names = {"different person": "different", "structure kept": "structure_kept", "both": "both"}
    lines = {name: [c[key] for c in columns.values()] for name, key in names.items()}
    uri = plots.curves([float(key) for key in columns], lines, "strength", "share of variants")
    return [Figure(uri, "What a strength brings and costs")]


def _contact_sheets(found: Compared) -> dict[str, Figure]:
    """Draw strength -> references, each with its inversion and its variants in one row."""
    sheets = {}
    for key, of in found.strengths.items():
        rows = [
            [place.row(SOURCE), place.row(INVERSION), *(picture.row for picture in pictures)]
            for place, pictures in zip(found.references, of, strict=True)
            if pictures
        ][:SHEET_ROWS]
        if not rows:
            continue
        columns = max(map(len, rows))
        tiles: list[np.ndarray] = []
        for line in rows:
            tiles += _sized(row["pixels"] for row in line)
            tiles += [np.full_like(tiles[0], 255)] * (columns - len(line))
        uri = plots.picture(images.grid(tiles, columns))
        sheets[key] = Figure(uri, "Reference, the model's picture of it, variants")
    return sheets


def _sized(pictures: Iterable[np.ndarray]) -> list[np.ndarray]:
    return [images.resize(picture, SHEET_PICTURE) for picture in pictures]
