"""The choice of a style, each with a picture of what it does to one and the same face.

The pictures are in facegen/data/styles, made by `python benchmarks/anime.py --pictures` of a face
of 1024 pixels. A style without one (somebody's own) is chosen by name alone.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

from ... import weights
from ..texts import say
from ..texts.words import Fields

PICTURES = Path(__file__).parents[2] / "data" / "styles"
SUFFIX = ".webp"
PHOTO = "photo"  # the face that the styles were drawn from


def title(style: str) -> str:
    """Name it for people; a style of the user's own has the name that it was given."""
    found = [entry.title for entry in weights.of_kind("anime") if entry.name == style]
    return found[0] if found else style.capitalize()


def allowed(style: str) -> str:
    """Say what a registered style's licence allows, in a few words; empty for another."""
    found = [entry.licence_meaning for entry in weights.of_kind("anime") if entry.name == style]
    return found[0] if found else ""


def looks(styles: Sequence[str]) -> str:
    """Write HTML of the pictures, the undrawn face first; empty if none of these styles has one."""
    shown = [name for name in styles if (PICTURES / f"{name}{SUFFIX}").is_file()]
    if not shown:
        return ""
    figures = [_figure(PHOTO, Fields.style_photo, "")]
    figures += [_figure(name, title(name), say(allowed(name))) for name in shown]
    return f"<div class='fg-looks'>{''.join(figures)}</div>"


def _figure(name: str, words: str, licence: str) -> str:
    content = base64.b64encode((PICTURES / f"{name}{SUFFIX}").read_bytes()).decode("ascii")
    small = f"<small>{html.escape(licence)}</small>" if licence else ""
    words = html.escape(words, quote=True)
    return (
        f"<figure><img src='data:image/webp;base64,{content}' alt='{words}' width='160' "
        f"height='160'><figcaption>{words}{small}</figcaption></figure>"
    )
