"""A view of two pictures, before and after, one over the other.

Gradio's own slider cannot be moved by keyboard and has no words for a screen reader; a range input
has both.
"""

from __future__ import annotations

import html
from pathlib import Path
from urllib.parse import quote

from ..texts.words import Viewer

_MOVE = "this.parentNode.style.setProperty('--at', this.value + '%')"


def compare(
    before: Path, after: Path, left: str, right: str, aspect: float = 1.0, opens: bool = True
) -> str:
    """Write HTML of two pictures with a movable divider.

    aspect: their width over height. opens: with a button that shows them large.
    """
    large = f"<button type='button' class='fg-open'>{Viewer.open}</button>" if opens else ""
    left, right = html.escape(left, quote=True), html.escape(right, quote=True)
    either = Viewer.either.format(left=left, right=right)
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
