"""The tab "About": what this is made of, what it cannot do, what happens to a photo."""

from __future__ import annotations

import gradio as gr

from ..server.model_pool import Studios
from ..server.private_files import KEEP_SECONDS, SWEEP_SECONDS
from ..texts import about
from ..widgets.photo_input import MAX_MEGABYTES


def build(studios: Studios) -> None:
    first = studios.first
    longest = KEEP_SECONDS + SWEEP_SECONDS
    text = about.text(first.info, first.recognisers, KEEP_SECONDS, longest, MAX_MEGABYTES)
    gr.Markdown(text, elem_classes="fg-about")
