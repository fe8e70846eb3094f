"""The common part of the tabs: two columns, a run of the visitor's own, a button for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from ...errors import FacegenError
from ...jobs.job import Job
from .. import first_sight, texts
from ..run_control import INTERNAL, cancel, running, said_stopped, start, stop_with
from ..run_state import Run, discard, expire
from ..server import private_files
from ..server.model_pool import Studios
from ..texts.words import FromPhoto
from ..widgets.photo_input import Photo
from ..widgets.viewer import url


class Tab:
    """A tab of the page.

    A subclass builds the input (`_build_left`: with `model`, `go` and `stop`) and the results
    (`_build_right`), and does the work.
    """

    promise, begun, look = "", "", ""  # where the results will be; on the bar at first; CSS
    sight = ""  # the example that stands there, see first_sight.py
    options: tuple[str, ...] = ()  # fields that are a job's options, by their common names
    left: tuple[str, ...] = ()  # what `_stopped` updates beside the buttons and the status
    empty: Any = None
    photo: Photo
    examples: gr.Dataset
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
                self.empty = gr.HTML(self._sight(), padding=False)
                self._build_right()

    def _build_examples(self, paths: Sequence[Path], words: str, elem_id: str) -> None:
        """Offer pictures that take the photo's place; a click begins a run."""
        self.example_paths = [str(path) for path in paths]
        self.examples = gr.Dataset(
            components=[self.photo],
            samples=[[path] for path in self.example_paths],
            type="index",
            label=words,
            visible=bool(paths),
            elem_id=elem_id,
            elem_classes="fg-samples",
        )

    def _build_left(self) -> None:
        raise NotImplementedError

    def _build_right(self) -> None:
        raise NotImplementedError

    def _work(self, asked: dict, folder: Path) -> Iterator[dict]:
        """Do the work after the tab was cleared; yields the page's updates. Raises FacegenError."""
        raise NotImplementedError

    def _connect(self) -> None:
        self.turn = gr.State()
        if hasattr(self, "examples"):
            self.example = self.examples.click(
                lambda index: self.example_paths[index],
                self.examples,
                self.photo,
                show_progress="hidden",
                **INTERNAL,
            )
        self.shown = self._outputs()
        self.jobs = []
        for trigger in self._triggers():
            self.begin_on(trigger)
        answer = [self.go, self.stop, self.status, *(getattr(self, name) for name in self.left)]
        stop_with(self.stop, self.jobs, self._stopped, [self.run], answer, self.turn)
        if hasattr(self, "examples"):  # after `example`, before the run that follows it
            cancel(self.examples.click, self.jobs)

    def begin_on(self, trigger: Callable, job: Callable | None = None, *more: Any) -> None:
        """Let an event begin a run, or another job. more: what it reads beside."""
        buttons = (self.go, self.stop, self.status, self.turn)
        begun = start(trigger, job or self._job, {*self.asked(), *more}, self.shown, *buttons)
        self.jobs.append(begun)
        self._keep(begun)

    def _keep(self, run: Any) -> None:
        """Connect what follows on a run."""

    def _triggers(self) -> list:
        return [self.go.click, *([self.example.then] if hasattr(self, "examples") else [])]

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

    def given(self, job: Job, asked: dict, **more: Any) -> Any:
        """Build a job's options; an empty field means the default. Raises OptionError."""
        values = {name: asked[getattr(self, name)] for name in self.options}
        return job.given(values | more)

    def _job(self, asked: dict) -> Iterator[dict]:
        self._leave(asked)
        try:
            with private_files.new_run() as folder:
                bar = texts.progress(texts.say(self.begun), 0.0)
                yield (
                    {self.run: Run(folder), self.status: bar}
                    | self._cleared()
                    | self._place("", visible=True)
                )
                # Gradio takes an empty answer for one without values.
                yield from map(self._timed(), filter(None, self._work(asked, folder)))
        except FacegenError as error:
            yield {self.status: texts.error(self._in_words(error))} | self._place()

    def _timed(self) -> Callable[[dict], dict]:
        """Make a function that adds how long it will take to a run's updates."""
        began = time.monotonic()

        def timed(update: dict) -> dict:
            nonlocal began
            bar = update.get(self.status)
            if not isinstance(bar, texts.Bar):
                return update
            if not bar.done:  # it waits for its turn
                began = time.monotonic()
            return update | {self.status: bar.since(began)}

        return timed

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
        return self._place(visible=True)

    def _place(self, value: str | None = None, **more: Any) -> dict:
        """Update what stands where the results will be; unless given, the example."""
        if self.empty is None:
            return {}
        return {self.empty: gr.update(value=self._sight() if value is None else value, **more)}

    def _sight(self) -> str:
        return first_sight.show(self.sight, texts.say(self.promise))

    def _met(self, *paths: Path | None) -> dict:
        """Show faces that were cut out, and what the model makes of them."""
        figures = [
            texts.figure(
                url(path),
                FromPhoto.aligned if path.stem.startswith("aligned") else FromPhoto.inverted,
            )
            for path in paths
            if path
        ]
        return self._place(f"<div class='fg-looks fg-met'>{''.join(figures)}</div>")
