"""The differences between the variants, as a table of coloured cells, and in words."""

from __future__ import annotations

import html

from ...measure.identity.dlib_recogniser import DlibRecogniser
from ...measure.identity.sface import SFaceRecogniser
from ...types import SelectionReport
from .. import texts
from ..texts import results

THRESHOLDS = {kind.name: kind.threshold for kind in (DlibRecogniser, SFaceRecogniser)}


def summary(report: SelectionReport) -> str:
    """Write how many people there are, and why not all."""
    kind = "fg-note" if report.kept else "fg-note fg-short"
    words = texts.say(report.in_words())
    return words and f"<p class='{kind}' role='status'>{html.escape(words)}</p>"


def report_note(report: SelectionReport) -> str:
    """Write a table for every recogniser that reports."""
    return "".join(table(name, rows) for name, rows in report.between.items() if len(rows) > 1)


def table(recogniser: str, rows: list[list[float | None]]) -> str:
    """Write the N x N distances between the variants by one recogniser; the darker the farther."""
    numbers = range(1, len(rows) + 1)
    least = THRESHOLDS.get(recogniser)
    caption = results.matrix_caption(recogniser, least)
    head = "".join(f"<th scope='col'>{number}</th>" for number in numbers)
    body = "".join(
        f"<tr><th scope='row'>{number}</th>"
        f"{''.join(_cell(cell, i == number) for i, cell in enumerate(row, start=1))}</tr>"
        for number, row in zip(numbers, rows, strict=True)
    )
    return (
        f"<div class='fg-heat'><table><caption>{caption}</caption>"
        f"<tr><td></td>{head}</tr>{body}</table></div>"
    )


def _cell(distance: float | None, itself: bool) -> str:
    if itself:  # not always 0 to the last bit
        return "<td class='self'></td>"
    if distance is None:
        return "<td>?</td>"
    share = round(100 * min(distance, 1.0))
    return f"<td style='--far:{share}%'>{distance:.2f}</td>"
