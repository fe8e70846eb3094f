"""The tab "Random people": people from nowhere, at one click."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import gradio as gr

from ...jobs import catalogue
from ...jobs.job import Event
from ...options import SampleOptions
from ..run_control import QUICK
from ..texts import results, words
from ..widgets import fields
from .history import History
from .people import People


def psi_of(model: str | None) -> dict:
    """Update the slider's words for that model: how far its faces hold is measured for each."""
    return gr.update(info=results.variety_info(model or ""))


class RandomFaces(People):
    promise = words.RandomPeople.promise
    begun = words.RandomPeople.begun
    sight = "random"
    options = ("count", "seed", "truncation_psi", "balanced", "blend", "background", "label")

    def _build_left(self) -> None:
        first = self.studios.first
        with fields.settings():
            self.count = fields.slider(SampleOptions, "count", step=1, info="")
            info = results.variety_info(first.info.name)
            self.truncation_psi = fields.slider(SampleOptions, "truncation_psi", info=info)
            self.balanced = fields.balanced()
            self.anime, self.style, self.blend = fields.anime(first.styles)
            self.background = fields.background()
            self.seed = fields.seed(SampleOptions)
            self.model = fields.model(self.studios)
            self.label = fields.label()
        self.go, self.stop = fields.go(words.RandomPeople.go, "draw")

    def _build_right(self) -> None:
        self._build_cards("random")
        with gr.Row(visible=False, elem_classes="fg-downloads") as self.downloads:
            self._build_downloads()
        self.history = History("random-history")

    def _connect(self) -> None:
        super()._connect()
        self.model.change(psi_of, self.model, self.truncation_psi, **QUICK)

    def asked(self) -> set:
        return super().asked() | {self.anime, self.style}

    def _events(self, asked: dict, folder: Path) -> Generator[Event, None, None]:
        style = asked[self.style] if asked[self.anime] else None
        told = self.given(catalogue.RANDOM, asked, style=style)
        return self.studios.run(catalogue.RANDOM, asked[self.model], [], folder, told)
