"""The tab "Check a picture": which marks of origin a file carries, and what they prove."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Iterator
from pathlib import Path

import gradio as gr

from ...errors import FacegenError
from ...output import check
from .. import texts
from ..run_control import INTERNAL
from ..widgets.photo_input import MAX_MEGABYTES, read

EMPTY = (  # the tab is called "Check", so that all tabs fit on a telephone
    "Choose a picture, and see whether it says where it comes from: by its signed record (C2PA), "
    "by what its metadata say, and by Facegen's invisible mark, which survives a screenshot."
)
SYMBOLS = {check.FOUND: "●", check.DAMAGED: "▲", check.ABSENT: "○"}


class CheckTab:
    def __init__(self) -> None:
        with gr.Row(equal_height=False, elem_classes="fg-columns"):
            with gr.Column(scale=5, min_width=300, elem_classes="fg-left"):
                self.file = gr.File(
                    label=f"Picture, up to {MAX_MEGABYTES} MB",
                    file_types=["image"],
                    height=180,
                    elem_id="check-file",
                )
            with gr.Column(scale=8, min_width=300, elem_classes="fg-right"):
                self.answer = gr.HTML(texts.note(EMPTY), padding=False, elem_id="check-answer")
                self.facts = gr.State()
                self.take = gr.Button(
                    "Take its settings", visible=False, size="md", elem_id="take-settings"
                )
                self.taken = gr.HTML(padding=False)
        self.file.change(
            answered,
            self.file,
            [self.answer, self.facts, self.take, self.taken],
            show_progress_on=self.answer,
            show_progress="minimal",
            concurrency_limit=2,
            **INTERNAL,
        )

    def cleared(self) -> dict:
        """Reset the tab to its state before there was a picture."""
        return {
            self.file: None,
            self.answer: texts.note(EMPTY),
            self.facts: None,
            self.take: gr.update(visible=False),
            self.taken: "",
        }


def answered(path: str | None) -> Iterator[tuple]:
    """Check the upload and delete it at once; -> (the answer, the facts, the button for them)."""
    hidden = gr.update(visible=False)
    if path is None:
        yield texts.note(EMPTY), None, hidden, ""
        return
    yield texts.note("Looking for marks …"), None, hidden, ""
    try:
        report = check.check(_taken(Path(path)))
    except FacegenError as error:
        yield texts.error(error), None, hidden, ""
        return
    known = dict(report.facts) if "seed" in report.facts else None
    yield report_html(report), known, gr.update(visible=known is not None), ""


def _taken(path: Path) -> bytes:
    """Read the upload's bytes, and delete the file. Raises ImageError."""
    try:
        return read(path)
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def report_html(report: check.Report) -> str:
    found = "".join(
        f"<li class='fg-{finding.state.replace(' ', '-')}'>"
        f"<b><i aria-hidden='true'>{SYMBOLS[finding.state]}</i> {html.escape(finding.place)}: "
        f"{html.escape(finding.state)}</b> {html.escape(finding.words)}</li>"
        for finding in report.findings
    )
    wrong = "".join(
        f"<p class='fg-error' role='alert'>Contradiction: {html.escape(text)}.</p>"
        for text in report.contradictions
    )
    return (
        f"<div class='fg-check' role='status'><h3>{html.escape(report.verdict)}</h3>{wrong}"
        f"<ul>{found}</ul><p class='fg-note'>{html.escape(check.PROVES)}</p></div>"
    )
