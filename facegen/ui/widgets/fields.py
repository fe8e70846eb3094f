"""The fields that more than one tab has. Defaults and ranges come from the option dataclasses."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from ... import weights
from ...options import (
    ATTRIBUTES,
    NOISE_MODES,
    SampleOptions,
    StyleOptions,
    VaryOptions,
    help_of,
    label_of,
    offered_of,
    range_of,
)
from ...options.background import KEEP
from .. import texts
from ..run_control import QUICK
from ..texts.words import Fields, Persona

# What each style does to one and the same face, by `python benchmarks/anime.py --pictures`, of a
# face of 1024 pixels. A style without a picture (somebody's own) is chosen by name alone.
PICTURES = Path(__file__).parents[2] / "data" / "styles"
SUFFIX = ".webp"
PHOTO = "photo"  # the face that the styles were drawn from


def slider(kind: type, name: str, step: float = 0.05, info: str | None = None) -> gr.Slider:
    """Build an option's slider. info: other words; "": none, where the label says it all."""
    low, high = offered_of(kind, name)
    words = texts.sentence(help_of(kind, name)) if info is None else info
    return gr.Slider(
        low,
        high,
        getattr(kind, name),
        step=step,
        label=texts.say(label_of(kind, name)),
        info=words or None,
    )


def seed(kind: Any) -> gr.Number:
    """Build a seed, and a dice that rolls another one in the browser; see also `new_seeds`."""
    with gr.Row(elem_classes="fg-seed"):
        number = gr.Number(
            kind.seed,  # without limits: Gradio would not say which field it is
            precision=0,
            label=Fields.seed,
            info=Fields.seed_info,
            min_width=120,
        )
        dice = gr.Button(Fields.roll, min_width=80, scale=0, elem_classes="fg-dice")
    dice.click(None, None, number, js=f"() => {_roll(kind)}")
    return number


def new_seeds(demo: gr.Blocks, numbers: Sequence[tuple[gr.Number, type]]) -> None:
    """Give each visit its own seeds: visitors are not all shown the same faces."""
    fields = [number for number, _ in numbers]
    rolls = ", ".join(_roll(kind) for _, kind in numbers)
    demo.load(None, None, fields, js=f"() => [{rolls}]", **QUICK)


def _roll(kind: Any) -> str:
    return f"Math.floor(Math.random() * {range_of(kind, 'seed')[1] + 1})"


def model(studios: Any) -> gr.Dropdown:
    """Build the choice of a model; hidden while there is only one. studios: see model_pool."""
    return gr.Dropdown(
        studios.choices,
        value=studios.first.info.name,
        label=Fields.model,
        visible=len(studios.choices) > 1,
    )


def go(label: str, elem_id: str, stop_id: str | None = None) -> tuple[gr.Button, gr.Button]:
    """Build (go, stop), side by side; on a telephone with a button that opens the settings."""
    with gr.Row(elem_classes="fg-go"):
        gr.Button(Fields.settings, elem_classes="fg-sheet", min_width=90, scale=1)
        begin = gr.Button(label, variant="primary", scale=3, elem_id=elem_id)
        stop = gr.Button(
            Fields.stop, variant="stop", scale=1, min_width=80, interactive=False, elem_id=stop_id
        )
    return begin, stop


def settings() -> gr.Column:
    """Build the column of a tab's settings, which is a sheet on a telephone; see page.js."""
    return gr.Column(elem_classes="fg-settings")


def label() -> gr.Checkbox:
    return gr.Checkbox(
        False,
        label=Fields.label,
        info=Fields.label_info,
    )


def balanced() -> gr.Checkbox:
    return gr.Checkbox(
        False,
        label=Fields.balanced,
        info=Fields.balanced_info,
    )


def background() -> gr.Dropdown:
    words = [(said, name) for name, said in Persona.backgrounds.items()]
    return gr.Dropdown(words, value=KEEP, label=Persona.background)


def noise(kind: type[VaryOptions] | type[SampleOptions]) -> gr.Radio:
    words = [(Fields.noises[mode], mode) for mode in NOISE_MODES]
    return gr.Radio(words, value=kind.noise_mode, label=Fields.noise)


def keep() -> gr.CheckboxGroup:
    """Build the choice of the attributes that a new face shares with the photo."""
    words = [(Fields.kept[name], name) for name in ATTRIBUTES]
    return gr.CheckboxGroup(
        words,
        value=list(ATTRIBUTES),
        label=Fields.keep,
        info=Fields.keep_info,
        elem_id="keep",
    )


def anime(names: Sequence[str]) -> tuple[gr.Checkbox, gr.Radio, gr.Slider]:
    """Build (toggle, style, blend); the last two show only while the toggle is on.

    Above them stands what each style looks like and may be used for.
    """
    toggle = gr.Checkbox(
        False,
        label=Fields.anime,
        info=Fields.anime_info if names else Fields.no_anime,
        interactive=bool(names),
    )
    with gr.Column(visible=False) as more:
        default = StyleOptions.style if StyleOptions.style in names else next(iter(names), None)
        looks = style_looks(names)
        gr.HTML(looks, padding=False, visible=bool(looks))
        choices = [(_with_licence(name), name) for name in names]
        style = gr.Radio(choices, value=default, label=Fields.style, elem_classes="fg-styles")
        blend = slider(StyleOptions, "blend")
    toggle.change(
        lambda on: gr.update(visible=on),
        toggle,
        more,
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    return toggle, style, blend


def _with_licence(style: str) -> str:
    licence = texts.say(style_allowed(style))
    return f"{style_title(style)} ({licence})" if licence else style_title(style)


def gallery(columns: int = 3, looks: str = "", **more: Any) -> gr.Gallery:
    """Build the gallery of new faces; files come as they were saved.

    A click shows one large, see viewer.py. looks: more CSS classes.
    """
    usual = {"show_label": False, "container": False, "visible": False}
    return gr.Gallery(
        columns=columns,
        object_fit="cover",
        height="auto",
        allow_preview=False,
        preview=False,
        buttons=[],
        interactive=False,
        elem_classes=["fg-gallery", *looks.split()],
        **usual | more,
    )


def picture(label: str, **more: Any) -> gr.Image:
    """Build a picture that is only shown."""
    return gr.Image(label=label, alt_text=label, interactive=False, buttons=[], **more)


def style_title(style: str) -> str:
    """Name it for people; a style of the user's own has the name that it was given."""
    found = [entry.title for entry in weights.of_kind("anime") if entry.name == style]
    return found[0] if found else style.capitalize()


def style_allowed(style: str) -> str:
    """Say what a registered style's licence allows, in a few words; empty for another."""
    found = [entry.licence_meaning for entry in weights.of_kind("anime") if entry.name == style]
    return found[0] if found else ""


def style_looks(styles: Sequence[str]) -> str:
    """Write HTML of the pictures, the undrawn face first; empty if none of these styles has one."""
    shown = [name for name in styles if (PICTURES / f"{name}{SUFFIX}").is_file()]
    if not shown:
        return ""
    figures = [_figure(PHOTO, Fields.style_photo, "")]
    figures += [_figure(name, style_title(name), texts.say(style_allowed(name))) for name in shown]
    return f"<div class='fg-looks'>{''.join(figures)}</div>"


def _figure(name: str, words: str, licence: str) -> str:
    content = base64.b64encode((PICTURES / f"{name}{SUFFIX}").read_bytes()).decode("ascii")
    small = f"<small>{html.escape(licence)}</small>" if licence else ""
    words = html.escape(words, quote=True)
    return (
        f"<figure><img src='data:image/webp;base64,{content}' alt='{words}' width='160' "
        f"height='160'><figcaption>{words}{small}</figcaption></figure>"
    )
