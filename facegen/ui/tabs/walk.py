"""The part below "Random people": from the average face outwards, until faces stop being faces."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
from gradio.components import Component

from ...evaluation import walk
from ...evaluation.walk import Walk, summary
from ...files import write_file
from ...options import WalkOptions
from ...output import provenance
from ...output.staging import zip_folder
from ...studio import Studio
from ...types import Progress
from .. import texts
from ..texts.words import Fields
from ..texts.words import Walk as Words
from ..widgets import fields
from .tab import Tab

ZIP = "facegen-walk.zip"
EVERY = 2.0  # seconds between two looks at what was met so far
WALKING = 0.9  # of the bar; the rest is for the report


class WalkTab(Tab):
    promise, begun = Words.promise, Words.begun
    options = ("steps", "step", "persistence", "seed")

    def _build_left(self) -> None:
        with fields.settings():
            self.steps = fields.slider(WalkOptions, "steps", step=10, info="")
            self.step = fields.slider(WalkOptions, "step", step=0.001)
            self.persistence = fields.slider(WalkOptions, "persistence", step=0.001)
            self.seed = fields.seed(WalkOptions)
            self.model = fields.model(self.studios)
        self.go, self.stop = fields.go(Words.go, "walk")

    def _build_right(self) -> None:
        self.words = gr.HTML(padding=False, visible=False)
        self.plot = gr.HTML(padding=False, visible=False, elem_id="walkplot")
        shown = {"visible": False, "elem_classes": "fg-captioned"}
        self.monster = fields.picture(Words.monster, **shown)
        self.strip = fields.picture(Words.strip, elem_id="walkstrip", **shown)
        self.map = fields.picture(Words.map, elem_id="walkmap", **shown)
        self.moving = fields.picture(Words.moving, **shown)
        self.all = gr.DownloadButton(Fields.download_all, visible=False, size="md")

    def _work(self, asked: dict, folder: Path) -> Iterator[dict]:
        told = {name: asked[getattr(self, name)] for name in self.options}
        options = WalkOptions(**{k: value for k, value in told.items() if value is not None})
        model, seconds = asked[self.model], 20 + options.steps // 20
        state, shown = None, 0.0
        run = self.studios.compute(walk.walk, model, options, options.seed, seconds=seconds)
        with contextlib.closing(run) as events:
            for event in events:
                if isinstance(event, Progress):
                    yield {self.status: texts.bar(event, {})}
                    continue
                state = event
                done = (len(state.distances) - 1) / options.steps
                text = Words.step.format(number=len(state.distances) - 1, count=options.steps)
                updates: dict = {self.status: texts.progress(text, WALKING * done)}
                if time.monotonic() - shown > EVERY:
                    updates |= self._so_far(folder, state)
                    shown = time.monotonic()
                yield updates
        assert state is not None, "a walk has a first step"
        studio = self.studios[model]
        for part in walk.writing(folder, [state], options, studio):
            text = Words.writing.format(
                what=texts.say(part.stage), number=part.done + 1, count=part.of
            )
            done = WALKING + (1 - WALKING) * part.done / part.of
            yield {self.status: texts.progress(text, done)}
        yield self._show(folder, state, options, studio)

    def _cleared(self) -> dict:
        pictures = (self.monster, self.strip, self.map, self.moving, self.all)
        places: dict = dict.fromkeys((self.words, self.plot), gr.update(visible=False))
        places |= dict.fromkeys(pictures, gr.update(value=None, visible=False))
        return super()._cleared() | places

    def _so_far(self, folder: Path, state: Walk) -> dict:
        """Show the pictures met so far."""
        data = provenance.jpeg_bytes(walk.strip(state), provenance.TRAINED_MEDIA)
        path = folder / f"preview-{len(state.thumbs)}.jpg"  # a name that no browser has cached
        write_file(path, data)
        return {
            self.empty: gr.update(visible=False),
            self.strip: gr.update(value=str(path), visible=True),
        }

    def _show(self, folder: Path, state: Walk, options: WalkOptions, studio: Studio) -> dict:
        found = summary([state], options, studio)
        plot = f"<img alt='{Words.plot}' src='{walk.confidence_plot([state])}'>"
        shown: dict[Component, object] = {
            self.status: "",
            self.empty: gr.update(visible=False),
            self.words: gr.update(value=texts.note(walk.in_words(found)), visible=True),
            self.plot: gr.update(value=plot, visible=True),
        }
        files: dict[Component, str] = {
            self.monster: "monster.png",
            self.strip: "strip.png",
            self.map: "map.png",
            self.moving: "walk.gif",
        }
        for component, name in files.items():
            path = folder / name
            there = path.is_file()
            shown[component] = gr.update(value=str(path) if there else None, visible=there)
        archive = zip_folder(folder, folder / ZIP, walk.FILES)
        shown[self.all] = gr.update(value=str(archive), visible=True)
        return shown
