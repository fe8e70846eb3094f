"""What a tab shows before its first run: a real example of what it does.

The pictures are in facegen/data/first_sight, made by tools/first_sight.py. They are served like a
visitor's own, out of the private folder.
"""

from __future__ import annotations

import html
import shutil
from pathlib import Path

from .server import private_files
from .widgets.compare import compare, url

PICTURES = Path(__file__).parents[1] / "data" / "first_sight"
FOLDER = "first-sight"
FRAMES = 8  # of the smile, side by side in one file

EXAMPLE = "An example"
CAPTIONS = {
    "photo": "one photo, and six people who don't exist.",
    "whole": "four people in a call, and four others in their places.",
    "random": "people out of nothing but a number.",
    "edit": "a face, and the slider Smile.",
    "mix": "two faces, and what their child could look like.",
    "restore": "a face of 54 pixels, and one of the faces that it could be.",
}
NAMES = {
    "photo": "The photo",
    "person": "A person who doesn't exist",
    "group": "The call",
    "group-after": "with other people",
    "smile": "A woman begins to smile",
    "a": "Face A",
    "b": "Face B",
    "child": "Their child",
    "small": "54 pixels",
    "restored": "Restored",
}


def lay_out(folder: Path) -> None:
    """Copy the pictures into the server's private folder."""
    shutil.copytree(PICTURES, folder / FOLDER)


def picture(name: str) -> Path:
    """Return a picture's path in the private folder."""
    return private_files.root() / FOLDER / f"{name}.webp"


def show(tab: str, promise: str) -> str:
    """Write HTML of a tab's example, and below it what to do; the words alone for other tabs."""
    words = f"<p>{html.escape(promise)}</p>"
    if tab not in CAPTIONS:
        return f"<div class='fg-empty'>{words}</div>"
    caption = f"<b>{EXAMPLE}:</b> {html.escape(CAPTIONS[tab])}"
    return (
        f"<div class='fg-empty'><figure class='fg-first fg-first-{tab}'><div>{_SIGHTS[tab]()}</div>"
        f"<figcaption>{caption}</figcaption></figure>{words}</div>"
    )


def _image(name: str, words: str, sign: str = "") -> str:
    words = html.escape(words, quote=True)
    before = f"<span aria-hidden='true'>{sign}</span>" if sign else ""
    return f"{before}<img src='{url(picture(name))}' alt='{words}' loading='lazy'>"


def _photo() -> str:
    people = "".join(_image(f"photo-{number}", NAMES["person"]) for number in range(1, 7))
    return _image("photo", NAMES["photo"]) + people


def _random() -> str:
    return "".join(_image(f"random-{number}", NAMES["person"]) for number in range(1, 7))


def _whole() -> str:
    names = ("group", "group-after")
    return compare(*map(picture, names), *(NAMES[name] for name in names), opens=False)


def _edit() -> str:
    return f"<div>{_image('smile', NAMES['smile'])}</div>"


def _mix() -> str:
    parents = _image("parent-a", NAMES["a"]) + _image("parent-b", NAMES["b"], "+")
    return parents + _image("child", NAMES["child"], "=")


def _restore() -> str:
    return _image("small", NAMES["small"]) + _image("restored", NAMES["restored"], "→")


_SIGHTS = {
    "photo": _photo,
    "whole": _whole,
    "random": _random,
    "edit": _edit,
    "mix": _mix,
    "restore": _restore,
}
