"""A view of two pictures, before and after, one over the other.

Gradio's own slider cannot be moved by keyboard and has no words for a screen reader; a range input
has both.
"""

from __future__ import annotations

import html
from pathlib import Path
from urllib.parse import quote

_MOVE = "this.parentNode.style.setProperty('--at', this.value + '%')"


def compare(before: Path, after: Path, left: str, right: str, aspect: float = 1.0) -> str:
    """Write HTML of two pictures with a movable divider. aspect: their width over height."""
    left, right = html.escape(left, quote=True), html.escape(right, quote=True)
    return (
        f"<figure class='fg-compare'><div style='--at: 50%; aspect-ratio: {aspect:.4f}'>"
        f"<img src='{_url(before)}' alt='{left}'><img src='{_url(after)}' alt='{right}'>"
        f"<input type='range' value='50' aria-label='{left} or {right}' oninput=\"{_MOVE}\">"
        f"<i aria-hidden='true'></i></div><figcaption><span>◂ {left}</span><span>{right} ▸</span>"
        "</figcaption></figure>"
    )


def _url(path: Path) -> str:
    # Without a host and without a leading slash: it also holds behind a proxy.
    return f"gradio_api/file={quote(path.as_posix())}"
