"""The few pieces of HTML around the page's words."""

from __future__ import annotations

import html

import gradio as gr

from . import words


def as_error(message: object) -> gr.Error:
    """Make our own one-line message a Gradio error, without a traceback on the server."""
    # Gradio renders messages as HTML, and some of ours quote what the visitor sent.
    text = html.escape(str(message), quote=False)
    return gr.Error(text, title=words.Page.failed, duration=20, print_exception=False)


def error(message: object) -> str:
    return f"<p class='fg-error' role='alert'>{html.escape(str(message))}</p>"


def note(message: str) -> str:
    """Write a note that a screen reader announces."""
    return f"<p class='fg-note' role='status'>{html.escape(message)}</p>"


def paragraph(content: str, look: str = "") -> str:
    """Write a note that stands there from the start. content: HTML. look: more CSS classes."""
    return f"<p class='{f'fg-note {look}'.strip()}'>{content}</p>"


def progress(text: str, done: float) -> str:
    """Write a progress bar, done from 0 to 1, and its words."""
    percent = round(100 * done)
    return (
        "<div class='fg-progress'>"
        f"<p role='status'>{html.escape(text)}</p>"
        f"<div role='progressbar' aria-valuemin='0' aria-valuemax='100' aria-valuenow='{percent}' "
        f"aria-label='{words.Page.progress}'><i style='width:{percent}%'></i></div></div>"
    )


def empty(text: str) -> str:
    """Draw six silhouettes where the results will be."""
    head = (
        "<svg viewBox='0 0 100 100' aria-hidden='true'><circle cx='50' cy='42' r='19'/>"
        "<path d='M14 100c2-25 17-34 36-34s34 9 36 34z'/></svg>"
    )
    return f"<div class='fg-empty'><div>{head * 6}</div><p>{html.escape(text)}</p></div>"
