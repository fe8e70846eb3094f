"""How different the variants are from each other, as a table of coloured cells, and in words."""

from __future__ import annotations

import html

from ...measure.identity.dlib_recogniser import DlibJudge
from ...measure.identity.sface import SFaceJudge
from ...types import Promise

THRESHOLDS = {kind.name: kind.threshold for kind in (DlibJudge, SFaceJudge)}


def promise_note(promise: Promise) -> str:
    """What became of the promise, and a table of every judge that reports."""
    words = promise.in_words()
    kind = "fg-note" if promise.kept else "fg-note fg-short"
    parts = [f"<p class='{kind}' role='status'>{html.escape(words)}</p>"] if words else []
    parts += [table(name, rows) for name, rows in promise.reported.items() if len(rows) > 1]
    return "".join(parts)


def table(judge: str, rows: list[list[float | None]]) -> str:
    """N x N distances between the variants as one judge sees them; the darker the farther."""
    numbers = range(1, len(rows) + 1)
    head = "".join(f"<th scope='col'>{number}</th>" for number in numbers)
    body = "".join(
        f"<tr><th scope='row'>{number}</th>{''.join(map(_cell, row))}</tr>"
        for number, row in zip(numbers, rows, strict=True)
    )
    return (
        f"<div class='fg-heat'><table><caption>How far apart the faces are from each other "
        f"({html.escape(judge)}{_legend(judge)})</caption><tr><td></td>{head}</tr>{body}</table></div>"
    )


def _legend(judge: str) -> str:
    threshold = THRESHOLDS.get(judge)
    return "" if threshold is None else f"; below {threshold:g} it is one person"


def _cell(distance: float | None) -> str:
    if distance is None:
        return "<td>?</td>"
    if distance == 0:
        return "<td class='self'></td>"
    share = round(100 * min(distance, 1.0))
    dark = " class='dark'" if share > 55 else ""
    return f"<td{dark} style='--far:{share}%'>{distance:.2f}</td>"
