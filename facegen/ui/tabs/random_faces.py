"""The tab "Random faces": people from nowhere, at one click."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gradio as gr

from ...options import SampleOptions
from .. import texts
from ..run_control import QUICK, said_stopped, start, stop_with
from ..run_state import Run, follow
from ..widgets import fields, views
from .history import FORGOTTEN, History, leave
from .results import Results
from .tab import Tab


def psi_of(model: str | None):
    """The slider's words for that model: how far faces hold is measured for each."""
    return gr.update(info=texts.psi_info(model or ""))


class RandomFaces(Tab):
    promise = "Press Draw: faces out of nothing but a number."
    begun = "Drawing …"
    options = ("count", "seed", "truncation_psi", "balanced", "blend", "label")

    def _build_left(self) -> None:
        first = self.studios.first
        self.count = fields.slider(SampleOptions, "count", step=1, info="")
        words = texts.psi_info(first.info.name)
        self.truncation_psi = fields.slider(SampleOptions, "truncation_psi", info=words)
        self.balanced = fields.balanced()
        self.anime, self.style, self.blend = fields.anime(first.styles)
        self.seed = fields.seed(SampleOptions)
        self.model = fields.model(self.studios)
        self.label = fields.label()
        self.go, self.stop = fields.go("Draw", "draw")

    def _build_right(self) -> None:
        self.view = views.switch()
        self.chosen = gr.State(0)
        self.gallery = fields.gallery(elem_id="random")
        with gr.Row(visible=False, elem_classes="fg-downloads") as self.downloads:
            self.single = gr.DownloadButton("Download this face (PNG)", size="md")
            self.all = gr.DownloadButton("Download all (ZIP)", size="md")
        self.history = History("random-history")

    def _connect(self) -> None:
        asked = self._asked() | {self.anime, self.style, self.history.runs}
        shown = [self.run, self.status, self.empty, self.view, self.chosen, self.gallery]
        shown += [self.downloads, self.single, self.all]
        self.shown = shown
        turn = self.turn = gr.State()
        running = start(
            self.go.click, self._job, asked, shown, self.go, self.stop, self.status, turn
        )
        ended = running.then(_ended, self.run, [self.view, self.all, self.gallery], **QUICK)
        kept = [self.history.runs, self.run]
        ended.then(self.history.added, kept, self.history.components, **QUICK)
        answer = [self.go, self.stop, self.status, self.view]
        self.jobs = [running]
        stop_with(self.stop, [running], self._stopped, [self.run], answer, turn)
        self.gallery.select(
            self._choose, [self.run, self.view], [self.single, self.chosen], **QUICK
        )
        self.view.input(
            self._turn, [self.run, self.view, self.chosen], [self.gallery, self.single], **QUICK
        )
        self.model.change(psi_of, self.model, self.truncation_psi, **QUICK)

    def _leave(self, asked: dict) -> None:
        leave(asked[self.history.runs], asked[self.run])

    def _work(self, asked: dict, folder: Path) -> Iterator[dict]:
        style = asked[self.style] if asked[self.anime] else None
        told = self._given("random", asked, style=style)
        events = self.studios.run("random", asked[self.model], [], folder, told)
        for run in follow(Run(folder), events):
            yield {self.run: run} | self._show(run)

    def cleared(self) -> dict:
        return super().cleared() | self.history.show(())

    def restored(self, run: Run, looked: None) -> dict:
        """The tab with an earlier run in the place of the one that is shown. looked: the photo,
        which there is none of."""
        view, zipped, _ = _ended(run)
        updates = {self.run: run} | self._cleared() | self._show(run)
        updates |= {self.single: Results.download(run, 0, views.DRAWING), self.status: ""}
        if run.zip is not None:
            updates |= {self.view: view, self.all: zipped}
        return updates | {self.gallery: gr.update(value=run.gallery, visible=True)}

    def forgotten(self) -> dict:
        """The tab without the run that was shown."""
        return {self.run: None, self.status: texts.note(FORGOTTEN)} | self._cleared()

    def _cleared(self) -> dict:
        return super()._cleared() | {
            self.view: views.reset(),
            self.chosen: 0,
            self.gallery: gr.update(value=None, visible=False, selected_index=None),
            self.downloads: gr.update(visible=False),
        }

    def _show(self, run: Run) -> dict:
        first = {}
        if len(run.pictures) == 1:
            first = {self.single: Results.download(run, 0, views.DRAWING)}
        return first | {
            self.status: run.progress,
            self.empty: gr.update(visible=False),
            self.gallery: gr.update(value=run.gallery, visible=True),
            self.downloads: gr.update(visible=True),
            self.all: gr.update(value=run.zip and str(run.zip), interactive=bool(run.zip)),
        }

    @staticmethod
    def _stopped(run: Run | None) -> tuple:
        drawn = run is not None and run.drawn
        return *said_stopped(), views.ended(drawn)

    def _choose(self, run: Run | None, view: str, event: gr.SelectData):
        if run is None or event.index >= len(run.pictures):
            return gr.skip(), gr.skip()
        return Results.download(run, event.index, view), event.index

    def _turn(self, run: Run | None, view: str, chosen: int):
        """Turn the cards over."""
        if run is None or chosen >= len(run.pictures):
            return gr.skip(), gr.skip()
        cards = gr.update(value=run.cards(view), selected_index=chosen)
        return cards, Results.download(run, chosen, view)


def _ended(run: Run | None) -> tuple:
    """The switch, the ZIP and the cards of a run that came to its end; see Results.ended."""
    if run is None or run.zip is None:
        return gr.skip(), gr.skip(), gr.skip()
    zipped = gr.update(value=str(run.zip), interactive=True)
    return views.ended(run.drawn), zipped, gr.update(value=run.gallery)
