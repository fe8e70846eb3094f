"""The large view that a click on a face opens, over the page; two pictures, one over the other.

A dialog of the browser's own: it is modal, catches the keyboard and closes with Esc. What it shows
is what the gallery shows, by the same address; what is asked for in it goes to the server as a
select event with the names of a run's folder and of a picture in it (see handover.py).
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import gradio as gr

from ..texts import say
from ..texts.words import Viewer as Words

HERE = Path(__file__).parent
SAVE, COMPARE, EDIT, MORE, MIX, AGAIN = "save", "compare", "edit", "more", "mix", "again"
_MOVE = "this.parentNode.style.setProperty('--at', this.value + '%')"


@dataclass(frozen=True)
class Shown:
    """What the view offers for the pictures of a gallery, or of a pair that is compared.

    before: the name of the picture beside them in their run's folder that they are compared with,
    left: what that is; none where there is none. tools: EDIT, MORE, MIX. again: the event of
    "Try another", where there is one.
    """

    before: str = ""
    left: str = Words.photo
    tools: Sequence[str] = (EDIT, MORE, MIX)
    again: str = ""


def build(galleries: Mapping[str, Shown]) -> gr.HTML:
    """Build it, outside of all tabs. galleries: by elem_id; others are shown without tools.

    Its events: edit, like ("More like this"), select ("Use in Mix") and those of "Try another",
    with the data folder, file and second, 1 if Mix has its first face: whatever a browser likes.
    """
    told = {
        name: {**vars(one), "left": say(one.left), "tools": list(one.tools)}
        for name, one in galleries.items()
    }
    script = (HERE / "viewer.js").read_text(encoding="utf-8")
    return gr.HTML(_dialog(told), padding=False, elem_id="viewer", js_on_load=script)


def _dialog(galleries: Mapping[str, Mapping]) -> str:
    def data(value: object) -> str:
        return html.escape(json.dumps(value), quote=True)

    def button(part: str, sign: str, words: str) -> str:
        return f"<button type='button' data-part='{part}' aria-label='{words}'>{sign}</button>"

    told = {"face": Words.face, "photo": Words.photo, "waiting": Words.waiting}
    tools = "".join(
        f"<a data-tool='{name}'>{words}</a>"
        if name == SAVE
        else f"<button type='button' data-tool='{name}'>{words}</button>"
        for name, words in Words.tools.items()
    )
    return (
        f"<dialog class='fg-viewer' role='dialog' aria-modal='true' aria-label='{Words.label}' "
        f"data-words='{data(told)}' data-galleries='{data(galleries)}'><div>"
        "<header><h2 data-part='title' aria-live='polite'></h2><span data-part='place'></span>"
        f"{button('close', '×', Words.close)}</header>"
        f"{button('back', '‹', Words.back)}"
        "<figure><div data-part='stage'><img data-part='after' alt='' draggable='false'>"
        "<img data-part='before' alt='' draggable='false'>"
        f"<input data-part='slider' type='range' value='50' aria-label='{Words.divider}'>"
        "<i aria-hidden='true'></i></div>"
        f"<figcaption data-part='sides' hidden><span>◂ <span data-part='left'></span></span>"
        f"<span>{Words.this} ▸</span></figcaption></figure>"
        f"{button('on', '›', Words.on)}"
        f"<p data-part='note' role='status'></p><footer>{tools}</footer></div></dialog>"
    )


def compare(
    before: Path, after: Path, left: str, right: str, aspect: float = 1.0, opens: bool = True
) -> str:
    """Write HTML of two pictures, before and after, with a movable divider.

    Gradio's own slider cannot be moved by keyboard and has no words for a screen reader; a range
    input has both. aspect: their width over height. opens: with a button that shows them large.
    """
    large = f"<button type='button' class='fg-open'>{Words.open}</button>" if opens else ""
    left, right = html.escape(left, quote=True), html.escape(right, quote=True)
    either = Words.either.format(left=left, right=right)
    return (
        f"<figure class='fg-compare'><div style='--at: 50%; --aspect: {aspect:.4f}'>"
        f"<img src='{url(before)}' alt='{left}'><img src='{url(after)}' alt='{right}'>"
        f"<input type='range' value='50' aria-label='{either}' oninput=\"{_MOVE}\">"
        f"<i aria-hidden='true'></i></div><figcaption><span>◂ {left}</span>"
        f"{large}<span>{right} ▸</span></figcaption></figure>"
    )


def url(path: Path) -> str:
    """Return the address of a file in the private folder."""
    # Without a host and without a leading slash: it also holds behind a proxy.
    return f"gradio_api/file={quote(path.as_posix())}"
