"""The tab "One person": one person who does not exist, in many pictures."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

import gradio as gr

from ...jobs import catalogue
from ...jobs.job import Event
from ...options import PersonaOptions
from ...options.persona import WORDS
from ..run_state import Run
from ..texts import results, words
from ..texts.languages import english
from ..texts.words import Fields, Photo
from ..widgets import fields
from ..widgets.photo_input import checked, photo_field
from . import wipe
from .history import History
from .people import People


class PersonaTab(People):
    promise = words.Persona.promise
    begun = words.Persona.begun
    sight = "persona"
    options = ("like", "set", "count", "seed", "background", "captions", "labels", "label")
    right = (*People.right, "left_out")

    def _build_left(self) -> None:
        self.like = gr.Textbox(
            "", label=words.Persona.like, placeholder=words.Persona.like_example,
            info=words.Persona.like_info, elem_id="persona-like",
        )  # fmt: skip
        self.set = gr.Dropdown(
            [(said, name) for name, said in words.Persona.sets.items()],
            value=PersonaOptions.set,
            label=words.Persona.set,
        )
        with gr.Accordion(words.Persona.of_photo, open=False):
            self.photo = photo_field(
                "persona-photo", words.Persona.hint, 200, Photo.label, webcam=""
            )
            self.wipe, self.wiped = wipe.build("-persona")
        with fields.settings():
            self.count = fields.slider(PersonaOptions, "count", step=1, info="")
            self.background = fields.background()
            self.seed = fields.seed(PersonaOptions)
            with gr.Accordion(Fields.advanced, open=False):
                self.model = fields.model(self.studios)
                self.captions = gr.Checkbox(False, label=words.Persona.captions)
                self.labels = gr.Checkbox(False, label=words.Persona.labels)
            self.label = fields.label()
        self.go, self.stop = fields.go(words.Persona.go, "shoot", "persona-stop")

    def _build_right(self) -> None:
        self._build_cards("persona")
        self.left_out = gr.HTML(padding=False, visible=False, elem_id="left-out")
        with gr.Row(visible=False, elem_classes="fg-downloads") as self.downloads:
            self._build_downloads()
        self.history = History("persona-history", one_person=True)

    def _events(self, asked: dict, folder: Path) -> Generator[Event, None, None]:
        photo = asked[self.photo]
        sources = [checked(photo).source()] if photo is not None else []
        who = [english(one.strip(), WORDS) for one in re.split("[,，、]", asked[self.like] or "")]
        told = self.given(catalogue.PERSONA, asked, like=", ".join(who))
        return self.studios.run(catalogue.PERSONA, asked[self.model], sources, folder, told)

    def _cleared(self) -> dict:
        return super()._cleared() | {self.left_out: gr.update(value="", visible=False)}

    @property
    def last(self) -> list:
        return [*super().last, self.left_out]

    def _ended(self, run: Run | None) -> tuple:
        if run is None or run.zip is None or run.manifest is None:
            return (gr.skip(),) * len(self.last)
        text = results.left_out(run.manifest["left_out"])
        return *super()._ended(run), gr.update(value=text, visible=bool(text))
