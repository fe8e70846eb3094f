"""A photo to paint holes on: Gradio's editor, of which the painted layers alone are used.

Gradio would decode whatever a request names as a layer, and the photo behind it, at any size. Here
the layers go through Facegen's own loader, and nothing else of the request is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import gradio as gr
import numpy as np

from ... import images
from ...errors import FacegenError, ImageError
from ..texts.words import Restore
from .photo_input import MAX_MEGABYTES

SIDE = 640  # pixels, the longest side of what is painted on
BRUSH = 28
MOST_LAYERS = 4  # the page's own editor has one
MOST_PIXELS = 4_000_000  # of a layer, which is as large as what is painted on


# Gradio would write a stub beside this file whenever it is imported.
with mock.patch("gradio.component_meta.create_or_modify_pyi", create=True):

    class Holes(gr.ImageEditor):
        """A field that gives its handler a mask, uint8 [h, w], 255 where something was painted.

        None where nothing was, or the error for layers that cannot be used. What lies behind the
        paint is ignored: the photo has a field of its own.
        """

        is_template = True  # the browser shows it with gr.ImageEditor's own code

        def preprocess(self, payload: Any) -> np.ndarray | FacegenError | None:  # type: ignore[override]
            try:
                return painted([Path(layer.path) for layer in payload.layers] if payload else [])
            except FacegenError as error:
                return error

        def accept_blobs(self, data: object) -> None:
            """Refuse pictures that Gradio would keep in memory, any number for any visitor.

            Its own page sends them only where a handler listens to each stroke.
            """
            raise NotImplementedError


def painted(layers: Sequence[Path]) -> np.ndarray | None:
    """Read the mask of the layers' files. Raises ImageError."""
    if len(layers) > MOST_LAYERS:
        raise ImageError(Restore.layers.format(count=len(layers), limit=MOST_LAYERS))
    mask: np.ndarray | None = None
    for path in layers:
        try:
            size = path.stat().st_size
        except OSError as error:  # swept away
            raise ImageError(Restore.paint_gone) from error
        if size > MAX_MEGABYTES * 2**20:
            raise ImageError(Restore.layer_too_large.format(size=size / 2**20, limit=MAX_MEGABYTES))
        painted = images.alpha(path, MOST_PIXELS)
        if painted is None:
            raise ImageError(Restore.all_painted)
        layer = painted > 0
        if mask is not None and mask.shape != layer.shape:
            raise ImageError(Restore.layers_differ)
        mask = layer if mask is None else mask | layer
    if mask is None or not mask.any():
        return None
    return np.where(mask, 255, 0).astype(np.uint8)


def editor(elem_id: str) -> Holes:
    """Build the field, empty and hidden."""
    return Holes(
        label=Restore.paint,
        visible=False,
        sources=(),
        transforms=(),
        layers=False,
        brush=gr.Brush(default_size=BRUSH, colors=["#ffffff"], color_mode="fixed"),
        format="png",
        buttons=[],
        elem_id=elem_id,
    )


def fitted(mask: np.ndarray | FacegenError, shape: tuple[int, ...]) -> np.ndarray:
    """Resize the mask to the photo's size, uint8 [H, W]; raise its error."""
    if isinstance(mask, FacegenError):
        raise mask
    layers = images.resize(np.repeat(mask[:, :, None], 3, axis=2), (shape[0], shape[1]))
    return np.where(layers[:, :, 0] > 127, 255, 0).astype(np.uint8)
