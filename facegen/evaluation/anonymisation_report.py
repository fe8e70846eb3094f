"""The anonymisation protocol's numbers and report: by kind of hiding, by group, and the bars.

In the Markdown, of two recognisers or detectors the worse counts.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import images
from ..errors import FacegenError
from ..measure import attributes, gaze
from ..measure.groups import by_attributes
from ..measure.kinds import KINDS
from ..output import provenance
from . import plots, report
from .anonymisation import OURS, Protocol
from .attack import Attack
from .hiding import Kind, Values, by_kind, families, recognisers_of, values_of
from .measure import poses
from .metrics import Estimate, estimate
from .report import NOTHING, Bar, Figure, Measure
from .store import SOURCE, Rows

FRONTAL = 15.0  # degrees of yaw and pitch
LEAST = 10  # sources; a smaller group is reported but not compared
SHOWN, SIDE = 12, 96  # sources on the sheet; pixels of a picture
INTERVAL = ("value", "low", "high", "sources")  # an Estimate's names in protocol.json
PUBLISHED = (
    ("FALCO", "0.5 % re-identified, pose 0.088, gaze 0.258"),
    ("DeepPrivacy2", "2.0 %, pose 0.140, gaze 0.244"),
    ("FAMS", "0.8 %, pose 0.074, gaze 0.190, gender kept in 61 %"),
    ("RiDDLE", "92.7 to 99.9 % protected over four recognisers"),
)

MEASURES = (
    Measure("rank 1 {}", "re-identified: rank 1 among all sources, {}"),
    Measure("protected {}", "protected at a false-match rate of 0.001, {}"),
    Measure("distance {}", "distance to the source, {}", 2, np.median),
    Measure("pair rank 1 {}", "variants of one source: rank 1 of one by the other, {}"),
    Measure("pair different {}", "variants of one source: two people at that rate, {}"),
    Measure("attack identity", "attacker with the recognisers' vectors: rank 1"),
    Measure("attack all", "attacker with all features: rank 1"),
    Measure("attack floor", "the floor: who sees age, gender presentation, skin alone: rank 1"),
    Measure("attack pose", "who sees pose, gaze and expression, too: rank 1"),
    Measure("pose", "pose, radians", 3),
    Measure("gaze", "gaze, radians", 3),
    Measure("expression", "expression: mouth, smile, eyes", 3),
    Measure("nme", "landmarks (NME)", 3),
    Measure("mediapipe", "detected by mediapipe"),
    Measure("hog", "detected by dlib's HOG"),
    Measure("sharpness", "sharpness over the source's", 2, np.median),
    Measure("quality", "quality (NIQE, lower is better)", 2, np.median),
    Measure("age", "age, years off", 1, np.median),
    Measure("gender", "gender presentation kept"),
    Measure("skin", "skin tone, share of the scale off", 3, np.median),
    Measure("age (encoder)", "age, years off, by the encoder", 1, np.median),
    Measure("gender (encoder)", "gender presentation kept, by the encoder"),
    Measure("skin (encoder)", "skin tone off, by the encoder", 3, np.median),
)
BY_KEY = {measure.key.removesuffix(" {}"): measure for measure in MEASURES}
ALONE = {"mediapipe": "detected", "hog": "hog", "quality": "quality"}  # of the sources themselves
# measures reported by group; those of which the smallest group is held against the largest
GROUPED = (
    *("rank 1", "protected", "mediapipe", "hog", "pose", "gaze", "nme", "age", "gender", "skin"),
)
GAP = ("protected", "mediapipe", "hog")

# name, wanted, whether that is the most, measures of which the worst counts
BARS = (
    ("re-identified: rank 1", 0.01, True, "rank 1"),
    ("protected at a false-match rate of 0.001", 0.98, False, "protected"),
    ("pairs of variants are two people", 0.98, False, "pair different"),
    ("pose, radians", 0.05, True, "pose"),
    ("gaze, radians", 0.12, True, "gaze"),
    ("landmarks (NME)", 0.05, True, "nme"),
    ("gender presentation kept", 0.98, False, "gender"),
    ("age, years off in the median", 5, True, "age"),
    ("skin tone off in the median, share of the scale", 0.06, True, "skin"),
    ("detected", 1.0, False, "mediapipe"),
)
OVER_FLOOR = {"attack identity": "the recognisers' vectors", "attack all": "all features"}

# of the Markdown: name, measures of which the worst counts, whether less is better, the bar
ROWS = (
    ("re-identified among all sources (rank 1)", ("rank 1",), True, "≤ 1 %"),
    ("protected, one false match in 1,000", ("protected",), False, "≥ 98 %"),
    ("variants of one source are two people", ("pair different",), False, "≥ 98 %"),
    ("attacker with the recognisers' vectors", ("attack identity",), True, "≤ 1.3 x the floor"),
    ("attacker with all features", ("attack all",), True, "≤ 1.3 x the floor"),
    ("the floor: who sees age, gender, skin alone", ("attack floor",), True, ""),
    ("who sees pose, gaze, expression, too", ("attack pose",), True, ""),
    ("pose, rad", ("pose",), True, "≤ 0.05"),
    ("gaze, rad", ("gaze",), True, "≤ 0.12"),
    ("landmarks (NME)", ("nme",), True, "≤ 0.05"),
    ("expression", ("expression",), True, ""),
    ("detected", ("mediapipe", "hog"), False, "100 %"),
    ("age, years off (median)", ("age",), True, "≤ 5"),
    ("gender presentation kept", ("gender",), False, "≥ 98 %"),
    ("skin tone off, share of the scale (median)", ("skin",), True, "≤ 0.06"),
    ("the same by the encoder: age", ("age (encoder)",), True, ""),
    ("gender presentation", ("gender (encoder)",), False, ""),
    ("skin tone", ("skin (encoder)",), True, ""),
    ("sharpness over the source's (median)", ("sharpness",), False, ""),
    ("quality (NIQE, median; lower is better)", ("quality",), True, ""),
)
GROUP_ROWS = (
    ("protected", ("protected",), False),
    ("re-identified", ("rank 1",), True),
    ("detected", ("mediapipe", "hog"), False),
    ("gender kept", ("gender",), False),
    ("years off", ("age",), True),
    ("skin off", ("skin",), True),
)

Table = Mapping[str, Estimate | None]


@dataclass(frozen=True)
class Numbers:
    """The numbers a source: kind of hiding -> measure (with its recogniser) -> [N].

    sources: ids. summary: the content of protocol.json."""

    sources: Sequence[str]
    values: Mapping[str, Values]
    summary: Mapping[str, Any]


# --- summarising -------------------------------------------------------------------------


def summarise(
    names: Sequence[str],
    rows: Sequence[Rows],
    attacks: Mapping[str, Mapping[str, Attack]],
    population: Rows | None,
    asked: int,
) -> Numbers:
    """Compute the summary.

    names, rows: the sources and their measurements. attacks: kind -> features -> attack.
    population: the random faces. asked: variants of each source."""
    kinds = by_kind(rows)
    source, recognisers = kinds[SOURCE], recognisers_of(kinds)
    values: dict[str, Values] = {}
    thresholds = {}
    for family, pictures in families(kinds).items():
        found, thresholds[family] = values_of(source, pictures, recognisers)
        attacked = {f"attack {name}": one.found for name, one in attacks.get(family, {}).items()}
        values[family] = {**found, **attacked}
    values[SOURCE] = {name: source.fields[field] for name, field in ALONE.items()}
    table = {family: _table(found) for family, found in values.items()}
    groups = _groups(source, values[OURS]) if OURS in values else []
    chances = [one.chance for of in attacks.values() for one in of.values()]
    summary = {
        "sources": len(names),
        "recognisers": recognisers,
        "asked": asked * len(names),
        "made": sum(int(kind.there.sum()) for kind in families(kinds).get(OURS, [])),
        "table": table,
        "thresholds": thresholds,
        "chance": chances[0] if chances else None,
        "bars": _bars(table.get(OURS, {}), groups),
        "groups": groups,
        "drawn": _drawn(source, population) if population else {},
        "drawn_faces": len(population.names) if population else 0,
        "errors": {name: attributes.errors(name) for name in ("dlib+classifier", "encoder")},
        "gaze_error": gaze.ERROR,
    }
    return Numbers(names, values, summary)


def as_json(numbers: Numbers) -> Any:
    """Convert all but the numbers a source for JSON."""
    return report.plain_json(numbers.summary, INTERVAL, 5)


def groups_of(fields: Mapping[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Group pictures: trait -> group -> its members, [N] bool. fields: see measure.py.

    Groups follow how a face looks to classifiers that err (attributes.errors, kinds.errors). They
    say nothing about who somebody is."""
    odds = dict(zip(KINDS, fields["kinds"].T, strict=True))
    glasses, beard, hat = (odds[kind] > 0 for kind in ("glasses", "beard", "headwear"))
    turned = np.abs(np.nan_to_num(poses(fields)[:, :2], nan=0)).max(axis=1) > FRONTAL
    return {
        **{trait: dict(groups) for trait, groups in by_attributes(fields["rated"]).items()},
        "glasses": {"with": glasses, "without": ~glasses},
        "beard": {"likely": beard, "none seen": ~beard},
        "headwear": {"likely": hat, "none seen": ~hat},
        "pose": {"frontal": ~turned, "turned": turned},
    }


def _table(values: Values) -> Table:
    return {key: estimate(found, _measure_of(key).of) for key, found in values.items()}


def _measure_of(key: str) -> Measure:
    return report.measure_of(MEASURES, key)


def _keys(table: Mapping[str, object], names: Sequence[str]) -> list[str]:
    """List the keys of the measures of those names: one a recogniser."""
    return [key for name in names for key in BY_KEY[name].keys([table])]


def _groups(source: Kind, values: Values) -> list[dict[str, Any]]:
    """Compute the measures of each group of a trait, with the number of sources in it."""
    keys = _keys(values, GROUPED)
    return [
        {
            "trait": trait,
            "group": group,
            "size": int(members.sum()),
            "table": _table({key: values[key][members] for key in values if key in keys}),
        }
        for trait, groups in groups_of(source.fields).items()
        for group, members in groups.items()
    ]


def _drawn(source: Kind, population: Rows) -> dict[str, dict[str, tuple[float, float]]]:
    """Count the groups: trait -> group -> (share of the sources, share of random faces)."""
    here, there = groups_of(source.fields), groups_of(population.fields)
    return {
        trait: {
            group: (float(members.mean()), float(there[trait][group].mean()))
            for group, members in groups.items()
        }
        for trait, groups in here.items()
    }


def worst(table: Table, names: Sequence[str], less: bool) -> tuple[str, Estimate] | None:
    """Return (key, estimate) of the recogniser or detector with the worst result."""
    found = [(key, one) for key in _keys(table, names) if (one := table[key])]
    if not found:
        return None
    return (max if less else min)(found, key=lambda pair: pair[1].value)


def _bars(table: Table, groups: Sequence[Mapping[str, Any]]) -> list[Bar]:
    """Compute the bars; of both recognisers the worse counts."""

    def reached(name: str, at_most: bool) -> float | None:
        found = worst(table, [name], at_most)
        return found[1].value if found else None

    bars = [
        Bar(name, wanted, reached(key, at_most), at_most) for name, wanted, at_most, key in BARS
    ]
    floor = reached("attack floor", True)
    for name, features in OVER_FLOOR.items():
        value = reached(name, True)
        times = None if value is None or not floor else value / floor
        bars.append(Bar(f"attacker with {features}: rank 1 over the floor", 1.3, times, True))
    return [*bars, *_gaps(groups)]


def _gaps(groups: Sequence[Mapping[str, Any]]) -> list[Bar]:
    """Compute, by trait, by how much the smallest group falls behind the largest, at worst."""
    bars = []
    for trait in dict.fromkeys(group["trait"] for group in groups):
        own = [g for g in groups if g["trait"] == trait and g["size"] >= LEAST]
        if len(own) < 2:
            continue
        few, *_, many = sorted(own, key=lambda group: group["size"])
        behind = [
            one.value - other.value
            for key in _keys(few["table"], GAP)
            if (one := many["table"][key]) and (other := few["table"][key])
        ]
        smaller, larger = (f"{group['group']} ({group['size']})" for group in (few, many))
        name = f"{trait}: how far {smaller} fall behind {larger}"
        bars.append(Bar(name, 0.05, max(behind) if behind else None, True))
    return bars


# --- reporting ---------------------------------------------------------------------------


def write(numbers: Numbers, protocol: Protocol, sources: Mapping[str, Path]) -> list[Path]:
    """Write protocol.html, .csv, .json, .md; returns their paths. Raises OutputError.

    sources: id -> source."""
    contents = {
        "html": html(numbers, protocol, sources),
        "csv": as_csv(numbers),
        "md": as_markdown(numbers.summary),
    }
    return report.write(protocol.out, "protocol", as_json(numbers), **contents)


def as_csv(numbers: Numbers) -> str:
    """Format a line a source and kind of hiding."""
    keys = list(dict.fromkeys(key for found in numbers.values.values() for key in found))
    nothing = np.full(len(numbers.sources), np.nan)
    lines = []
    for family, found in numbers.values.items():
        columns = [found.get(key, nothing) for key in keys]
        for source, values in zip(numbers.sources, zip(*columns, strict=True), strict=True):
            cells = ("" if np.isnan(v) else f"{float(v):.5g}" for v in values)
            lines.append([source, family, *cells])
    return report.as_csv(["source", "kind", *keys], lines)


def as_markdown(summary: Mapping[str, Any]) -> str:
    """Format the table, the groups, the bars that are missed."""
    kinds = {kind: table for kind, table in summary["table"].items() if kind != SOURCE}
    parts = [
        report.markdown(
            ["", "wanted", *(f"**{kind}**" if kind == OURS else kind for kind in kinds)],
            (
                [name, wanted, *(_worst_cell(table, names, less) for table in kinds.values())]
                for name, names, less, wanted in ROWS
            ),
        ),
        report.markdown(
            ["group", "sources", *(name for name, *_ in GROUP_ROWS)],
            (
                [
                    f"{group['trait']}: {group['group']}",
                    str(group["size"]),
                    *(_worst_cell(group["table"], names, less) for _, names, less in GROUP_ROWS),
                ]
                for group in summary["groups"]
            ),
        ),
        report.markdown(["", "sources", "random faces"], _drawn_rows(summary)),
        "".join(
            f"- {bar.words}: {'met' if bar.met else '**missed**'}\n" for bar in summary["bars"]
        ),
    ]
    return "\n".join(parts)


def html(numbers: Numbers, protocol: Protocol, sources: Mapping[str, Path]) -> str:
    """Render the protocol's page."""
    summary = numbers.summary
    head, rows = report.table(MEASURES, summary["table"])
    groups_head, groups_rows = _group_table(summary["groups"])
    return report.render(
        "protocol.html",
        "Facegen: the anonymisation protocol",
        summary=summary,
        head=head,
        rows=rows,
        groups_head=groups_head,
        groups_rows=groups_rows,
        drawn=_drawn_rows(summary),
        errors=_errors(),
        gaze_error=gaze.ERROR,
        published=PUBLISHED,
        thresholds=_thresholds(summary),
        figures=_figures(numbers),
        sheet=_sheet(numbers.sources, protocol, sources),
    )


def _worst_cell(table: Table, names: Sequence[str], less: bool) -> str:
    found = worst(table, names, less)
    return _measure_of(found[0]).cell(found[1]) if found else NOTHING


def _group_table(groups: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Make (head, rows): a row a group."""
    keys = _keys(groups[0]["table"], GROUPED) if groups else []
    measures = [(key, _measure_of(key)) for key in keys]
    labels = (measure.label.format(measure.within(key)) for key, measure in measures)
    head = ["", "sources", *(label.split(":")[-1].strip() for label in labels)]
    rows = [
        [
            f"{group['trait']}: {group['group']}",
            str(group["size"]),
            *(measure.cell(group["table"].get(key)) for key, measure in measures),
        ]
        for group in groups
    ]
    return head, rows


def _drawn_rows(summary: Mapping[str, Any]) -> list[list[str]]:
    return [
        [f"{trait}: {group}", f"{100 * here:.1f} %", f"{100 * there:.1f} %"]
        for trait, groups in summary["drawn"].items()
        for group, (here, there) in groups.items()
    ]


def _errors() -> list[str]:
    told = []
    for name, words in (("dlib+classifier", "what variants are kept by"), ("encoder", "another")):
        of = attributes.errors(name)
        told.append(
            f"{name} ({words}): age {of['age']['error']:.1f} years, gender presentation on the "
            f"right side in {100 * of['gender']['side']:.0f} %, skin tone "
            f"{of['skin']['error'] / 100:.3f} of the scale"
        )
    return told


def _thresholds(summary: Mapping[str, Any]) -> list[list[str]]:
    names = ("sources", "pictures", "pairs")
    return [
        [family, recogniser, *(f"{of[name]:.3f}" if name in of else NOTHING for name in names)]
        for family, recognisers in summary["thresholds"].items()
        for recogniser, of in recognisers.items()
    ]


def _figures(numbers: Numbers) -> list[Figure]:
    figures = []
    for recogniser in numbers.summary["recognisers"]:
        key = f"distance {recogniser}"
        groups = {
            family: found[key][~np.isnan(found[key])].tolist()
            for family, found in numbers.values.items()
            if key in found and not np.isnan(found[key]).all()
        }
        at = numbers.summary["thresholds"].get(OURS, {}).get(recogniser, {})
        lines = {"0.1 % of strangers lie below": max(at["sources"], at["pictures"])} if at else {}
        if groups:
            plot = plots.histogram(groups, f"{recogniser}: distance to the source", lines, low=0)
            figures.append(Figure(plot, f"How far from the source each kind is, to {recogniser}"))
    return figures


def _sheet(names: Sequence[str], protocol: Protocol, sources: Mapping[str, Path]) -> Figure | None:
    """Draw a source a row, its variants beside it."""
    aligned, count = protocol.options.aligned, protocol.options.count
    tiles: list[np.ndarray] = []
    for source in names[:SHOWN]:
        kept = sources[source] if aligned else protocol.reference(source)
        for path in (kept, *(protocol.variant(source, k) for k in range(1, count + 1))):
            try:
                tiles.append(images.resize(images.load(path), SIDE))
            except (FacegenError, OSError):
                tiles.append(np.full((SIDE, SIDE, 3), 255, np.uint8))
    if not tiles:
        return None
    data = provenance.jpeg_bytes(np.asarray(images.grid(tiles, 3 * (count + 1))))
    uri = "data:image/jpeg;base64," + base64.b64encode(data).decode()
    return Figure(uri, f"{SOURCE.capitalize()}s, each with its variants on its right")
