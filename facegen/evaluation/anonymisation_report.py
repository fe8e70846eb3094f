"""The anonymisation protocol's numbers and report: by kind of hiding, by group, and the bars."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import images
from ..errors import FacegenError
from ..measure import attributes, gaze
from ..measure.groups import by_attributes
from ..measure.kinds import KINDS
from ..output import provenance
from . import report
from .anonymisation import OURS, Protocol
from .attack import Attack
from .hiding import Kind, Values, by_kind, families, recognisers_of, values_of
from .measure import poses
from .metrics import Estimate, estimate
from .report import WORST, Bar, Figure, Measure
from .store import SOURCE, Rows

FRONTAL = 15.0  # degrees of yaw and pitch
LEAST = 10  # sources; a smaller group is reported but not compared
SHOWN = 12  # sources on the sheet
INTERVAL = ("value", "low", "high", "sources")  # an Estimate's names in protocol.json

MEASURES = (
    Measure("rank 1 {}", "re-identified: rank 1 among all sources, {}"),
    Measure("protected {}", "protected at a false-match rate of 0.001, {}", less=False),
    Measure("distance {}", "distance to the source, {}", 2, np.median, less=False),
    Measure("pair rank 1 {}", "variants of one source: rank 1 of one by the other, {}"),
    Measure("pair different {}", "variants of one source: two people at that rate, {}", less=False),
    Measure("attack identity", "attacker with the recognisers' vectors: rank 1"),
    Measure("attack all", "attacker with all features: rank 1"),
    Measure("attack floor", "the floor: who sees age, gender presentation, skin alone: rank 1"),
    Measure("attack pose", "who sees pose, gaze and expression, too: rank 1"),
    Measure("pose", "pose, radians", 3),
    Measure("gaze", "gaze, radians", 3),
    Measure("expression", "expression: mouth, smile, eyes", 3),
    Measure("nme", "landmarks (NME)", 3),
    Measure("mediapipe", "detected by mediapipe", less=False),
    Measure("hog", "detected by dlib's HOG", less=False),
    Measure("sharpness", "sharpness over the source's", 2, np.median, less=False),
    Measure("quality", "quality (NIQE, lower is better)", 2, np.median),
    Measure("age", "age, years off", 1, np.median),
    Measure("gender", "gender presentation kept", less=False),
    Measure("skin", "skin tone, share of the scale off", 3, np.median),
    Measure("age (encoder)", "age, years off, by the encoder", 1, np.median),
    Measure("gender (encoder)", "gender presentation kept, by the encoder", less=False),
    Measure("skin (encoder)", "skin tone off, by the encoder", 3, np.median),
)
ALONE = {"mediapipe": "detected", "hog": "hog", "quality": "quality"}  # of the sources themselves
# those reported by group, and those of which the smallest group is held against the largest
_BY_GROUP = re.compile(r"rank 1 .*|protected .*|mediapipe|hog|pose|gaze|nme|age|gender|skin")
GROUPED = [measure for measure in MEASURES if _BY_GROUP.fullmatch(measure.key)]
GAP = [measure for measure in MEASURES if measure.key in ("protected {}", "mediapipe", "hog")]
SIZE = Measure("size", "sources", 0)

BARS = (  # name, measure, at most or at least
    ("re-identified: rank 1", "rank 1 {}", 0.01),
    ("protected at a false-match rate of 0.001", "protected {}", 0.98),
    ("pairs of variants are two people", "pair different {}", 0.98),
    ("pose, radians", "pose", 0.05),
    ("gaze, radians", "gaze", 0.12),
    ("landmarks (NME)", "nme", 0.05),
    ("gender presentation kept", "gender", 0.98),
    ("age, years off in the median", "age", 5),
    ("skin tone off in the median, share of the scale", "skin", 0.06),
    ("detected", "mediapipe", 1.0),
)
OVER_FLOOR = {"attack identity": "the recognisers' vectors", "attack all": "all features"}
BEYOND, BEHIND = 1.3, 0.05  # times the floor; how far a group may fall behind

Table = Mapping[str, Estimate | None]
Numbers = Mapping[str, Values]  # kind of hiding -> measure -> a number a source

# --- summarising -------------------------------------------------------------------------


def summarise(
    names: Sequence[str],
    rows: Sequence[Rows],
    attacks: Mapping[str, Mapping[str, Attack]],
    population: Rows | None,
    asked: int,
) -> tuple[dict[str, Any], Numbers]:
    """Compute the content of protocol.json, and the numbers behind it.

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
    table = {family: _table(MEASURES, found) for family, found in values.items()}
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
    return summary, values


def as_json(summary: Mapping[str, Any]) -> Any:
    """Convert a summary for JSON."""
    return report.plain_json(summary, INTERVAL, 5)


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


def _table(measures: Sequence[Measure], values: Values) -> Table:
    return {
        key: estimate(values[key], measure.of)
        for measure in measures
        for key in measure.keys([values])
    }


def _groups(source: Kind, values: Values) -> list[dict[str, Any]]:
    """Compute the measures of each group of a trait, with the number of sources in it."""
    return [
        {
            "trait": trait,
            "group": group,
            "size": int(members.sum()),
            "table": _table(GROUPED, {key: found[members] for key, found in values.items()}),
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


def _bars(table: Table, groups: Sequence[Mapping[str, Any]]) -> list[Bar]:
    """Compute the bars; of both recognisers the worse counts."""
    found = report.worst(MEASURES, table)
    reached = {key: one.value for key, one in found.items()}
    less = {measure.key: measure.less for measure in MEASURES}
    bars = [
        Bar(name, wanted, reached.get(key.format(WORST)), less[key]) for name, key, wanted in BARS
    ]
    floor = reached.get("attack floor")
    for key, features in OVER_FLOOR.items():
        times = reached[key] / floor if floor and key in reached else None
        bars.append(Bar(f"attacker with {features}: rank 1 over the floor", BEYOND, times, True))
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
            for measure in GAP
            for key in measure.keys([few["table"]])
            if (one := many["table"][key]) and (other := few["table"][key])
        ]
        smaller, larger = (f"{group['group']} ({group['size']})" for group in (few, many))
        name = f"{trait}: how far {smaller} fall behind {larger}"
        bars.append(Bar(name, BEHIND, max(behind) if behind else None, True))
    return bars


# --- reporting ---------------------------------------------------------------------------


def write(
    summary: Mapping[str, Any], numbers: Numbers, protocol: Protocol, sources: Mapping[str, Path]
) -> list[Path]:
    """Write protocol.html, .csv, .json, .md; returns their paths. Raises OutputError.

    sources: id -> source, in the order of the numbers."""
    contents = {
        "html": html(summary, numbers, protocol, sources),
        "csv": as_csv(numbers, list(sources)),
        "md": as_markdown(summary),
    }
    return report.write(protocol.out, "protocol", as_json(summary), **contents)


def as_csv(numbers: Numbers, sources: Sequence[str]) -> str:
    """Format a line a source and kind of hiding."""
    keys = list(dict.fromkeys(key for found in numbers.values() for key in found))
    nothing = np.full(len(sources), np.nan)
    lines = []
    for family, found in numbers.items():
        columns = [found.get(key, nothing) for key in keys]
        for source, values in zip(sources, zip(*columns, strict=True), strict=True):
            cells = ("" if np.isnan(v) else f"{float(v):.5g}" for v in values)
            lines.append([source, family, *cells])
    return report.as_csv(["source", "kind", *keys], lines)


def as_markdown(summary: Mapping[str, Any]) -> str:
    """Format the table, the groups, the bars; of two recognisers the worse counts."""
    wanted = {key: f"≤ {BEYOND:g} x the floor" for key in OVER_FLOOR}
    for measure in MEASURES:
        for limit in (limit for _, key, limit in BARS if key == measure.key):
            sign = "≤" if measure.less else "≥"
            wanted[measure.key.format(WORST)] = f"{sign} {measure.cell(limit)}"
    columns = {
        f"**{kind}**" if kind == OURS else kind: report.worst(MEASURES, table)
        for kind, table in summary["table"].items()
        if kind != SOURCE
    }
    groups = [
        group | {"table": report.worst(GROUPED, group["table"])} for group in summary["groups"]
    ]
    bars = (f"- {bar.words}: {'met' if bar.met else '**missed**'}\n" for bar in summary["bars"])
    return "\n".join(
        [
            report.markdown(*report.table(MEASURES, {"wanted": wanted, **columns})),
            report.markdown(*_group_table(groups)),
            report.markdown(["", "sources", "random faces"], _drawn_rows(summary)),
            "".join(bars),
        ]
    )


def html(
    summary: Mapping[str, Any], numbers: Numbers, protocol: Protocol, sources: Mapping[str, Path]
) -> str:
    """Render the protocol's page."""
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
        figures=_figures(summary, numbers),
        sheet=_sheet(protocol, sources),
    )


def _group_table(groups: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Make (head, rows): a row a group."""
    columns = {f"{g['trait']}: {g['group']}": {"size": g["size"], **g["table"]} for g in groups}
    names, rows = report.table([SIZE, *GROUPED], columns)
    head, *turned = map(list, zip(names, *rows, strict=True))
    return [label.split(":")[-1].strip() for label in head], turned


def _drawn_rows(summary: Mapping[str, Any]) -> list[list[str]]:
    return [
        [f"{trait}: {group}", f"{100 * here:.1f} %", f"{100 * there:.1f} %"]
        for trait, groups in summary["drawn"].items()
        for group, (here, there) in groups.items()
    ]


def _figures(summary: Mapping[str, Any], numbers: Numbers) -> list[Figure]:
    figures = []
    for recogniser in summary["recognisers"]:
        key = f"distance {recogniser}"
        groups = {
            family: found[key][~np.isnan(found[key])].tolist()
            for family, found in numbers.items()
            if key in found
        }
        at = summary["thresholds"].get(OURS, {}).get(recogniser, {})
        lines = {"0.1 % of strangers lie below": max(at["sources"], at["pictures"])} if at else {}
        caption = f"How far from the source each kind is, to {recogniser}"
        figures += report.histogram(
            caption, groups, f"{recogniser}: distance to the source", lines, low=0
        )
    return figures


def _sheet(protocol: Protocol, sources: Mapping[str, Path]) -> Figure | None:
    """Draw a source a row, its variants beside it."""
    count = protocol.options.count
    tiles: list[np.ndarray] = []
    for source in list(sources)[:SHOWN]:
        kept = sources[source] if protocol.options.aligned else protocol.reference(source)
        for path in (kept, *(protocol.variant(source, k) for k in range(1, count + 1))):
            try:
                tiles.append(images.resize(images.load(path), report.SIDE))
            except (FacegenError, OSError):
                tiles.append(np.full((report.SIDE, report.SIDE, 3), 255, np.uint8))
    if not tiles:
        return None
    data = provenance.jpeg_bytes(images.grid(tiles, 3 * (count + 1)))
    caption = f"{SOURCE.capitalize()}s, each with its variants on its right"
    return Figure(report.data_uri(data, "jpeg"), caption)
