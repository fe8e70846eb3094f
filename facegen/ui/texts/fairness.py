"""The section of the tab "About" on groups with worse results, in a visitor's words.

The numbers are in data/fairness.json, written by benchmarks/fairness.py from the report of
`evaluate --protocol anonymisation`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from .languages import say

DATA = Path(__file__).parents[2] / "data" / "fairness.json"
LEAST = 10  # faces; of a smaller group nothing follows

NOT_MEASURED = (
    "For *{title}* nobody has measured whom it serves worse. Do not assume that it is fair."
)


def section(model: str, title: str) -> str:
    """Write the section on the model with that name, as Markdown."""
    found = json.loads(DATA.read_text(encoding="utf-8")).get(model)
    return _measured(found) if found else say(NOT_MEASURED).format(title=title)


def hiding(model: str) -> str:
    """Say how well a new face hides the photo's, as a list item; "" if it was not measured."""
    found = json.loads(DATA.read_text(encoding="utf-8")).get(model)
    if not found:
        return ""
    return say(
        "- A new face does not make anybody anonymous. In a test the right one of {count} photos "
        "was the closest to a new face in {again:.0f} of 1,000 cases, and a program that learned "
        "from pairs of photos and new faces named the photo in {attacked:.0f} of 100 (guessing: "
        "{chance:.0f})."
    ).format(
        count=found["sources"],
        again=1000 * found["found_again"],
        attacked=100 * found["attacked"],
        chance=100 * found["chance"],
    )


def _measured(found: Mapping) -> str:
    """List the measurements; not as a table, as it also has to fit a telephone."""
    known = [group for group in found["groups"] if group["faces"] >= LEAST]
    least = min(known, key=lambda group: group["protected"][0])
    most = max(known, key=lambda group: group["protected"][0])
    if least["protected"][0] == most["protected"][0]:
        first = say(
            "**No group is protected less than another**: in each, {share:.0f} % are not taken for "
            "the person in the photo."
        ).format(share=100 * least["protected"][0])
    else:
        first = say(
            "**Least protected** are faces of *{least}*: {few} are not taken for the person in the "
            "photo; most are those of *{most}*: {many}."
        ).format(
            least=_name(least),
            few=_share(least["protected"]),
            most=_name(most),
            many=_share(most["protected"]),
        )
    how = say(
        "Measured with *{model}* on {count} drawn faces, {variants} new faces each. Programs "
        "guessed the age, gender presentation and skin tone of each face by how people rate such "
        "faces, and are sometimes wrong. *Protected*: a recogniser that takes one in a thousand "
        "pairs of strangers for one person does not take the new face for the old one (the worse "
        "of two recognisers). *Found*: a face detector sees a face (the worse of two). In "
        "brackets: where the number would lie in 95 of 100 such tests; with few faces that is a "
        "wide range."
    ).format(model=found["model"], count=found["sources"], variants=found["variants"])
    limits = say(
        "What this does not tell: the faces were drawn, and the recognisers and the generator "
        "learned from photographs that show some people more often than others. Among real people "
        "the gaps may be wider."
    )
    rows = "".join(_row(group) for group in found["groups"])
    return f"{first}\n\n{how}\n\n{rows}\n{_drawn(found['drawn'])}\n\n{limits}"


def _name(group: Mapping) -> str:
    return say(group["name"])


def _row(group: Mapping) -> str:
    value, low, high = group["age"]
    row = say(
        "- **{group}** ({count} faces): protected {protected}, found {found}, gender presentation "
        "kept {gender}, {years:.1f} years off ({low:.1f} to {high:.1f})"
    ).format(
        group=_name(group),
        count=group["faces"],
        protected=_share(group["protected"]),
        found=_share(group["found"]),
        gender=_share(group["gender"]),
        years=value,
        low=low,
        high=high,
    )
    return f"{row}\n"


def _share(found: Sequence[float]) -> str:
    value, low, high = (f"{100 * number:.0f}" for number in found)
    return say("{share} % ({low} to {high})").format(share=value, low=low, high=high)


def _drawn(drawn: Mapping) -> str:
    shares = drawn["shares"]

    def told(trait: str) -> str:
        each = ((say(name), share) for name, share in shares[trait].items())
        return ", ".join(f"{name} {100 * share:.0f} %" for name, share in each)

    return say(
        "**Without a photo** the model draws, of {count:,} random faces: by age {age}; {gender}; "
        "by skin tone {skin}. *People of all kinds* on the tab *Random people* evens that out, as "
        "far as the model can draw it."
    ).format(
        count=drawn["faces"],
        age=told("age"),
        gender=told("gender presentation"),
        skin=told("skin tone"),
    )
