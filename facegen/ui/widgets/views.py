"""A card shows a face or its drawing: the switch above the gallery turns all cards over."""

from __future__ import annotations

import gradio as gr

DRAWING, FACE = "drawing", "face"
WORDS = (("Drawings", DRAWING), ("Faces", FACE))


def switch() -> gr.Radio:
    """Hidden until a run has drawings; to be moved when it has ended, so that what still comes
    does not turn the cards back."""
    return gr.Radio(
        list(WORDS),
        value=DRAWING,
        label="The cards show",
        visible=False,
        interactive=False,
        elem_classes="fg-switch",
    )


def reset() -> dict:
    """For a new run."""
    return gr.update(value=DRAWING, visible=False, interactive=False)


def after(drawn: bool, ended: bool) -> dict:
    """When a run has pictures. drawn: whether there are drawings among them."""
    return gr.update(visible=drawn, interactive=drawn and ended)
