"""The evaluation's report: report.html, report.csv, report.json."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import images
from ..files import write_file
from ..studio import Studio
from ..types import KEPT_ANGLE, KEPT_NME
from . import page, plots
from .measuring import Record, of_kind
from .summary import ANGLES, EXPRESSIONS

SHEET_ROWS, SHEET_PICTURE = 12, 96  # references on a contact sheet; pixels of a picture
NAMES = ("report.html", "report.csv", "report.json")


def write(out: Path, summary: dict, records: Sequence[Record], studio: Studio) -> list[Path]:
    """All three files; returns their paths. Raises OutputError."""
    contents = (
        html(summary, records, studio),
        table_csv(records),
        json.dumps(summary, indent=1) + "\n",
    )
    for name, content in zip(NAMES, contents, strict=True):
        write_file(out / name, content.encode())
    return [out / name for name in NAMES]


def table(summary: dict) -> tuple[list[str], list[list[str]]]:
    """(head, rows) of the one table: a column a strength, and one for the inversion."""
    strengths = summary["strengths"]
    inversion = summary["inversion"] or {}
    columns = [inversion, *strengths.values()]
    rows = [
        ["detected as a face", *(_percent(c.get("face")) for c in columns)],
        ["a different person", *(_percent(c.get("different")) for c in columns)],
        ["structure kept", *(_percent(c.get("structure_kept")) for c in columns)],
        ["different and structure kept", *(_percent(c.get("both")) for c in columns)],
        ["dial reached its target", *(_percent(c.get("dial_reached")) for c in columns)],
        ["detector's confidence", *(_range(c.get("confidence")) for c in columns)],
    ]
    for recogniser in summary["judges"]:
        rows += [
            [
                f"{recogniser}, to the reference",
                *(_range((c.get("identity") or {}).get(recogniser)) for c in columns),
            ],
            [
                f"{recogniser}, between variants",
                *(_range((c.get("between") or {}).get(recogniser)) for c in columns),
            ],
        ]
    pairs = [c.get("pairs") or {} for c in columns]
    rows += [
        [
            "pairs of variants: two people to all recognisers",
            *(_percent(p.get("two")) for p in pairs),
        ],
        [
            "pairs of variants: one person to all recognisers",
            *(_percent(p.get("one")) for p in pairs),
        ],
        ["landmark deviation (NME)", *(_range(c.get("landmark_nme"), 3) for c in columns)],
        ["largest angle, degrees", *(_range(c.get("largest_angle"), 1) for c in columns)],
        *(
            [f"{name.split('_')[0]} opening, change", *(_range(c.get(name), 3) for c in columns)]
            for name in EXPRESSIONS
        ),
        ["sharpness over the reference's", *(_range(c.get("sharpness")) for c in columns)],
    ]
    for kind in sorted({name for c in strengths.values() for name in c.get("sets") or {}}):
        found = [(c.get("sets") or {}).get(kind, {}) for c in columns]
        rows.append([f"Fréchet distance ({kind})", *(_number(f.get("frechet")) for f in found)])
        if kind != "inception":
            rows.append([f"precision ({kind})", *(_percent(f.get("precision")) for f in found)])
            rows.append([f"recall ({kind})", *(_percent(f.get("recall")) for f in found)])
    head = ["", "inversion", *(f"strength {key}" for key in strengths)]
    return head, [row for row in rows if any(cell != "–" for cell in row[1:])]


def html(summary: dict, records: Sequence[Record], studio: Studio) -> str:
    model = summary["model"]
    parts = [
        page.paragraph(
            f"{model['name']}, {model['resolution']}x{model['resolution']} pixels, licence "
            f"{model['licence']}; {summary['references']} references, "
            f"{summary['options']['variants']} variants of each; on {summary['device']}. "
            "Recognisers: "
            + ", ".join(f"{k} (same person below {v:g})" for k, v in summary["judges"].items())
            + ". Medians, in brackets the 10th and 90th percentile."
        )
    ]
    if summary["bars"]:
        lines = [
            page.verdict(f"{b['bar']}: {b['reached']:.3f}, wanted {b['wanted']:g}", b["met"])
            for b in summary["bars"]
        ]
        parts += [page.heading("The bars"), f"<ul>{''.join(lines)}</ul>"]
    if summary["strengths"]:
        parts += [page.heading("The table"), page.table(*table(summary))]
    parts += _samples(summary, records)
    if summary["seconds"]:
        found = [[k, f"{v:.3f}"] for k, v in summary["seconds"].items()]
        parts += [
            page.heading(f"Seconds per stage on {summary['device']}"),
            page.table(["stage", "median"], found),
        ]
    drawn = _plots(records, summary)
    if drawn:
        parts += [page.heading("Plots"), page.figures(drawn)]
    parts += _contact_sheets(records, summary)
    if summary["unusable"]:
        rows = [[one["name"], one["why"]] for one in summary["unusable"]]
        parts += [page.heading("References that could not be used"), page.table(["", "why"], rows)]
    return page.document(f"Facegen: what {model['name']} is worth", parts)


def _samples(summary: dict, records: Sequence[Record]) -> list[str]:
    found = summary["samples"]
    if not found:
        return []
    rows = [
        ["faces drawn", str(found["count"])],
        ["detected as a face", _percent(found["face"])],
        ["detector's confidence", _range(found["confidence"])],
        *([f"{k}, between samples", _range(v)] for k, v in found["between"].items()),
        ["sharpness, grey levels", _range(found["sharpness_levels"])],
    ]
    for kind, one in (found["sets"] or {}).items():
        rows.append([f"Fréchet distance to the references ({kind})", _number(one["frechet"])])
        if kind != "inception":
            rows.append([f"precision, recall ({kind})", f"{one['precision']:.1%}, "
                         f"{one['recall']:.1%}"])  # fmt: skip
    pictures = np.concatenate([r.pictures["samples"] for r in of_kind(records, "samples")])[:48]
    return [
        page.heading(f"Random faces at psi {found['truncation_psi']:g}"),
        page.table(["", ""], rows),
        page.figure(plots.picture(images.grid(_sized(pictures), 12)), "The first ones", "sheet"),
    ]


def _plots(records: Sequence[Record], summary: dict) -> list[str]:
    found = of_kind(records, "reference")
    drawn = []
    confidence: dict[str, list[float]] = {}
    structure: dict[str, tuple[list, list]] = {}
    for key in summary["strengths"]:
        measurements = [v for r in found for v in r.facts["strengths"][key]["variants"]]
        if measurements:
            confidence[f"strength {key}"] = [
                measurement["confidence"] for measurement in measurements
            ]
        seen = [
            measurement["structure"] for measurement in measurements if measurement["structure"]
        ]
        if seen:
            angles = [max(abs(one[a]) for a in ANGLES) for one in seen]
            structure[f"strength {key}"] = ([one["landmark_nme"] for one in seen], angles)
    samples = [v for r in of_kind(records, "samples") for v in r.facts["confidence"]]
    if samples:
        confidence["random faces"] = samples
    if confidence:
        drawn.append(
            page.figure(
                plots.histogram(confidence, "confidence", low=0, high=1),
                "How sure the face detector is",
            )
        )
    for recogniser, threshold in summary["judges"].items():
        for what, pick in (("to the reference", _to_reference), ("between variants", _between)):
            groups = {f"strength {k}": pick(found, k, recogniser) for k in summary["strengths"]}
            groups = {name: values for name, values in groups.items() if values}
            if groups:
                lines = {"same person below": threshold}
                uri = plots.histogram(groups, f"{recogniser}'s distance", lines)
                drawn.append(page.figure(uri, f"Identity distance {what} ({recogniser})"))
    if structure:
        box = (KEPT_NME, KEPT_ANGLE)
        uri = plots.scatter(structure, "landmark deviation (NME)", "largest angle, degrees", box)
        drawn.append(page.figure(uri, "Structure; inside the box it counts as kept"))
    if len(summary["strengths"]) > 1:
        columns = summary["strengths"]
        lines = {
            name: [column[key] for column in columns.values()]
            for name, key in (
                ("different person", "different"),
                ("structure kept", "structure_kept"),
                ("both", "both"),
            )
        }
        uri = plots.curves([float(k) for k in columns], lines, "strength", "share of variants")
        drawn.append(page.figure(uri, "What a strength brings and costs"))
    return drawn


def _to_reference(found: list[Record], key: str, recogniser: str) -> list[float]:
    measurements = (v for r in found for v in r.facts["strengths"][key]["variants"])
    return [
        measurement["identity"][recogniser]
        for measurement in measurements
        if recogniser in measurement["identity"]
    ]


def _between(found: list[Record], key: str, recogniser: str) -> list[float]:
    tables = (r.facts["strengths"][key]["between"].get(recogniser, []) for r in found)
    return [v for rows in tables for i, row in enumerate(rows) for v in row[:i] if v is not None]


def _contact_sheets(records: Sequence[Record], summary: dict) -> list[str]:
    parts = []
    for key in summary["strengths"]:
        rows = [r for r in of_kind(records, "reference") if key in r.pictures][:SHEET_ROWS]
        if not rows:
            continue
        columns = 2 + max(len(r.pictures[key]) for r in rows)
        pictures: list[np.ndarray] = []
        for record in rows:
            line = [record.pictures["reference"], record.pictures["inversion"]]
            line = _sized([*line, *record.pictures[key]])
            blank = np.full_like(line[0], 255)
            pictures += line + [blank] * (columns - len(line))
        caption = "Reference, the model's picture of it, variants"
        sheet = plots.picture(images.grid(pictures, columns))
        parts += [page.heading(f"Strength {key}"), page.figure(sheet, caption, "sheet")]
    return parts


def _sized(pictures) -> list[np.ndarray]:
    from .. import images

    return [images.resize(one, SHEET_PICTURE) for one in pictures]


def table_csv(records: Sequence[Record]) -> str:
    """One line a variant."""
    file = io.StringIO()
    recognisers = sorted(
        {
            name
            for r in of_kind(records, "reference")
            for part in r.facts["strengths"].values()
            for measurement in part["variants"]
            for name in measurement["identity"]
        }
    )
    structure = ("landmark_nme", *ANGLES, *EXPRESSIONS)
    writer = csv.writer(file, lineterminator="\n")
    facts = ("reference", "strength", "variant", "face", "confidence", "different", "kept")
    writer.writerow([*facts, *recognisers, *structure, "sharpness"])
    for record in of_kind(records, "reference"):
        for key, part in record.facts["strengths"].items():
            for number, measurement in enumerate(part["variants"], start=1):
                moved = measurement["structure"] or {}
                writer.writerow(
                    [
                        record.facts["name"],
                        key,
                        number,
                        measurement["face"],
                        f"{measurement['confidence']:.4f}",
                    ]
                    + [measurement["different"], measurement["kept"]]
                    + [_cell(measurement["identity"].get(recogniser)) for recogniser in recognisers]
                    + [_cell(moved.get(name)) for name in structure]
                    + [f"{measurement['sharpness']:.3f}"]
                )
    return file.getvalue()


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _range(middle: dict | None, digits: int = 2) -> str:
    if not middle:
        return "–"
    return (
        f"{middle['median']:.{digits}f} ({middle['low']:.{digits}f}, {middle['high']:.{digits}f})"
    )
