"""Who comes out worse, in a visitor's words: a section of the tab "About".

The numbers lie in data/fairness.json, written by benchmarks/fairness.py from the report of
`evaluate --protocol anonymisation`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

DATA = Path(__file__).parents[2] / "data" / "fairness.json"
SHARES = ("protected", "found", "gender")  # columns that are shares; the others are numbers

NOT_MEASURED = "For *{title}* nobody has measured whom it serves worse. Do not take it for fair."


def section(model: str, title: str) -> str:
    """Markdown, of the model with that name."""
    found = json.loads(DATA.read_text(encoding="utf-8")).get(model)
    return _measured(found) if found else NOT_MEASURED.format(title=title)


def _measured(found: Mapping) -> str:
    return (
        f"Measured with *{found['model']}* on {found['sources']} drawn faces, "
        f"{found['variants']} new faces each. Programs guessed the age, gender presentation and "
        "skin tone of each face by how people rate such faces, and are wrong now and then. "
        "*Protected*: a recogniser that takes one in a thousand pairs of strangers for one person "
        "does not take the new face for the old one (of two recognisers the worse). *Found*: a "
        "face detector sees a face (of two the worse). In brackets: where the number would lie "
        "in 95 of 100 such tests; with few faces that is a wide range.\n\n"
        "| how the face looks | faces | protected | found | gender presentation kept | years off "
        "|\n|---|---|---|---|---|---|\n"
        + "".join(_row(group) for group in found["groups"])
        + "\n"
        + _drawn(found["drawn"])
        + "\n\nWhat this does not tell: the faces were drawn, and the recognisers and the "
        "generator learned from photographs that show some people more often than others. Among "
        "real people the gaps may be wider."
    )


def _row(group: Mapping) -> str:
    cells = [_cell(group[name], name in SHARES) for name in (*SHARES, "age")]
    return f"| {group['name']} | {group['faces']} | {' | '.join(cells)} |\n"


def _cell(found: list[float] | None, share: bool) -> str:
    if found is None:
        return "–"
    if share:
        value, low, high = (f"{100 * number:.0f}" for number in found)
        return f"{value} % ({low} to {high})"
    value, low, high = (f"{number:.1f}" for number in found)
    return f"{value} ({low} to {high})"


def _drawn(drawn: Mapping) -> str:
    shares = drawn["shares"]

    def told(trait: str) -> str:
        return ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares[trait].items())

    return (
        f"**Without a photo** the model draws, of {drawn['faces']:,} random faces: by age "
        f"{told('age')}; {told('gender presentation')}; by skin tone {told('skin tone')}. *People "
        "of all kinds* on the tab *Random faces* evens that out, as far as the model can draw it."
    )
