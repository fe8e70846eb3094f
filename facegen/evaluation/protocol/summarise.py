"""The last stage: numbers with intervals, by kind of hiding and by group, and the bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...measure import attributes, gaze, structure
from ...measure.groups import by_attributes
from ...measure.kinds import KINDS
from .attack import Attack
from .intervals import Estimate, estimate
from .kinds import MEASURES, Measure, Values, families, recognisers_of, values_of
from .rows import OURS, SOURCE, Kind, Rows, by_kind

FRONTAL = 15.0  # degrees of yaw and pitch

Table = Mapping[str, Estimate | None]


@dataclass(frozen=True)
class Bar:
    """A requirement for the variants. at_most: else at least. reached: None: not measured."""

    name: str
    wanted: float
    at_most: bool
    reached: float | None

    @property
    def sign(self) -> str:
        return "at most" if self.at_most else "at least"

    @property
    def met(self) -> bool:
        if self.reached is None:
            return False
        return self.reached <= self.wanted if self.at_most else self.reached >= self.wanted


@dataclass(frozen=True)
class GroupTable:
    """One group of a trait: the number of sources, and the measures."""

    trait: str
    group: str
    size: int
    table: Table


@dataclass(frozen=True)
class Summary:
    """The results of the protocol.

    table: kind of hiding -> measure (with its recogniser) -> estimate. values: likewise the numbers
    a source. thresholds: kind -> recogniser -> comparison -> distance. drawn: trait -> group ->
    (share of the sources, share of random faces). asked: variants requested; made: those that
    exist."""

    sources: Sequence[str]
    recognisers: Sequence[str]
    asked: int
    made: int
    table: Mapping[str, Table]
    values: Mapping[str, Values]
    thresholds: Mapping[str, Mapping[str, Mapping[str, float]]]
    groups: Sequence[GroupTable]
    drawn: Mapping[str, Mapping[str, tuple[float, float]]]
    drawn_faces: int
    chance: float | None
    bars: Sequence[Bar]


# measures reported by group
GROUPED = (
    "rank 1",
    "protected",
    "mediapipe",
    "hog",
    "pose",
    "gaze",
    "nme",
    "age",
    "gender",
    "skin",
)
ALONE = ("mediapipe", "hog", "quality")  # what can be said of the sources themselves
GAP = ("protected", "mediapipe", "hog")  # whose smallest group is held against the largest
LEAST = 10  # sources; a smaller group is reported but not compared


def summarise(
    names: Sequence[str],
    rows: Sequence[Rows],
    attacks: Mapping[str, Mapping[str, Attack]],
    population: Rows | None,
    asked: int,
) -> Summary:
    """Compute the summary.

    names, rows: the sources and their measurements. attacks: kind -> features -> attack.
    population: the random faces. asked: variants of each source."""
    kinds = by_kind(rows)
    source = kinds[SOURCE]
    recognisers = recognisers_of(kinds)
    values: dict[str, Values] = {}
    thresholds = {}
    for family, pictures in families(kinds).items():
        found, thresholds[family] = values_of(source, pictures, recognisers)
        attacked = {f"attack {name}": one.found for name, one in attacks.get(family, {}).items()}
        values[family] = {**found, **attacked}
    values[SOURCE] = {name: source.fields[name] for name in ALONE}
    table = {family: _table(found) for family, found in values.items()}
    groups = _groups(source, values[OURS]) if OURS in values else []
    chances = [one.chance for of in attacks.values() for one in of.values()]
    chance = chances[0] if chances else None
    made = sum(int(kind.there.sum()) for kind in families(kinds).get(OURS, []))
    return Summary(
        sources=names,
        recognisers=recognisers,
        asked=asked * len(names),
        made=made,
        table=table,
        values=values,
        thresholds=thresholds,
        groups=groups,
        drawn=_drawn(source, population) if population else {},
        drawn_faces=len(population.names) if population else 0,
        chance=chance,
        bars=_bars(table.get(OURS, {}), groups),
    )


def measure_of(key: str) -> Measure:
    """Return the measure of a key that may end with a recogniser's name."""
    fits = [m for m in MEASURES if key == m.key or key.startswith(f"{m.key} ")]
    return max(fits, key=lambda measure: len(measure.key))


def of_measure(table: Mapping[str, object], measure: str) -> list[str]:
    """List the keys of one measure: one a recogniser."""
    return [key for key in table if measure_of(key).key == measure]


def as_dict(summary: Summary) -> dict[str, object]:
    """Convert all but the numbers a source for JSON."""

    def as_json(table: Table) -> dict[str, object]:
        return {key: one.as_dict() if one else None for key, one in table.items()}

    return {
        "sources": len(summary.sources),
        "recognisers": list(summary.recognisers),
        "asked": summary.asked,
        "made": summary.made,
        "table": {family: as_json(table) for family, table in summary.table.items()},
        "thresholds": summary.thresholds,
        "chance": summary.chance,
        "bars": [
            {
                "bar": bar.name,
                "wanted": bar.wanted,
                "at_most": bar.at_most,
                "reached": bar.reached,
                "met": bar.met,
            }
            for bar in summary.bars
        ],
        "groups": [
            {"trait": g.trait, "group": g.group, "size": g.size, "table": as_json(g.table)}
            for g in summary.groups
        ],
        "drawn": summary.drawn,
        "drawn_faces": summary.drawn_faces,
        "errors": {name: attributes.errors(name) for name in ("dlib+classifier", "encoder")},
        "gaze_error": gaze.ERROR,
    }


def _table(values: Values) -> Table:
    return {key: estimate(found, measure_of(key).of) for key, found in values.items()}


def _groups(source: Kind, values: Values) -> list[GroupTable]:
    tables = []
    for trait, groups in groups_of(source.fields).items():
        for group, members in groups.items():
            part = {
                key: found[members]
                for key, found in values.items()
                if measure_of(key).key in GROUPED and "(encoder)" not in key
            }
            tables.append(GroupTable(trait, group, int(members.sum()), _table(part)))
    return tables


def groups_of(fields: Mapping[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Group pictures: trait -> group -> its members, [N] bool. fields: see looking.py.

    Groups follow how a face looks to classifiers that err (attributes.errors, kinds.errors). They
    say nothing about who somebody is."""
    shown = np.array(
        [
            (np.nan,) * 3 if np.isnan(mesh).any() else structure.pose(mesh[:468])
            for mesh in fields["mesh"]
        ]
    )
    odds = dict(zip(KINDS, fields["kinds"].T, strict=True))
    glasses, beard, hat = (odds[kind] > 0 for kind in ("glasses", "beard", "headwear"))
    turned = np.nanmax(np.abs(np.nan_to_num(shown[:, :2], nan=0)), axis=1) > FRONTAL
    return {
        **{trait: dict(groups) for trait, groups in by_attributes(fields["rated"]).items()},
        "glasses": {"with": glasses, "without": ~glasses},
        "beard": {"likely": beard, "none seen": ~beard},
        "headwear": {"likely": hat, "none seen": ~hat},
        "pose": {"frontal": ~turned, "turned": turned},
    }


def _drawn(source: Kind, population: Rows) -> dict[str, dict[str, tuple[float, float]]]:
    here, there = groups_of(source.fields), groups_of(population.fields)
    return {
        trait: {
            group: (float(members.mean()), float(there[trait][group].mean()))
            for group, members in groups.items()
        }
        for trait, groups in here.items()
    }


def _bars(table: Table, groups: Sequence[GroupTable]) -> list[Bar]:
    """Compute the bars; of both recognisers the worse counts."""

    def worst(measure: str, at_most: bool) -> float | None:
        found = [one.value for key in of_measure(table, measure) if (one := table[key])]
        return (max(found) if at_most else min(found)) if found else None

    bars = [
        Bar(name, wanted, at_most, worst(key, at_most))
        for name, key, wanted, at_most in (
            ("re-identified: rank 1", "rank 1", 0.01, True),
            ("protected at a false-match rate of 0.001", "protected", 0.98, False),
            ("pairs of variants are two people", "pair different", 0.98, False),
            ("pose, radians", "pose", 0.05, True),
            ("gaze, radians", "gaze", 0.12, True),
            ("landmarks (NME)", "nme", 0.05, True),
            ("gender presentation kept", "gender", 0.98, False),
            ("age, years off in the median", "age", 5, True),
            ("skin tone off in the median, share of the scale", "skin", 0.06, True),
            ("detected", "mediapipe", 1.0, False),
        )
    ]
    floor = worst("attack floor", True)
    for name in ("attack identity", "attack all"):
        reached = worst(name, True)
        times = None if reached is None or not floor else reached / floor
        kind = "the recognisers' vectors" if name.endswith("identity") else "all features"
        bars.append(Bar(f"attacker with {kind}: rank 1 over the floor", 1.3, True, times))
    return [*bars, *_gaps(groups)]


def _gaps(groups: Sequence[GroupTable]) -> list[Bar]:
    """Compute, by trait, by how much the smallest group falls behind the largest, at worst."""
    bars = []
    for trait in dict.fromkeys(group.trait for group in groups):
        own = sorted((g for g in groups if g.trait == trait and g.size >= LEAST), key=_size)
        if len(own) < 2:
            continue
        few, many = own[0], own[-1]
        behind = [
            one.value - other.value
            for key in few.table
            if measure_of(key).key in GAP and (one := many.table[key]) and (other := few.table[key])
        ]
        name = f"{trait}: how far {few.group} ({few.size}) fall behind {many.group} ({many.size})"
        bars.append(Bar(name, 0.05, True, max(behind) if behind else None))
    return bars


def _size(group: GroupTable) -> int:
    return group.size
