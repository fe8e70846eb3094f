"""The section of the tab "About" on groups with worse results, in a visitor's words.

The numbers are in data/fairness.json, written by benchmarks/fairness.py from the report of
`evaluate --protocol anonymisation`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

DATA = Path(__file__).parents[2] / "data" / "fairness.json"
LEAST = 10  # faces; of a smaller group nothing follows

NOT_MEASURED = (
    "For *{title}* nobody has measured whom it serves worse. Do not assume that it is fair."
)


def section(model: str, title: str) -> str:
    """Write the section on the model with that name, as Markdown."""
    found = json.loads(DATA.read_text(encoding="utf-8")).get(model)
    return _measured(found) if found else NOT_MEASURED.format(title=title)


def hiding(model: str) -> str:
    """Say how well a new face hides the photo's, as a list item; "" if it was not measured."""
    found = json.loads(DATA.read_text(encoding="utf-8")).get(model)
    if not found:
        return ""
    return (
        "- A new face does not make anybody anonymous. In a test the right one of "
        f"{found['sources']} photos was the closest to a new face in "
        f"{1000 * found['found_again']:.0f} of 1,000 cases, and a program that learned from pairs "
        f"of photos and new faces named the photo in {100 * found['attacked']:.0f} of 100 "
        f"(guessing: {100 * found['chance']:.0f}).\n"
    )


def _measured(found: Mapping) -> str:
    """List the measurements; not as a table, as it also has to fit a telephone."""
    known = [group for group in found["groups"] if group["faces"] >= LEAST]
    least = min(known, key=lambda group: group["protected"][0])
    most = max(known, key=lambda group: group["protected"][0])
    if least["protected"][0] == most["protected"][0]:
        first = (
            "**No group is protected less than another**: in each, "
            f"{100 * least['protected'][0]:.0f} % are not taken for the person in the photo."
        )
    else:
        first = (
            f"**Least protected** are faces of *{least['name']}*: {_share(least['protected'])} are "
            f"not taken for the person in the photo; most are those of *{most['name']}*: "
            f"{_share(most['protected'])}."
        )
    return (
        f"{first}\n\n"
        f"Measured with *{found['model']}* on {found['sources']} drawn faces, "
        f"{found['variants']} new faces each. Programs guessed the age, gender presentation and "
        "skin tone of each face by how people rate such faces, and are sometimes wrong. "
        "*Protected*: a recogniser that takes one in a thousand pairs of strangers for one person "
        "does not take the new face for the old one (the worse of two recognisers). *Found*: a "
        "face detector sees a face (the worse of two). In brackets: where the number would lie "
        "in 95 of 100 such tests; with few faces that is a wide range.\n\n"
        + "".join(_row(group) for group in found["groups"])
        + "\n"
        + _drawn(found["drawn"])
        + "\n\nWhat this does not tell: the faces were drawn, and the recognisers and the "
        "generator learned from photographs that show some people more often than others. Among "
        "real people the gaps may be wider."
    )


def _row(group: Mapping) -> str:
    value, low, high = group["age"]
    return (
        f"- **{group['name']}** ({group['faces']} faces): protected {_share(group['protected'])}, "
        f"found {_share(group['found'])}, gender presentation kept {_share(group['gender'])}, "
        f"{value:.1f} years off ({low:.1f} to {high:.1f})\n"
    )


def _share(found: Sequence[float]) -> str:
    value, low, high = (f"{100 * number:.0f}" for number in found)
    return f"{value} % ({low} to {high})"


def _drawn(drawn: Mapping) -> str:
    shares = drawn["shares"]

    def told(trait: str) -> str:
        return ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares[trait].items())

    return (
        f"**Without a photo** the model draws, of {drawn['faces']:,} random faces: by age "
        f"{told('age')}; {told('gender presentation')}; by skin tone {told('skin tone')}. *People "
        "of all kinds* on the tab *Random people* evens that out, as far as the model can draw it."
    )
