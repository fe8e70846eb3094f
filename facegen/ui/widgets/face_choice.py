"""The faces of a photo, of which a visitor chooses one: small pictures, the largest face first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import numpy as np

from ... import images
from ...files import write_file
from ...types import Face
from ..server import private_files
from ..texts import results
from ..texts.words import FromPhoto

THUMB = 96  # pixels
HIDDEN: dict = {"value": None, "visible": False}


@dataclass(frozen=True)
class Looked:
    """The faces in the photo with that sha256, and its marks of origin."""

    sha256: str
    faces: list[Face]
    marks: dict | None = None


def build(elem_id: str) -> gr.Gallery:
    """Build the pictures, hidden: there is no photo with several faces yet."""
    return gr.Gallery(
        label=FromPhoto.several,
        columns=5,
        height="auto",
        object_fit="cover",
        allow_preview=False,
        buttons=[],
        format="png",
        interactive=False,
        visible=False,
        elem_id=elem_id,
        elem_classes="fg-gallery fg-thumbs fg-faces",
    )


def shown(pixels: np.ndarray, faces: Sequence[Face]) -> tuple[dict, Path]:
    """Write the pictures; -> (update of what `build` made, their folder). Raises OutputError."""
    thumbs = []
    with private_files.new_run() as folder:  # as files, so that they can be deleted
        for i, face in enumerate(faces, start=1):
            path = folder / f"face-{i}.png"
            write_file(path, images.encode_png(_thumb(pixels, face)))
            thumbs.append((str(path), results.number(i)))
    return gr.update(value=thumbs, visible=True, selected_index=0), folder


def index(event: gr.SelectData) -> int:
    """Return which one was clicked."""
    return event.index


def _thumb(pixels: np.ndarray, face: Face) -> np.ndarray:
    """Cut out the face with a little around it, upright, as a square of THUMB pixels."""
    left, top, right, bottom = face.box
    x, y, half = (left + right) / 2, (top + bottom) / 2, 0.7 * max(right - left, bottom - top)
    height, width = pixels.shape[:2]
    rows = np.clip(np.arange(int(y - half), int(y + half)), 0, height - 1)
    columns = np.clip(np.arange(int(x - half), int(x + half)), 0, width - 1)
    crop = pixels[np.ix_(rows, columns)]
    # rotation: by how much the photo has to turn clockwise; rot90 turns the other way
    return images.resize(np.rot90(crop, -face.rotation // 90), THUMB)
