"""The whole page, and its looks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from ..latent.mix.crossover import ROWS
from ..options import (
    AnonymiseOptions,
    ChildOptions,
    PersonaOptions,
    RestoreOptions,
    SampleOptions,
    VaryOptions,
    WalkOptions,
)
from . import api, translated
from .handover import Handover
from .run_control import QUICK
from .server.model_pool import Studios
from .server.private_files import KEEP_SECONDS, SWEEP_SECONDS
from .tabs import wipe
from .tabs.check import CheckTab
from .tabs.edit import EditTab
from .tabs.from_photo import FromPhoto
from .tabs.mix import CHILDREN, MixTab
from .tabs.persona import PersonaTab
from .tabs.photo_zip import PhotoZip
from .tabs.random_faces import RandomFaces
from .tabs.restore import RestoreTab
from .tabs.settings import RestoreRuns, TakeSettings
from .tabs.walk import WalkTab
from .tabs.whole_photo import WholePhotoTab
from .texts import about, languages, results, words
from .texts.words import Page
from .widgets import fields, viewer
from .widgets.model_download import Offer
from .widgets.photo_input import MAX_MEGABYTES

HERE = Path(__file__).parent
GALLERIES = {
    "variants": viewer.Shown("aligned.png", again="retry"),
    "random": viewer.Shown(again="undo"),
    "persona": viewer.Shown(),
    "restored": viewer.Shown("aligned.png", words.Viewer.seen),
    "edited": viewer.Shown(left=words.Edit.before),
    "whole-result": viewer.Shown(left=words.WholePhoto.before, tools=()),
    **{f"mix-{row.lower()}": viewer.Shown() for row in (*ROWS, CHILDREN)},
}
# After a restart Gradio's page loads itself again and says nothing. The number in its configuration
# is the server's; it is kept for as long as the tab is open.
SAY_RESTARTED = """() => {
    const now = String(window.gradio_config?.app_id), before = sessionStorage.getItem('facegen');
    sessionStorage.setItem('facegen', now);
    return before && before !== now ? %r : '';
}"""


def build(studios: Studios, examples: Sequence[Path] = (), private_page: bool = False) -> gr.Blocks:
    """Build the page for these models, for visitors of all languages.

    examples: picture files a visitor can start from. private_page: only the owner of this machine
    can reach it, so larger models may be offered.
    """
    with languages.use("en"):
        demo = _built(studios, examples, private_page)
    demo.again = lambda: _built(studios, examples, private_page)
    return demo


def _built(studios: Studios, examples: Sequence[Path], private_page: bool) -> translated.Translated:
    """Build it in the language of whoever asks."""
    offer = Offer(studios)
    # No delete_cache: it would delete the pictures of a run that is still going on. See
    # server/private_files.py.
    with translated.Translated(title="Facegen", analytics_enabled=False) as demo:
        header = gr.HTML(results.header(studios.first), padding=False)
        _restarted(demo)
        offer.build()
        with gr.Tabs(overflow_behavior="wrap") as all_tabs:
            with gr.Tab(Page.from_photo, id="photo"):
                _steps()
                photo = FromPhoto(studios, examples)
            with gr.Tab(Page.whole_photo, id="whole"):
                whole = WholePhotoTab(studios, photo.uploads)
                many = PhotoZip(studios, whole)
            with gr.Tab(Page.random, id="random"):
                faces = RandomFaces(studios)
                with gr.Accordion(Page.walk, open=False, elem_id="far"):
                    walk = WalkTab(studios)
            with gr.Tab(Page.persona, id="persona"):
                persona = PersonaTab(studios, photo.uploads)
            with gr.Tab(Page.edit, id="edit"):
                edited = EditTab(studios, photo.uploads, examples)
            with gr.Tab(Page.mix, id="mix"):
                mixed = MixTab(studios, photo.uploads, examples)
            with gr.Tab(Page.restore, id="restore"):
                restored = RestoreTab(studios, photo.uploads)
            with gr.Tab(Page.check, id="check"):
                checked = CheckTab()
            with gr.Tab(Page.about, id="about"):
                about_tab(studios)
        TakeSettings(checked, all_tabs, photo, faces, studios)
        edited.use_as_reference(all_tabs, photo.photo, photo.face)
        for made in (photo, faces, persona):
            RestoreRuns(made, studios)
        tabs = (photo, whole, many, faces, persona, edited, mixed, restored, walk)
        large = viewer.build(GALLERIES)
        Handover(large, all_tabs, photo, edited, mixed, tabs)
        photo.replace_on(large.retry)
        faces.replace_on(large.undo)
        cleared = {key: new for tab in (*tabs, checked) for key, new in tab.cleared().items()}
        for asked in (photo, whole, persona, edited, mixed, restored):
            wipe.connect(asked, photo.uploads, tabs, cleared)
        with languages.use("en"):
            api.build(studios)
        seeds = [(photo.seed, VaryOptions), (faces.seed, SampleOptions), (walk.seed, WalkOptions)]
        seeds += [(whole.seed, AnonymiseOptions), (mixed.seed, ChildOptions)]
        seeds += [(restored.seed, RestoreOptions), (persona.seed, PersonaOptions)]
        fields.new_seeds(demo, seeds)
        script = (HERE / "page.js").read_text(encoding="utf-8").replace("EXAMPLE", Page.example)
        for js in (f"() => {{{script}}}", translated.script()):
            demo.load(None, None, None, js=js, **QUICK)
        models = list(dict.fromkeys(tab.model for tab in tabs))
        offer.connect(demo, header, models)
    if private_page:
        offer.look()
    return demo


def _restarted(demo: gr.Blocks) -> None:
    """Build the place that reports a restart of the server under an open page."""
    said = gr.HTML(padding=False, elem_id="restarted", elem_classes="fg-status")
    note = f"<p class='fg-note fg-short' role='alert'>{Page.restarted}</p>"
    demo.load(None, None, said, js=SAY_RESTARTED % note, **QUICK)


def _steps() -> None:
    """Build the three steps that a first visitor reads."""
    items = "".join(f"<li><b>{do}</b> {why}</li>" for do, why in words.FromPhoto.steps)
    gr.HTML(f"<ol class='fg-steps'>{items}</ol>", padding=False)


def about_tab(studios: Studios) -> None:
    """Build the tab "About": what this is made of, what it cannot do, what happens to a photo."""
    first, longest = studios.first, KEEP_SECONDS + SWEEP_SECONDS
    text = about.text(first.info, first.recognisers, KEEP_SECONDS, longest, MAX_MEGABYTES)
    gr.Markdown(text, elem_classes="fg-about")


def looks() -> dict:
    """Return `launch` arguments: theme, CSS, favicon, words. Fonts are the system's own."""
    system = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
    mono = ("ui-monospace", "Consolas", "monospace")
    theme = gr.themes.Base(
        primary_hue="teal", neutral_hue="stone", radius_size="lg", font=system, font_mono=mono
    ).set(
        body_background_fill="*neutral_100",
        body_background_fill_dark="*neutral_950",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_800",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_label_background_fill="white",
        block_label_background_fill_dark="*neutral_900",
        block_label_border_width="0px",
        block_label_text_color="*neutral_600",
        block_label_text_color_dark="*neutral_300",
        block_label_text_weight="500",
        block_title_text_weight="500",
        block_title_text_color="*neutral_800",
        block_title_text_color_dark="*neutral_100",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
        button_primary_text_color="white",
        slider_color="*primary_700",
        slider_color_dark="*primary_500",
    )
    return {
        "theme": theme,
        "i18n": translated.gradios_own(),
        "css_paths": [
            *(HERE / f"{name}.css" for name in ("page", "first_sight", "phone")),
            viewer.HERE / "viewer.css",
        ],
        "favicon_path": HERE / "favicon.svg",
    }
