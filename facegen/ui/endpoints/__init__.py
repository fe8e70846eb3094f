"""The named API: /generate, /random, /edit, /anonymise, /restore, /mix and /child, for
gradio_client, "Use via API" and mcp_server.py."""

from __future__ import annotations

import gradio as gr

from ..server.model_pool import Studios
from . import faces, photo, two_faces


def build(studios: Studios) -> None:
    """Declare the endpoints; shows nothing."""
    with gr.Group(visible=False):
        faces.generate_at(studios)
        faces.random_at(studios)
        photo.edit_at(studios)
        photo.anonymise_at(studios)
        photo.restore_at(studios)
        two_faces.both_at(studios)
