"""The tab "Check a picture": which marks of origin a file carries, and what they prove."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import gradio as gr

from ...errors import FacegenError
from ...output import check
from .. import texts
from ..run_control import INTERNAL
from ..texts import results
from ..texts.words import Check as Words
from ..widgets.photo_input import MAX_MEGABYTES, read, tools


class CheckTab:
    def __init__(self) -> None:
        with gr.Row(equal_height=False, elem_classes="fg-columns"):
            with gr.Column(scale=5, min_width=300, elem_classes="fg-left"):
                self.file = gr.File(
                    label=Words.file.format(megabytes=MAX_MEGABYTES),
                    file_types=["image"],
                    height=180,
                    elem_id="check-file",
                )
                tools("check-file", "file")
            with gr.Column(scale=8, min_width=300, elem_classes="fg-right"):
                self.answer = gr.HTML(
                    texts.note(Words.promise), padding=False, elem_id="check-answer"
                )
                self.facts = gr.State()
                self.take = gr.Button(Words.take, visible=False, size="md", elem_id="take-settings")
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
            self.answer: texts.note(Words.promise),
            self.facts: None,
            self.take: gr.update(visible=False),
            self.taken: "",
        }


def answered(path: str | None) -> Iterator[tuple]:
    """Check the upload and delete it at once; -> (the answer, the facts, the button for them)."""
    hidden = gr.update(visible=False)
    if path is None:
        yield texts.note(Words.promise), None, hidden, ""
        return
    yield texts.note(Words.looking), None, hidden, ""
    try:
        report = check.check(_taken(Path(path)))
    except FacegenError as error:
        yield texts.error(error), None, hidden, ""
        return
    known = dict(report.facts) if "seed" in report.facts else None
    yield results.origin(report), known, gr.update(visible=known is not None), ""


def _taken(path: Path) -> bytes:
    """Read the upload's bytes, and delete the file. Raises ImageError."""
    try:
        return read(path)
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
