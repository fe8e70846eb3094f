"""A saved picture's settings, checked as if typed, back in the fields that made it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from ...errors import FacegenError, ImageError
from ...options import NOISE_MODES, InvertOptions, SampleOptions, StyleOptions, VaryOptions, kept
from ...output import provenance
from .. import texts
from ..run_control import QUICK, Turn
from ..run_state import Run
from ..server.model_pool import Studios
from ..texts import words
from .check import CheckTab
from .from_photo import FromPhoto
from .history import Runs, busy, here, with_run, without
from .people import People
from .persona import PersonaTab
from .random_faces import RandomFaces

_NUMBERS = ("strength", "truncation_psi", "blend")
_WHOLE = ("seed", "steps")


def read(facts: Mapping[str, str]) -> dict[str, Any]:
    """Read the facts of a picture as options. Raises ImageError, OptionError."""
    found: dict[str, Any] = {}
    for name, text in facts.items():
        if name in _WHOLE or name in _NUMBERS:
            try:
                found[name] = int(text) if name in _WHOLE else float(text)
            except ValueError as error:
                raise ImageError(words.Check.no_number.format(name=name, text=text)) from error
    found |= {name: facts[name] for name in ("model", "style", "noise_mode") if name in facts}
    if "keep" in facts:
        found["keep"] = kept(facts["keep"])
    kind = VaryOptions if "strength" in found else SampleOptions
    names = {*kind.__dataclass_fields__} & {*found}
    kind(**{name: found[name] for name in names})
    InvertOptions(found.get("steps", InvertOptions.steps))
    StyleOptions(blend=found.get("blend", StyleOptions.blend))
    return found


class TakeSettings:
    """The button below a report that fills the fields of the tab the picture came from."""

    def __init__(
        self, check: CheckTab, tabs: gr.Tabs, photo: FromPhoto, faces: RandomFaces, studios: Studios
    ):
        self.photo, self.faces, self.studios = photo, faces, studios
        self.tabs, self.said = tabs, check.taken
        outputs = [tabs, self.said, *photo.asked(), *faces.asked()]
        check.take.click(self._taken, check.facts, outputs, **QUICK)

    def _taken(self, facts: Mapping[str, str] | None) -> dict:
        try:
            told = read(facts or {})
        except FacegenError as error:
            return {self.said: texts.error(error)}
        tab: People = self.photo if "strength" in told else self.faces
        new, missing = filled(tab, told, self.studios)
        from_photo = tab is self.photo
        said = words.Check.taken_from_photo if from_photo else words.Check.taken
        shown = gr.Tabs(selected="photo" if from_photo else "random")
        return {self.tabs: shown, self.said: texts.note(said + missing), **new}


def filled(tab: People, told: Mapping[str, Any], studios: Studios) -> tuple[dict, str]:
    """Fill the tab's fields with those settings, and name those that are not available."""
    fields: dict[str, Component] = {"seed": tab.seed}
    new: dict = {}
    if isinstance(tab, FromPhoto):
        fields["strength"] = tab.strength
        if told.get("noise_mode") in NOISE_MODES:
            new[tab.noise] = told["noise_mode"]
        if "keep" in told:
            new[tab.keep] = list(told["keep"])
        if told.get("steps", -1) >= 0:
            new |= {tab.usual: False, tab.steps: gr.update(value=told["steps"], visible=True)}
    elif isinstance(tab, RandomFaces):
        new[tab.count] = 1
        fields["truncation_psi"] = tab.truncation_psi
    new |= {field: told[name] for name, field in fields.items() if name in told}
    style = told.get("style")
    if isinstance(tab, FromPhoto | RandomFaces):
        new[tab.anime] = bool(style)
    if isinstance(tab, FromPhoto | RandomFaces) and style in studios.first.styles:
        new |= {tab.style: style, tab.blend: told.get("blend", StyleOptions.blend)}
    missing = ""
    if told.get("model") in dict(studios.choices).values():
        new[tab.model] = told["model"]
    elif "model" in told:
        missing = " " + words.Check.no_model.format(model=told["model"])
    return new, missing


class RestoreRuns:
    """The restoring of runs: a click on a tab's history brings back the run and its settings."""

    def __init__(self, tab: People, studios: Studios):
        self.tab, self.studios = tab, studios
        history = tab.history
        looked = tab.looked if isinstance(tab, FromPhoto) else gr.State()
        shown = list(dict.fromkeys((*tab.shown, *tab.history.components, *tab.asked())))
        history.gallery.select(self._restore, [history.runs, tab.turn, looked], shown, **QUICK)
        history.forget.click(self._forget, [history.runs, tab.run, tab.turn], shown, **QUICK)

    def _restore(self, runs: Runs, turn: Turn | None, looked: Any, event: gr.SelectData) -> dict:
        tab = self.tab
        if busy(turn) or event.index >= len(runs):
            return {tab.run: gr.skip()}
        run = runs[event.index]
        if not here(run):
            gr.Info(words.People.expired)
            return tab.history.show(with_run(runs, None))
        updates = tab.restored(run, looked)
        try:
            facts = provenance.read(run.pictures[0].path)
            told = read({name: str(value) for name, value in facts.items()})
            if run.manifest:  # the first variant may be that of a later seed
                told["seed"] = run.manifest["seed"]
        except FacegenError:  # the pictures are here all the same
            return updates
        persona = isinstance(tab, PersonaTab)  # asks for at most so many
        counted = {} if persona else {tab.count: len(run.pictures)}
        return updates | filled(tab, told, self.studios)[0] | counted

    def _forget(self, runs: Runs, run: Run | None, turn: Turn | None) -> dict:
        if run is None or busy(turn):
            return {self.tab.run: gr.skip()}
        return self.tab.forgotten() | self.tab.history.show(without(runs, run))
