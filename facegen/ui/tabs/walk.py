"""The tab "Walk": from the average face outwards, until faces stop being faces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gradio as gr
from gradio.components import Component

from ...errors import FacegenError
from ...evaluation import walk_report
from ...evaluation.options import WalkOptions
from ...evaluation.walk import Walk, summary
from ...output.staging import zip_folder
from ...studio import Studio
from .. import texts
from ..run_control import said_stopped, start, stop_with
from ..run_state import Run, discard, expire, given
from ..server import private_files
from ..server.model_pool import Studios
from ..widgets import fields

PROMISE = "Press Walk: from the average face outwards, until faces stop being faces."
ZIP = "facegen-walk.zip"
WALKING = 0.9  # of the bar; the rest is for the report


class WalkTab:
    def __init__(self, studios: Studios, walk):
        self.studios = studios
        self.walk = walk
        self.run = gr.State(time_to_live=private_files.KEEP_SECONDS, delete_callback=expire)
        with gr.Row(equal_height=False, elem_classes="fg-columns"):
            with gr.Column(scale=5, min_width=300, elem_classes="fg-left"):
                self.steps = fields.slider(WalkOptions, "steps", step=10, info="")
                self.step = fields.slider(WalkOptions, "step", step=0.001)
                self.persistence = fields.slider(WalkOptions, "persistence", step=0.001)
                self.seed = fields.seed(WalkOptions)
                self.model = fields.model(studios)
                self.go, self.stop = fields.go("Walk", "walk")
            with gr.Column(scale=8, min_width=300, elem_classes="fg-right"):
                self.status = gr.HTML(padding=False, elem_classes="fg-status")
                self.empty = gr.HTML(texts.empty(PROMISE), padding=False)
                self.words = gr.HTML(padding=False, visible=False)
                self.plot = gr.HTML(padding=False, visible=False, elem_id="walkplot")
                self.monster = self._picture("The last face, and the monster after it")
                self.strip = self._picture("The walk, from the average on")
                self.map = self._picture(
                    "The faces met, by identity, with their minimum spanning tree", "walkmap"
                )
                self.moving = self._picture("The walk, moving")
                self.all = gr.DownloadButton("Download all (ZIP)", visible=False, size="md")
        self._connect()

    @staticmethod
    def _picture(label: str, name: str | None = None) -> gr.Image:
        return gr.Image(
            label=label,
            alt_text=label,
            interactive=False,
            buttons=[],
            visible=False,
            elem_id=name,
            elem_classes="fg-captioned",
        )

    def _connect(self) -> None:
        asked = {self.run, self.steps, self.step, self.persistence, self.seed, self.model}
        shown = [self.run, self.status, self.empty, self.words, self.plot, self.monster]
        shown += [self.strip, self.map, self.moving, self.all]
        turn = gr.State()
        running = start(
            self.go.click, self._job, asked, shown, self.go, self.stop, self.status, turn
        )
        answer = [self.go, self.stop, self.status]
        self.jobs = [running]
        stop_with(self.stop, [running], said_stopped, [], answer, turn)

    def _job(self, asked: dict) -> Iterator[dict]:
        discard(asked[self.run])
        try:
            with private_files.new_run() as folder:
                begun = {self.run: Run(folder), self.status: texts.progress("Setting out …", 0.0)}
                yield begun | self._cleared()
                names = ("steps", "step", "persistence", "seed")
                fields_ = {name: asked[getattr(self, name)] for name in names}
                options = WalkOptions(**given(fields_))
                for state in self.walk(asked[self.model], options):
                    done = (len(state.distances) - 1) / options.steps
                    text = f"Step {len(state.distances) - 1} of {options.steps} …"
                    yield {self.status: texts.progress(text, WALKING * done)}
                studio = self.studios[asked[self.model]]
                write = self.studios.in_turn(walk_report.writing)
                for part in write(folder, [state], options, studio):
                    text = f"Writing {part.what}, {part.done + 1} of {part.of} …"
                    done = WALKING + (1 - WALKING) * part.done / part.of
                    yield {self.status: texts.progress(text, done)}
                yield self._show(folder, state, options, studio)
        except FacegenError as error:
            yield {self.status: texts.error(error)}

    def cleared(self) -> dict:
        """The tab as it was before the first walk."""
        return {
            self.status: "",
            **dict(zip((self.go, self.stop), said_stopped()[:2], strict=True)),
            **self._cleared(),
        }

    def _cleared(self) -> dict:
        """Nothing but the empty place: the files of the walk before are gone."""
        pictures = (self.monster, self.strip, self.map, self.moving, self.all)
        return {
            self.empty: gr.update(visible=True),
            self.words: gr.update(visible=False),
            self.plot: gr.update(visible=False),
            **{picture: gr.update(value=None, visible=False) for picture in pictures},
        }

    def _show(self, folder: Path, state: Walk, options: WalkOptions, studio: Studio) -> dict:
        found = summary([state], options, studio)
        plot = f"<img alt='The confidence on the way' src='{walk_report.confidence_plot([state])}'>"
        shown: dict[Component, object] = {
            self.status: "",
            self.empty: gr.update(visible=False),
            self.words: gr.update(value=texts.note(walk_report.in_words(found)), visible=True),
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
        archive = zip_folder(folder, folder / ZIP, walk_report.FILES)
        shown[self.all] = gr.update(value=str(archive), visible=True)
        return shown
