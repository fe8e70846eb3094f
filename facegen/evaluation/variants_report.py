"""The usual set of metrics: what a model's variants of photos and its random faces are worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from .. import limits
from ..measure.identity.dlib_recogniser import Recogniser, compare
from ..options import EvaluateOptions, VaryOptions
from ..studio import Studio
from ..types import IdentityDistance
from . import report
from .measure import changes
from .metrics import frechet, inception_features, inception_weights, percentiles, precision_recall
from .report import Bar, Figure, Measure
from .store import SOURCE, Row, Rows
from .variants import INVERSION

BAR_BOTH, BAR_FACE = 0.90, 0.98  # what the project holds itself to, at the default strength
DISTANCES_OF = 400  # samples of which all pairs are measured
SHEET_ROWS = 12  # references on a contact sheet
SAMPLES_SHOWN, SAMPLES_A_ROW = 48, 12
SAME = "same person below"
MIDDLE = ("median", "low", "high", "n")  # an Estimate's names in report.json

EXPRESSIONS = ("mouth_delta", "smile_delta", "eyes_delta")
CHANGES = ("landmark_nme", "yaw_delta", "pitch_delta", "roll_delta", *EXPRESSIONS)
MEASURES = (
    Measure("count", "faces drawn", 0),
    Measure("face", "detected as a face"),
    Measure("different", "a different person"),
    Measure("structure_kept", "structure kept"),
    Measure("both", "different and structure kept"),
    Measure("dial_reached", "dial reached its target"),
    Measure("confidence", "detector's confidence", 2),
    Measure("identity {}", "{}, to the reference", 2),
    Measure("between {}", "{}, to each other", 2),
    Measure("pairs two", "pairs of variants: two people to all recognisers"),
    Measure("pairs one", "pairs of variants: one person to all recognisers"),
    Measure("landmark_nme", "landmark deviation (NME)", 3),
    Measure("largest_angle", "largest angle, degrees", 1),
    Measure("mouth_delta", "mouth opening, change", 3),
    Measure("smile_delta", "smile opening, change", 3),
    Measure("eyes_delta", "eyes opening, change", 3),
    Measure("sharpness", "sharpness over the reference's", 2),
    Measure("sharpness_levels", "sharpness, grey levels", 2),
    Measure("sets {} frechet", "Fréchet distance to the references ({})", 3),
    Measure("sets {} precision", "precision ({})"),
    Measure("sets {} recall", "recall ({})"),
)

# --- comparing ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Picture:
    """One picture beside its reference.

    place: the reference's. kind: INVERSION, or the strength in words; k: the number of the variant.
    numbers: by the keys of MEASURES, NaN or missing where there is none; "sharpness_levels" in grey
    levels."""

    place: int
    kind: str
    k: str
    row: Row
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class Compared:
    """All that was measured. unusable: names of references, and why. samples: random faces."""

    references: Sequence[Rows]
    unusable: Sequence[Mapping[str, Any]]
    recognisers: Sequence[Recogniser]
    strengths: Sequence[str]
    pictures: Sequence[Picture]
    samples: Rows | None

    def of(self, kind: str, place: int | None = None) -> list[Picture]:
        """List the pictures of one kind, of all references or of one."""
        return [p for p in self.pictures if p.kind == kind and place in (None, p.place)]

    def values(self, kind: str, name: str) -> list[float]:
        """List a number of the pictures of one kind that have it."""
        numbers = (picture.numbers.get(name, np.nan) for picture in self.of(kind))
        return [number for number in numbers if not np.isnan(number)]

    def pairs(self, kind: str) -> list[dict[str, float]]:
        """Measure each pair of variants of one reference: recogniser's name -> distance."""
        return [
            {name: d.distance for name, d in _distances(one.row, two.row, self.recognisers).items()}
            for place in range(len(self.references))
            for one, two in combinations(self.of(kind, place), 2)
        ]


def compared(studio: Studio, records: Iterable[Rows], options: EvaluateOptions) -> Compared:
    """Compare every picture with its reference."""
    records = list(records)
    found = [rows for rows in records if SOURCE in rows.names]
    pictures = []
    for place, rows in enumerate(found):
        source = rows.row(SOURCE)
        for name, row in zip(rows.names, rows.rows, strict=True):
            kind, _, k = name.partition(" ")
            if kind != SOURCE:
                numbers = _numbers(source, row, studio.recognisers)
                pictures.append(Picture(place, kind, k, row, numbers))
    return Compared(
        references=found,
        unusable=[dict(rows.facts) for rows in records if "why" in rows.facts],
        recognisers=studio.recognisers,
        strengths=[f"{strength:g}" for strength in options.strengths] if found else [],
        pictures=pictures,
        samples=Rows.joined([r for r in records if r.names and SOURCE not in r.names]),
    )


def _numbers(source: Row, row: Row, recognisers: Sequence[Recogniser]) -> dict[str, float]:
    moved = changes(source["mesh"], row["mesh"])
    identity = _distances(source, row, recognisers)
    face = bool(row["detected"] and not row["natural"] <= 0)
    different = bool(identity) and not any(found.same_person for found in identity.values())
    kept = bool(moved.get("kept"))
    return {
        "face": face,
        "different": different,
        "structure_kept": kept,
        "both": different and kept and face,
        "dial_reached": float(row["reached"]),
        "confidence": float(row["confidence"]),
        "sharpness": float(row["sharpness"]) / max(float(source["sharpness"]), 1e-9),
        "sharpness_levels": float(row["sharpness"]),
        **{f"identity {name}": found.distance for name, found in identity.items()},
        **moved,
    }


def _distances(
    first: Row, second: Row, recognisers: Sequence[Recogniser]
) -> dict[str, IdentityDistance]:
    """Compare two pictures by the recognisers that see a face in both."""
    return {
        one.name: compare(one, a, b)
        for one in recognisers
        if (a := _vector(first, one)) is not None and (b := _vector(second, one)) is not None
    }


def _vector(row: Row, recogniser: Recogniser) -> np.ndarray | None:
    vector = row[f"vector {recogniser.name}"].astype(np.float64)
    return None if np.isnan(vector).any() else vector


def _vectors(rows: Sequence[Row], recogniser: Recogniser) -> np.ndarray:
    """Stack the vectors of the rows that have one."""
    return np.array([v for row in rows if (v := _vector(row, recogniser)) is not None])


# --- summarising -------------------------------------------------------------------------


def summarise(studio: Studio, found: Compared, options: EvaluateOptions) -> dict[str, Any]:
    """Compute the content of report.json: shares, medians, distances between sets, the bars.

    judges: the recognisers, name -> the threshold below which two pictures show one person.
    references: how many were used. seconds: medians on this device."""
    strengths = {kind: _strength(found, kind, studio) for kind in found.strengths}
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
        "inversion": _inversion(found) if found.references else None,
        "strengths": strengths,
        "samples": _samples(found.samples, found, studio, options) if found.samples else None,
        "seconds": _seconds(found) if found.references else None,
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
    pairs: Sequence[Mapping[str, float]], recognisers: Sequence[Recogniser]
) -> dict[str, float] | None:
    """Summarise the pairs of variants of each reference; None where there is none.

    pairs: recogniser's name -> distance. two, one: the shares that all recognisers call two people,
    and one person; on the rest they disagree, or some found no face."""
    if not pairs or not recognisers:
        return None
    apart = np.array([[pair.get(one.name, np.nan) for one in recognisers] for pair in pairs])
    limits = np.array([one.threshold for one in recognisers])
    two, one = ((apart >= limits).all(axis=1), (apart < limits).all(axis=1))
    return {"count": len(pairs), "two": float(two.mean()), "one": float(one.mean())}


def _inversion(found: Compared) -> dict[str, Any]:
    """Summarise the model's own pictures of the references."""
    return {
        "distance": percentiles(rows.facts["distance"] for rows in found.references),
        **_shares(found, INVERSION, "face", "structure_kept"),
        "identity": _identity(found, INVERSION),
        **_medians(found, INVERSION, "landmark_nme", "sharpness"),
    }


def _strength(found: Compared, kind: str, studio: Studio) -> dict[str, Any]:
    """Summarise the variants at one strength: a column of the table.

    different, structure_kept and both are shares of all requested variants, face of those made."""
    facts = [rows.facts["strengths"][kind] for rows in found.references]
    asked = sum(part["asked"] for part in facts)
    pairs = found.pairs(kind)
    return {
        "asked": asked,
        "made": len(found.of(kind)),
        **_shares(found, kind, "face", "dial_reached"),
        **{n: sum(found.values(kind, n)) / asked for n in ("different", "structure_kept", "both")},
        "tried": sum(part["tried"] for part in facts),
        "passed_over": dict(sum((Counter(part["passed_over"]) for part in facts), Counter())),
        "identity": _identity(found, kind),
        "between": {one.name: percentiles(_between(pairs, one)) for one in found.recognisers},
        "pairs": pairs_of(pairs, found.recognisers),
        **_medians(found, kind, "confidence", "landmark_nme", "largest_angle", "sharpness"),
        "sets": _sets(found, [picture.row for picture in found.of(kind)], studio),
        **_medians(found, kind, *EXPRESSIONS),
    }


def _samples(
    samples: Rows, found: Compared, studio: Studio, options: EvaluateOptions
) -> dict[str, Any]:
    """Summarise random faces; sharpness in grey levels, as there is no reference."""
    between = {}
    for one in found.recognisers:
        some = _vectors(samples.rows, one)[:DISTANCES_OF]
        if len(some):
            apart = (one.distance(a, b) for i, a in enumerate(some) for b in some[:i])
            between[one.name] = percentiles(apart)
    return {
        "count": len(samples.names),
        "truncation_psi": options.truncation_psi,
        "face": float(samples.fields["plausible"].mean()),
        "confidence": percentiles(samples.fields["confidence"]),
        "sharpness_levels": percentiles(samples.fields["sharpness"]),
        "between": between,
        "sets": _sets(found, samples.rows, studio),
    }


def _sets(found: Compared, rows: Sequence[Row], studio: Studio) -> dict[str, Any] | None:
    """Compare pictures with the references as sets, by each recogniser's vectors.

    And by Inception's features where its weights are available; precision and recall as shares."""
    references = [one.row(SOURCE) for one in found.references]
    sets = {one.name: (_vectors(references, one), _vectors(rows, one)) for one in found.recognisers}
    sets = {name: pair for name, pair in sets.items() if min(map(len, pair)) > 1}
    shares = {name: precision_recall(*pair) for name, pair in sets.items()}
    if sets and inception_weights():
        first, second = ([row["pixels"] for row in part] for part in (references, rows))
        features = inception_features([*first, *second], studio.device)
        sets["inception"] = features[: len(first)], features[len(first) :]
    result = {}
    for name, (real, made) in sets.items():
        precision, recall = shares.get(name, (None, None))
        n = (len(real), len(made))
        result[name] = {
            "frechet": frechet(real, made), "n": n, "precision": precision, "recall": recall
        }  # fmt: skip
    return result or None


def _seconds(found: Compared) -> dict[str, float]:
    seconds = {
        name: [rows.facts[f"{name}_seconds"] for rows in found.references]
        for name in ("align", "invert")
    }
    for kind in found.strengths:
        seconds[f"variant at {kind}"] = [
            rows.facts["strengths"][kind]["seconds"] / max(len(found.of(kind, place)), 1)
            for place, rows in enumerate(found.references)
        ]
    return {name: float(np.median(each)) for name, each in seconds.items()}


def _between(pairs: Sequence[Mapping[str, float]], recogniser: Recogniser) -> list[float]:
    return [pair[recogniser.name] for pair in pairs if recogniser.name in pair]


def _shares(found: Compared, kind: str, *names: str) -> dict[str, float | None]:
    """Return the share of the pictures that have a number; None without any."""
    values = {name: found.values(kind, name) for name in names}
    return {name: float(np.mean(of)) if of else None for name, of in values.items()}


def _medians(found: Compared, kind: str, *names: str) -> dict[str, Any]:
    return {name: percentiles(map(abs, found.values(kind, name))) for name in names}


def _identity(found: Compared, kind: str) -> dict[str, Any]:
    return {
        one.name: percentiles(found.values(kind, f"identity {one.name}"))
        for one in found.recognisers
    }


# --- reporting ---------------------------------------------------------------------------


def write(out: Path, summary: dict[str, Any], found: Compared) -> list[Path]:
    """Write report.html, report.csv, report.json; returns their paths. Raises OutputError."""
    contents = {"html": html(summary, found), "csv": as_csv(found)}
    return report.write(out, "report", as_json(summary), **contents)


def table_of(summary: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Make (head, rows): a column a strength, and one for the inversion."""
    columns = {f"strength {kind}": column for kind, column in summary["strengths"].items()}
    columns = {INVERSION: summary["inversion"] or {}, **columns}
    return report.table(MEASURES, {name: report.flat(column) for name, column in columns.items()})


def as_csv(found: Compared) -> str:
    """Format one line a variant."""
    names = {name: name for name in ("face", "confidence", "different")}
    names |= {"kept": "structure_kept"}
    names |= {name: f"identity {name}" for name in sorted(one.name for one in found.recognisers)}
    names |= {name: name for name in CHANGES} | {"sharpness": "sharpness_levels"}
    lines = []
    for picture in (picture for picture in found.pictures if picture.kind != INVERSION):
        reference = found.references[picture.place].facts["name"]
        values = (picture.numbers.get(name, "") for name in names.values())
        cells = (f"{value:.4f}" if isinstance(value, float) else value for value in values)
        lines.append([reference, picture.kind, picture.k, *cells])
    return report.as_csv(["reference", "strength", "variant", *names], lines)


def html(summary: Mapping[str, Any], found: Compared) -> str:
    """Render the report's page."""
    head, rows = table_of(summary)
    samples = None
    if found.samples:
        shown = found.samples.fields["pixels"][:SAMPLES_SHOWN]
        first = report.sheet("The first ones", [[pixels] for pixels in shown], SAMPLES_A_ROW)
        _, numbers = report.table(MEASURES, {"": report.flat(summary["samples"])})
        samples = {"rows": numbers, "first": first[0]}
    return report.render(
        "report.html",
        f"Facegen: what {summary['model']['name']} is worth",
        summary=summary,
        head=head,
        rows=rows,
        samples=samples,
        figures=[*_histograms(found), *_structure(found), *_costs(summary["strengths"])],
        sheets={kind: sheet for kind in found.strengths for sheet in _contact_sheet(found, kind)},
    )


def _histograms(found: Compared) -> list[Figure]:
    """Plot confidences, and each recogniser's distances to the reference and between variants."""

    def of(name: str) -> dict[str, list[float]]:
        return {f"strength {kind}": found.values(kind, name) for kind in found.strengths}

    confidences = of("confidence")
    if found.samples:
        confidences["random faces"] = found.samples.fields["confidence"].tolist()
    caption = "How sure the face detector is"
    figures = report.histogram(caption, confidences, "confidence", low=0, high=1)
    for one in found.recognisers:
        pairs = {f"strength {kind}": found.pairs(kind) for kind in found.strengths}
        between = {name: _between(part, one) for name, part in pairs.items()}
        distances = {"to the reference": of(f"identity {one.name}"), "between variants": between}
        for what, groups in distances.items():
            caption, lines = f"Identity distance {what} ({one.name})", {SAME: one.threshold}
            figures += report.histogram(caption, groups, f"{one.name}'s distance", lines)
    return figures


def _structure(found: Compared) -> list[Figure]:
    groups = {
        f"strength {kind}": (found.values(kind, CHANGES[0]), found.values(kind, "largest_angle"))
        for kind in found.strengths
    }
    labels = ("landmark deviation (NME)", "largest angle, degrees")
    box = (limits.KEPT_NME, limits.KEPT_ANGLE)
    return report.points("Structure; inside the box it counts as kept", groups, labels, box)


def _costs(columns: Mapping[str, Any]) -> list[Figure]:
    """Plot the gains and costs of the strengths, where several were measured."""
    names = {"different person": "different", "structure kept": "structure_kept", "both": "both"}
    strengths = [float(kind) for kind in columns]
    lines = {n: (strengths, [c[key] for c in columns.values()]) for n, key in names.items()}
    caption, labels = "What a strength brings and costs", ("strength", "share of variants")
    return report.points(caption, lines, labels, joined=True) if len(columns) > 1 else []


def _contact_sheet(found: Compared, kind: str) -> list[Figure]:
    """Draw the references, each with its inversion and its variants in one row."""
    lines = [
        [row["pixels"] for row in (rows.row(SOURCE), rows.row(INVERSION), *(p.row for p in made))]
        for place, rows in enumerate(found.references)
        if (made := found.of(kind, place))
    ]
    return report.sheet("Reference, the model's picture of it, variants", lines[:SHEET_ROWS])
