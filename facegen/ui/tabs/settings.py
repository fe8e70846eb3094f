"""A saved picture's settings, back in the fields that made it.

The file may be anybody's: each value is checked as if it had been typed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from ...errors import FacegenError, ImageError
from ...options import NOISE_MODES, InvertOptions, SampleOptions, StyleOptions, VaryOptions
from .. import texts
from ..run_control import QUICK
from ..server.model_pool import Studios
from .check import CheckTab
from .from_photo import FromPhoto
from .random_faces import RandomFaces

_NUMBERS = ("strength", "truncation_psi", "coarse", "middle", "fine", "blend")
_WHOLE = ("seed", "steps")


def read(facts: Mapping[str, str]) -> dict[str, Any]:
    """The facts of a picture as options take them. Raises ImageError, OptionError."""
    found: dict[str, Any] = {}
    for name, text in facts.items():
        if name in _WHOLE or name in _NUMBERS:
            try:
                found[name] = int(text) if name in _WHOLE else float(text)
            except ValueError as error:
                raise ImageError(f"the file says that {name} is {text!r}, no number") from error
    found |= {name: facts[name] for name in ("model", "style", "noise_mode") if name in facts}
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
        outputs = [tabs, self.said, *self._photo_fields(), *self._face_fields()]
        check.take.click(self._taken, check.facts, outputs, **QUICK)

    def _photo_fields(self) -> Sequence[Component]:
        tab = self.photo
        numbers = [tab.strength, tab.seed, tab.coarse, tab.middle, tab.fine, tab.psi]
        return [
            *numbers,
            tab.noise,
            tab.usual,
            tab.steps,
            tab.anime,
            tab.style,
            tab.blend,
            tab.model,
        ]

    def _face_fields(self) -> Sequence[Component]:
        tab = self.faces
        return [tab.count, tab.seed, tab.psi, tab.anime, tab.style, tab.blend, tab.model]

    def _taken(self, facts: Mapping[str, str] | None) -> dict:
        try:
            told = read(facts or {})
        except FacegenError as error:
            return {self.said: texts.error(error)}
        tab: FromPhoto | RandomFaces = self.photo if "strength" in told else self.faces
        fields: dict[str, Component] = {"seed": tab.seed, "truncation_psi": tab.psi}
        new: dict = {}
        if isinstance(tab, FromPhoto):
            fields |= {
                name: getattr(tab, name) for name in ("strength", "coarse", "middle", "fine")
            }
            if told.get("noise_mode") in NOISE_MODES:
                new[tab.noise] = told["noise_mode"]
            if told.get("steps", -1) >= 0:
                new |= {tab.usual: False, tab.steps: gr.update(value=told["steps"], visible=True)}
        else:
            new[tab.count] = 1
        new |= {field: told[name] for name, field in fields.items() if name in told}
        style = told.get("style")
        new[tab.anime] = bool(style)
        if style in self.studios.first.styles:
            new |= {tab.style: style, tab.blend: told.get("blend", StyleOptions.blend)}
        missing = ""
        if told.get("model") in dict(self.studios.choices).values():
            new[tab.model] = told["model"]
        elif "model" in told:
            missing = f" Its model, {told['model']}, is not at hand here: the picture will differ."
        where = "photo" if isinstance(tab, FromPhoto) else "random"
        words = "The settings stand in the tab that made it"
        words += "; choose the same photo." if where == "photo" else "."
        return {self.tabs: gr.Tabs(selected=where), self.said: texts.note(words + missing), **new}
