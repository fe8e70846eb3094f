"""The common part of "From a photo" and "Random people": people on cards, and earlier runs."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from ...errors import FacegenError
from ...jobs import job
from ...jobs.job import RESULT, Event
from ...options import MAX_SEED
from ...output.manifest import write_manifest
from ...types import Progress
from .. import texts
from ..run_control import QUICK, running, sent
from ..run_state import (
    DRAWING,
    FACE,
    PARTS,
    Picture,
    Run,
    archive,
    find,
    follow,
    paced,
    whole_archive,
)
from ..server import private_files
from ..texts import words
from ..widgets import fields
from .history import History, leave
from .tab import Tab


class People(Tab):
    """A tab whose runs make people.

    A subclass calls `_build_cards`, `_build_downloads` within a row `downloads`, and makes a
    `history`. right: the names of what a run changes on the right side.
    """

    right: tuple[str, ...] = ("view", "gallery", "downloads", "all")
    left = ("all", "view")
    downloads: gr.Row
    seed: gr.Number
    count: gr.Slider
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
        self.gallery = fields.gallery(elem_id=elem_id)

    def _build_downloads(self, many: str | None = None) -> None:
        self.all = gr.DownloadButton(words.Fields.download_all, size="md", elem_id=many)

    def asked(self) -> set:
        return super().asked() | {self.history.runs}

    def _outputs(self) -> list:
        return [self.run, self.status, self.empty, *(getattr(self, name) for name in self.right)]

    def _connect(self) -> None:
        super()._connect()
        self.view.input(self._turn, [self.run, self.view], self.gallery, **QUICK)

    def _keep(self, run: Any) -> None:
        """Show the cards once more when a run has ended, and put it into the history."""
        ended = run.then(self._ended, self.run, self.last, **QUICK)
        kept = [self.history.runs, self.run]
        ended.then(self.history.added, kept, self.history.components, **QUICK)

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
            self.gallery: gr.update(value=None, visible=False, selected_index=None),
            self.downloads: gr.update(visible=False),
        }

    def _show(self, run: Run, before: Run) -> dict:
        """Update what changed since the run was shown as `before`."""
        updates: dict = {self.status: run.progress}
        if run.pictures != before.pictures:
            updates[self.gallery] = gr.update(value=run.gallery, visible=True)
            updates |= self._place("", visible=False)
        if run.pictures and not before.pictures:
            updates[self.all] = gr.update(value=None, interactive=False)
            updates[self.downloads] = gr.update(visible=True)
        return updates

    @property
    def last(self) -> list:
        """The components that `_ended` updates, in its order."""
        return [self.view, self.all, self.gallery, self.empty, self.downloads]

    def _ended(self, run: Run | None) -> tuple:
        """Update the page at the end of a run.

        As an event of its own, it shows the cards once more: of updates in quick succession, a
        component may miss a part, its visibility among them, on a slow line to the server.
        """
        if run is None or run.zip is None:
            return (gr.skip(),) * len(self.last)
        there = bool(run.pictures)
        return (
            gr.update(visible=run.drawn),
            gr.update(value=str(run.zip), interactive=True),
            gr.update(value=run.gallery, visible=there),
            gr.update(visible=not there),
            gr.update(visible=there),
        )

    def restored(self, run: Run, looked: Any) -> dict:
        """Show an earlier run instead. looked: what is known of its photo, if it has one."""
        updates = {self.run: run} | self._cleared() | self._show(run, Run(run.folder))
        if run.zip is not None:
            updates |= dict(zip(self.last, self._ended(run), strict=True))
        return updates | {self.status: run.summary}

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

    def _turn(self, run: Run | None, view: str) -> dict:
        """Turn the cards over."""
        return gr.skip() if run is None else gr.update(value=run.cards(view))

    # -- somebody else in one's place ----------------------------------------------------

    def replace_on(self, event: Callable) -> None:
        """Let an event of the large view put somebody else in the place of a person."""
        self.wanted = gr.State()
        wanted = event(self._want, self.run, self.wanted, **QUICK)
        self.begin_on(wanted.success, self._again, self.wanted)

    @staticmethod
    def _want(event: gr.EventData, run: Run | None) -> str:
        return find([run], sent(event, "folder"), sent(event, "file"))[1].name

    def _again(self, asked: dict) -> Iterator[dict]:
        run, timed = asked[self.run], self._timed()
        try:
            index = next(i for i, one in enumerate(run.pictures) if asked[self.wanted] in one.names)
            with private_files.new_run() as folder:
                new = self._another(asked, run)
                with contextlib.closing(self._events(new, folder)) as events:
                    yield {self.status: texts.progress(words.Viewer.waiting, 0.0)}
                    for event in events:
                        if isinstance(event, job.Picture) and event.kind == RESULT:
                            run = self._replaced(run, index, event)
                        elif isinstance(event, Progress):
                            yield timed({self.status: texts.bar(event, PARTS)})
                private_files.discard(folder)
        except FacegenError as error:
            yield {self.status: texts.error(error)}
            return
        if run is asked[self.run]:
            yield {self.status: texts.error(words.Viewer.nobody)}
            return
        yield {self.run: run, self.status: "", self.gallery: gr.update(value=run.gallery)}

    def _another(self, asked: dict, run: Run) -> dict:
        """Ask for one person more."""
        return asked | {self.seed: secrets.randbelow(MAX_SEED + 1), self.count: 1}

    def _replaced(self, run: Run, index: int, event: job.Picture) -> Run:
        """Put a new person's files and entry in the place of that person's."""
        assert event.path is not None and run.manifest is not None
        stem = f"{event.path.stem[:-2]}{index + 1:02d}-{event.entry['seed']}"
        moved, entry = {}, dict(event.entry)
        for key, path in {"": event.path, **event.files}.items():
            moved[key] = path.replace(run.folder / f"{stem}{f'-{key}' if key else ''}.png")
            entry[f"{key}_file" if key else "file"] = moved[key].name
        path = moved.pop("")
        caption = words.People.caption.format(number=index + 1, seed=event.entry["seed"])
        event = replace(event, path=path, files=moved, index=index + 1, caption=caption)
        picture = Picture.of(event)
        for name in run.pictures[index].names:
            (run.folder / name).unlink(missing_ok=True)
        variants = list(run.manifest["variants"])
        variants[index] = entry
        # What was found of all of them together holds no more.
        more = {name: None for name in ("promise", "between") if name in run.manifest}
        manifest = run.manifest | {"variants": variants} | more
        write_manifest(run.folder, manifest)
        pictures = (*run.pictures[:index], picture, *run.pictures[index + 1 :])
        run = replace(run.coded(event), pictures=pictures, manifest=manifest)
        run = replace(run, summary="", report_note="", zip=archive(run.folder))
        return replace(run, whole_zip=whole_archive(run.folder) if run.aligned else None)
