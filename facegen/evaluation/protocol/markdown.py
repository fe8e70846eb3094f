"""The protocol's numbers as Markdown, for the docs: of two recognisers or detectors the worse."""

from __future__ import annotations

from collections.abc import Sequence

from ..table import NOTHING
from .intervals import Estimate
from .rows import OURS, SOURCE
from .summarise import Summary, Table, measure_of, of_measure

# name, measures of which the worst counts, whether less is better, the bar
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
GROUP_ROWS = (("protected",), ("rank 1",), ("mediapipe", "hog"), ("gender",), ("age",), ("skin",))
GROUP_HEAD = ("protected", "re-identified", "detected", "gender kept", "years off", "skin off")


def cell(found: Estimate | None, key: str) -> str:
    """Format as "2.0 % (0.7 to 3.7)", or a number with its digits."""
    if found is None:
        return NOTHING
    digits = measure_of(key).digits
    if digits is None:
        numbers = (f"{100 * v:.1f}" for v in (found.value, found.low, found.high))
        return "{} % ({} to {})".format(*numbers)
    numbers = (f"{v:.{digits}f}" for v in (found.value, found.low, found.high))
    return "{} ({} to {})".format(*numbers)


def worst(table: Table, measures: Sequence[str], less: bool) -> tuple[str, Estimate] | None:
    """Return (key, estimate) of the recogniser or detector with the worst result."""
    found = [
        (key, one) for name in measures for key in of_measure(table, name) if (one := table[key])
    ]
    if not found:
        return None
    return (max if less else min)(found, key=lambda pair: pair[1].value)


def as_markdown(summary: Summary) -> str:
    """Format the table, the groups, the bars that are missed."""
    kinds = [kind for kind in summary.table if kind != SOURCE]
    lines = [
        _row(["", "wanted", *(f"**{kind}**" if kind == OURS else kind for kind in kinds)]),
        _row(["---"] * (2 + len(kinds))),
    ]
    for name, measures, less, wanted in ROWS:
        cells = [worst(summary.table[kind], measures, less) for kind in kinds]
        lines.append(_row([name, wanted, *(_cell(found) for found in cells)]))
    lines += ["", _row(["group", "sources", *GROUP_HEAD]), _row(["---"] * (2 + len(GROUP_HEAD)))]
    for group in summary.groups:
        cells = [
            worst(group.table, measures, less=measures[0] in ("rank 1", "age", "skin"))
            for measures in GROUP_ROWS
        ]
        name = f"{group.trait}: {group.group}"
        lines.append(_row([name, str(group.size), *(_cell(found) for found in cells)]))
    lines += ["", _row(["", "sources", "random faces"]), _row(["---"] * 3)]
    for trait, groups in summary.drawn.items():
        for name, (here, there) in groups.items():
            lines.append(_row([f"{trait}: {name}", f"{100 * here:.1f} %", f"{100 * there:.1f} %"]))
    lines.append("")
    for bar in summary.bars:
        reached = "not measured" if bar.reached is None else f"{bar.reached:.3g}"
        met = "met" if bar.met else "**missed**"
        lines.append(f"- {bar.name}: {reached}, wanted {bar.sign} {bar.wanted:g}: {met}")
    return "\n".join(lines) + "\n"


def _cell(found: tuple[str, Estimate] | None) -> str:
    return cell(found[1], found[0]) if found else NOTHING


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
