"""The words for a first visitor: three steps, and the meaning of the page's terms."""

from __future__ import annotations

import gradio as gr

from .texts.words import FromPhoto, Page

# After a restart Gradio's page loads itself again and says nothing. The number in its configuration
# is the server's; it is kept for as long as the tab is open.
SAY_RESTARTED = """() => {
    const now = String(window.gradio_config?.app_id), before = sessionStorage.getItem('facegen');
    sessionStorage.setItem('facegen', now);
    return before && before !== now ? %r : '';
}"""


def restarted(demo: gr.Blocks, quick: dict) -> None:
    """Build the place that reports a restart of the server under an open page."""
    said = gr.HTML(padding=False, elem_id="restarted", elem_classes="fg-status")
    note = f"<p class='fg-note fg-short' role='alert'>{Page.restarted}</p>"
    demo.load(None, None, said, js=SAY_RESTARTED % note, **quick)


def steps() -> None:
    """Build the three steps, and the meaning of the page's words for those who ask."""
    items = "".join(f"<li><b>{do}</b> {why}</li>" for do, why in FromPhoto.steps)
    gr.HTML(f"<ol class='fg-steps'>{items}</ol>", padding=False)


def words() -> None:
    rows = "".join(f"<dt>{word}</dt><dd>{meaning}</dd>" for word, meaning in FromPhoto.terms)
    gr.HTML(
        f"<details class='fg-words'><summary>{FromPhoto.glossary}</summary>"
        f"<dl>{rows}</dl></details>",
        padding=False,
        elem_classes="fg-glossary",
    )
