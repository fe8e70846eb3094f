"""A photo to paint holes on: Gradio's editor, of which the painted layers alone are used."""

from __future__ import annotations

from unittest import mock

import gradio as gr
import numpy as np

from ... import images

SIDE = 640  # pixels, the longest side of what is painted on
BRUSH = 28


# Gradio would write a stub beside this file whenever it is imported.
with mock.patch("gradio.component_meta.create_or_modify_pyi", create=True):

    class Holes(gr.ImageEditor):
        """Hands its handler a mask, uint8 [h, w], 255 where something was painted; None where
        nothing was. What lies behind the paint is ignored: the photo has a field of its own."""

        is_template = True  # the browser shows it with gr.ImageEditor's own code

        def preprocess(self, payload) -> np.ndarray | None:  # type: ignore[override]
            value = super().preprocess(payload)
            layers = [np.asarray(layer) for layer in (value["layers"] if value else ())]
            painted = [
                layer[..., 3] > 0 for layer in layers if layer.ndim == 3 and layer.shape[2] == 4
            ]
            if not painted or any(one.shape != painted[0].shape for one in painted):
                return None
            mask = np.any(painted, axis=0)
            return np.where(mask, 255, 0).astype(np.uint8) if mask.any() else None


def editor(elem_id: str) -> Holes:
    """The field, empty and hidden."""
    return Holes(
        label="Paint over what is missing",
        visible=False,
        sources=(),
        transforms=(),
        layers=False,
        brush=gr.Brush(default_size=BRUSH, colors=["#ffffff"], color_mode="fixed"),
        format="png",
        buttons=[],
        elem_id=elem_id,
    )


def fitted(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The mask at the photo's size, uint8 [H, W]."""
    layers = images.resize(np.repeat(mask[:, :, None], 3, axis=2), (shape[0], shape[1]))
    return np.where(layers[:, :, 0] > 127, 255, 0).astype(np.uint8)
