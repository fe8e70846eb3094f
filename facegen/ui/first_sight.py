"""What a tab shows before its first run: a real example of what it does.

The pictures are in facegen/data/first_sight, made by tools/first_sight.py. They are served like a
visitor's own, out of the private folder.
"""

from __future__ import annotations

import html
import shutil
from collections.abc import Callable
from pathlib import Path

from .server import private_files
from .texts.words import FirstSight
from .widgets.viewer import compare, url

PICTURES = Path(__file__).parents[1] / "data" / "first_sight"


def lay_out(folder: Path) -> None:
    """Copy the pictures into the server's private folder."""
    shutil.copytree(PICTURES, folder / private_files.SIGHTS)


def picture(name: str) -> Path:
    """Return a picture's path in the private folder."""
    return private_files.root() / private_files.SIGHTS / f"{name}.webp"


def sample(name: str) -> list[Path]:
    """Return a picture to begin a run with; none where the pictures are not laid out."""
    return [path for path in (picture(name),) if path.is_file()]


def show(tab: str, promise: str) -> str:
    """Write HTML of a tab's example, and below it what to do; the words alone for other tabs."""
    words = f"<p>{html.escape(promise)}</p>"
    if tab not in _SIGHTS:
        return f"<div class='fg-empty'>{words}</div>"
    caption = f"<b>{FirstSight.example}</b> {html.escape(FirstSight.captions[tab])}"
    return (
        f"<div class='fg-empty'><figure class='fg-first fg-first-{tab}'><div>{_SIGHTS[tab]()}</div>"
        f"<figcaption>{caption}</figcaption></figure>{words}</div>"
    )


def _image(name: str, alt: str = "", sign: str = "") -> str:
    words = html.escape(FirstSight.pictures[alt or name], quote=True)
    before = f"<span aria-hidden='true'>{sign}</span>" if sign else ""
    return f"{before}<img src='{url(picture(name))}' alt='{words}'>"


def _people(name: str) -> str:
    return "".join(_image(f"{name}-{number}", "person") for number in range(1, 7))


def _call() -> str:
    before, after = "group", "group-after"
    told = FirstSight.pictures[before], FirstSight.pictures[after]
    return compare(picture(before), picture(after), *told, opens=False)


def _family() -> str:
    return _image("parent-a") + _image("parent-b", sign="+") + _image("child", sign="=")


_SIGHTS: dict[str, Callable[[], str]] = {
    "photo": lambda: _image("photo") + _people("photo"),
    "whole": _call,
    "random": lambda: _people("random"),
    "persona": lambda: _people("persona"),
    "edit": lambda: f"<div>{_image('smile')}</div>",
    "mix": _family,
    "restore": lambda: _image("small") + _image("restored", sign="→"),
}
