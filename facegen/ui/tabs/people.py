"""The common part of "From a photo" and "Random people": people on cards, and earlier runs."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from ...errors import FacegenError
from ...jobs.job import Event
from .. import texts
from ..run_control import QUICK, running
from ..run_state import DRAWING, FACE, Run, archive, follow, paced
from ..texts import words
from ..widgets import fields
from .history import History, leave
from .tab import Tab


class People(Tab):
    """A tab whose runs make people.

    A subclass calls `_build_cards`, `_build_downloads` within a row `downloads`, and makes a
    `history`. right: the names of what a run changes on the right side.
    """

    right: tuple[str, ...] = ("view", "chosen", "gallery", "downloads", "single", "all")
    left = ("all", "view")
    downloads: gr.Row
    history: History

    def _build_cards(self, elem_id: str) -> None:
        # Hidden until a run with drawings has ended: what still comes would turn the cards back.
        self.view = gr.Radio(
            [(words.People.drawings, DRAWING), (words.People.faces, FACE)],
            value=DRAWING,
            label=words.People.view,
            visible=False,
            elem_classes="fg-switch",
        )
        self.chosen = gr.State(0)
        self.gallery = fields.gallery(elem_id=elem_id)

    def _build_downloads(self, one: str | None = None, many: str | None = None) -> None:
        self.single = gr.DownloadButton(words.People.download, size="md", elem_id=one)
        self.all = gr.DownloadButton(words.Fields.download_all, size="md", elem_id=many)

    def asked(self) -> set:
        return super().asked() | {self.history.runs}

    def _outputs(self) -> list:
        return [self.run, self.status, self.empty, *(getattr(self, name) for name in self.right)]

    def _connect(self) -> None:
        super()._connect()
        for job in self.jobs:
            ended = job.then(self._ended, [self.run, self.chosen], self.last, **QUICK)
            kept = [self.history.runs, self.run]
            ended.then(self.history.added, kept, self.history.components, **QUICK)
        chosen = [*self._chosen(None, 0, DRAWING), self.chosen]
        self.gallery.select(self._choose, [self.run, self.view], chosen, **QUICK)
        seen = [self.run, self.view, self.chosen]
        self.view.input(self._turn, seen, [self.gallery, self.single], **QUICK)

    def _events(self, asked: dict, folder: Path) -> Generator[Event, None, None]:
        """Run the job. Raises FacegenError."""
        raise NotImplementedError

    def _leave(self, asked: dict) -> None:
        leave(asked[self.history.runs], asked[self.run])

    def _work(self, asked: dict, folder: Path) -> Iterator[dict]:
        run = Run(folder)
        with contextlib.closing(self._events(asked, folder)) as events:
            for now, before in paced(run, follow(run, events)):
                yield {self.run: now} | self._show(now, before)

    def cleared(self) -> dict:
        return super().cleared() | self.history.show(())

    def _cleared(self) -> dict:
        return super()._cleared() | {
            self.view: gr.update(value=DRAWING, visible=False),
            self.chosen: 0,
            self.gallery: gr.update(value=None, visible=False, selected_index=None),
            self.downloads: gr.update(visible=False),
        }

    def _show(self, run: Run, before: Run) -> dict:
        """Update what changed since the run was shown as `before`."""
        updates: dict = {self.status: run.progress}
        if run.pictures != before.pictures:
            updates[self.gallery] = gr.update(value=run.gallery, visible=True)
            updates[self.empty] = gr.update(visible=False)
        if run.pictures and not before.pictures:
            updates |= self._chosen(run, 0, DRAWING)
            updates[self.all] = gr.update(value=None, interactive=False)
            updates[self.downloads] = gr.update(visible=True)
        return updates

    @property
    def last(self) -> list:
        """The components that `_ended` updates, in its order."""
        return [self.view, self.all, self.gallery, self.single, self.empty, self.downloads]

    def _ended(self, run: Run | None, chosen: int = 0) -> tuple:
        """Update the page at the end of a run.

        As an event of its own, it shows the cards once more: of updates in quick succession, a
        component may miss a part, its visibility among them, on a slow line to the server.
        """
        if run is None or run.zip is None:
            return (gr.skip(),) * len(self.last)
        zipped = gr.update(value=str(run.zip), interactive=True)
        shown = chosen if chosen < len(run.pictures) else 0
        there = bool(run.pictures)
        return (
            gr.update(visible=run.drawn),
            zipped,
            gr.update(value=run.gallery, visible=there),
            self.download(run, shown, DRAWING) if there else gr.skip(),
            gr.update(visible=not there),
            gr.update(visible=there),
        )

    def restored(self, run: Run, looked: Any) -> dict:
        """Show an earlier run instead. looked: what is known of its photo, if it has one."""
        updates = {self.run: run} | self._cleared() | self._show(run, Run(run.folder))
        if run.zip is not None:
            updates |= dict(zip(self.last, self._ended(run), strict=True))
        return updates | {self.status: ""}

    def forgotten(self) -> dict:
        """Clear the tab of the run that was shown."""
        return {self.run: None, self.status: texts.note(words.People.forgotten)} | self._cleared()

    def _stopped(self, run: Run | None) -> tuple:
        """Offer what was made so far, after Stop."""
        if run is None or not run.pictures:
            return *running(False), texts.note(words.Fields.stopped), gr.skip(), gr.skip()
        try:
            all_so_far = gr.update(value=str(archive(run.folder)), interactive=True)
        except FacegenError as error:
            return *running(False), texts.error(error), gr.skip(), gr.skip()
        text = words.People.stopped.format(count=len(run.pictures))
        return *running(False), texts.note(text), all_so_far, gr.update(visible=run.drawn)

    def _chosen(self, run: Run | None, index: int, view: str) -> dict:
        """Show one person, counted from 0, large; without a run, name the component for it."""
        return {self.single: run and self.download(run, index, view)}

    def _choose(self, run: Run | None, view: str, event: gr.SelectData) -> dict:
        if run is None or event.index >= len(run.pictures):
            return {self.chosen: gr.skip()}
        return self._chosen(run, event.index, view) | {self.chosen: event.index}

    def _turn(self, run: Run | None, view: str, chosen: int) -> tuple:
        """Turn the cards over."""
        if run is None or chosen >= len(run.pictures):
            return gr.skip(), gr.skip()
        cards = gr.update(value=run.cards(view), selected_index=chosen)
        return cards, self.download(run, chosen, view)

    @staticmethod
    def download(run: Run, index: int, view: str) -> dict:
        """Update the button to the picture on the card."""
        picture = run.pictures[index]
        drawing = picture.anime_path and view == DRAWING
        said = words.People.download_drawing if drawing else words.People.download_face
        return gr.update(value=str(picture.as_seen(view)), label=said.format(number=index + 1))
