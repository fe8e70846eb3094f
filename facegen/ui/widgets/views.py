"""A card shows a face or its drawing: the switch above the gallery turns all cards over."""

from __future__ import annotations

import gradio as gr

DRAWING, FACE = "drawing", "face"
WORDS = (("Drawings", DRAWING), ("Faces", FACE))


def switch() -> gr.Radio:
    """Hidden until a run with drawings has ended: what still comes would turn the cards back."""
    return gr.Radio(
        list(WORDS),
        value=DRAWING,
        label="The cards show",
        visible=False,
        elem_classes="fg-switch",
    )


def reset() -> dict:
    """For a new run."""
    return gr.update(value=DRAWING, visible=False)


def ended(drawn: bool) -> dict:
    """When no more pictures come. drawn: whether there are drawings among them."""
    return gr.update(visible=drawn)
