"""The common part of the tabs: two columns, a run of the visitor's own, a button for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from ...errors import FacegenError
from ...jobs import catalogue
from .. import texts
from ..run_control import running, said_stopped, start, stop_with
from ..run_state import Run, discard, expire
from ..server import private_files
from ..server.model_pool import Studios
from ..widgets.photo_input import Photo


class Tab:
    """A tab of the page.

    A subclass builds the input (`_build_left`: with `model`, `go` and `stop`) and the results
    (`_build_right`), and does the work.
    """

    promise, begun, look = "", "", ""  # where the results will be; on the bar at first; CSS
    options: tuple[str, ...] = ()  # fields that are a job's options, by their common names
    left: tuple[str, ...] = ()  # what `_stopped` updates beside the buttons and the status
    photo: Photo
    model: gr.Dropdown
    go: gr.Button
    stop: gr.Button
    jobs: list

    def __init__(self, studios: Studios, uploads: gr.State | None = None):
        self.studios = studios
        self.uploads: Any = uploads  # None where the tab takes no photo
        self.run = gr.State(time_to_live=private_files.KEEP_SECONDS, delete_callback=expire)
        self._build()
        self._connect()

    def _build(self) -> None:
        with gr.Row(equal_height=False, elem_classes=f"fg-columns {self.look}".strip()):
            with gr.Column(scale=5, min_width=300, elem_classes="fg-left"):
                self._build_left()
            with gr.Column(scale=8, min_width=300, elem_classes="fg-right"):
                self.status = gr.HTML(padding=False, elem_classes="fg-status")
                self.empty = gr.HTML(texts.empty(self.promise), padding=False)
                self._build_right()

    def _build_left(self) -> None:
        raise NotImplementedError

    def _build_right(self) -> None:
        raise NotImplementedError

    def _work(self, asked: dict, folder: Path) -> Iterator[dict]:
        """Do the work after the tab was cleared; yields the page's updates. Raises FacegenError."""
        raise NotImplementedError

    def _connect(self) -> None:
        self.turn = gr.State()
        self.shown = self._outputs()
        buttons = (self.go, self.stop, self.status, self.turn)
        self.jobs = [
            start(trigger, self._job, self.asked(), self.shown, *buttons)
            for trigger in self._triggers()
        ]
        answer = [self.go, self.stop, self.status, *(getattr(self, name) for name in self.left)]
        stop_with(self.stop, self.jobs, self._stopped, [self.run], answer, self.turn)

    def _triggers(self) -> list:
        return [self.go.click]

    def _outputs(self) -> list:
        """List the components that a run changes."""
        uploads = [self.uploads] if self.uploads is not None else []
        return [self.run, self.status, *self._cleared(), *uploads]

    def _stopped(self, run: Run | None) -> tuple:
        """Answer Stop: no result is left."""
        return said_stopped()

    def asked(self) -> set:
        """Collect the components that a run reads."""
        names = ("run", "photo", "uploads", "model", *self.options)
        there = (getattr(self, name, None) for name in names)
        return {one for one in there if one is not None}

    def given(self, job: str, asked: dict, **more: Any) -> Any:
        """Build a job's options; an empty field means the default. Raises OptionError."""
        values = {name: asked[getattr(self, name)] for name in self.options}
        return catalogue.find(job).given(values | more)

    def _job(self, asked: dict) -> Iterator[dict]:
        self._leave(asked)
        try:
            with private_files.new_run() as folder:
                bar = texts.progress(self.begun, 0.0)
                yield {self.run: Run(folder), self.status: bar} | self._cleared()
                # Gradio takes an empty answer for one without values.
                yield from filter(None, self._work(asked, folder))
        except FacegenError as error:
            yield {self.status: texts.error(self._in_words(error))}

    def _leave(self, asked: dict) -> None:
        """Delete what the previous run left."""
        discard(asked[self.run])

    def _in_words(self, error: FacegenError) -> str:
        return str(error)

    def cleared(self) -> dict:
        """Reset the tab to its first state."""
        photo = {self.photo: None} if hasattr(self, "photo") else {}
        buttons = dict(zip((self.go, self.stop), running(False), strict=True))
        return {**photo, self.status: "", **buttons, **self._cleared()}

    def _cleared(self) -> dict:
        """Empty the places of results; the previous run's files are gone."""
        return {self.empty: gr.update(visible=True)}
