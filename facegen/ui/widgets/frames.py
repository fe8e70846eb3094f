"""The photo with a frame around every face.

A click changes what becomes of a face, a frame drawn by hand adds one. The picture is in the page
itself, so that no file of it is left on the server. Frames are buttons, so the keyboard reaches
them; their colours are in page.css.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

import gradio as gr
import numpy as np

from ... import images
from ...whole_photo.everybody import Box, Fate, Someone
from ..texts import results
from ..texts.words import WholePhoto

_SHOWN = 1200  # pixels, the longest side
_LEAST = 0.008  # of the photo's width: a shorter drag is a click beside all faces

# One set of listeners on the component: they outlive each new picture in it.
_JS = """
let from = null, drawn = null;
const at = e => {
  const box = element.querySelector('.fg-frames').getBoundingClientRect();
  return [(e.clientX - box.left) / box.width, (e.clientY - box.top) / box.height]
    .map(v => Math.min(1, Math.max(0, v)));
};
const edges = e => {
  const to = at(e);
  return [Math.min, Math.max].flatMap(pick => [0, 1].map(i => pick(from[i], to[i])));
};
element.addEventListener('click', e => {
  const face = e.target.closest('button[data-face]');
  if (face) trigger('select', {face: Number(face.dataset.face)});
});
element.addEventListener('pointerdown', e => {
  if (e.button !== 0 || e.target.closest('button') || !e.target.closest('.fg-frames')) return;
  e.preventDefault();
  from = at(e);
  drawn = document.createElement('i');
  element.querySelector('.fg-frames').append(drawn);
  element.setPointerCapture(e.pointerId);
});
element.addEventListener('pointermove', e => {
  if (!from) return;
  const [left, top, right, bottom] = edges(e).map(v => 100 * v);
  drawn.style.cssText =
    `left:${left}%;top:${top}%;width:${right - left}%;height:${bottom - top}%`;
});
const end = e => {
  if (!from) return;
  const box = edges(e);
  from = null;
  drawn.remove();
  if (e.type === 'pointerup' && Math.min(box[2] - box[0], box[3] - box[1]) > LEAST)
    trigger('input', {box});
};
element.addEventListener('pointerup', end);
element.addEventListener('pointercancel', end);
""".replace("LEAST", str(_LEAST))


def build(elem_id: str) -> gr.HTML:
    """Build the widget.

    Its events: select with evt.face, a number, and input with evt.box, as shares of the photo's
    width and height (see box_of).
    """
    return gr.HTML(visible=False, padding=False, elem_id=elem_id, js_on_load=_JS)


def show(
    pixels: np.ndarray, faces: Sequence[Someone], fates: Mapping[int, Fate], still: bool = False
) -> str:
    """Draw the photo, uint8 [H, W, 3], with a frame for each face in the colour of its fate.

    still: none of them can be clicked.
    """
    height, width = pixels.shape[:2]
    small = images.within(pixels, _SHOWN)
    data = base64.b64encode(images.encode_jpeg(small, "")).decode()
    # The large below the small, so that each can be clicked.
    order = sorted(fates, key=lambda number: -_area(faces[number - 1].box))
    buttons = "".join(_button(number, faces[number - 1].box, fates[number], (width, height))
                      for number in order)  # fmt: skip
    alt = WholePhoto.frames_alt.format(count=len(faces))
    if still:
        buttons = buttons.replace("<button", "<button disabled")
    look = "fg-frames fg-still" if still else "fg-frames"
    return (
        f"<div class='{look}'><img draggable='false' alt='{alt}' "
        f"src='data:image/jpeg;base64,{data}'>{buttons}</div>"
    )


def box_of(shares: Sequence[float], pixels: np.ndarray) -> Box:
    """Convert a frame from the page, shares of width and height, into pixels of the photo."""
    left, top, right, bottom = (min(1.0, max(0.0, float(share))) for share in shares)
    height, width = pixels.shape[:2]
    return left * width, top * height, right * width, bottom * height


def _button(number: int, box: Box, fate: Fate, size: tuple[int, int]) -> str:
    left, top, right, bottom = (
        100 * min(1.0, max(0.0, edge / length)) for edge, length in zip(box, size * 2, strict=True)
    )
    words = results.fate(number, fate)
    return (
        f"<button type='button' data-face='{number}' class='fg-{fate.what}' title='{words}' "
        f"aria-label='{words}' style='left:{left:.2f}%;top:{top:.2f}%;width:{right - left:.2f}%;"
        f"height:{bottom - top:.2f}%'><b>{number}</b></button>"
    )


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
