"""The few pieces of HTML around the page's words."""

from __future__ import annotations

import html
import time

import gradio as gr

from . import words
from .languages import say


def as_error(message: object) -> gr.Error:
    """Make our own one-line message a Gradio error, without a traceback on the server."""
    # Gradio renders messages as HTML, and some of ours quote what the visitor sent.
    text = html.escape(say(str(message)), quote=False)
    return gr.Error(text, title=words.Page.failed, duration=20, print_exception=False)


def error(message: object) -> str:
    return f"<p class='fg-error' role='alert'>{html.escape(say(str(message)))}</p>"


def note(message: str) -> str:
    """Write a note that a screen reader announces."""
    return f"<p class='fg-note' role='status'>{html.escape(say(message))}</p>"


def paragraph(content: str, look: str = "") -> str:
    """Write a note that stands there from the start. content: HTML. look: more CSS classes."""
    return f"<p class='{f'fg-note {look}'.strip()}'>{content}</p>"


class Bar(str):
    """A progress bar, `done` from 0 to 1, and its words, as HTML."""

    done: float
    text: str

    def __new__(cls, text: str, done: float, left: str = "") -> Bar:
        text = say(text)
        percent = round(100 * done)
        told = f" <span>{html.escape(left)}</span>" if left else ""
        bar = super().__new__(
            cls,
            "<div class='fg-progress'>"
            f"<p role='status'>{html.escape(text)}{told}</p>"
            "<div role='progressbar' aria-valuemin='0' aria-valuemax='100' "
            f"aria-valuenow='{percent}' aria-label='{words.Page.progress}'>"
            f"<i style='width:{percent}%'></i></div></div>",
        )
        bar.text, bar.done = text, done
        return bar

    def since(self, began: float) -> Bar:
        """Return the bar with an estimate of how long it will take, once that is possible."""
        spent = time.monotonic() - began
        if self.done < 0.1 or spent < 2:
            return self
        seconds = spent * (1 - self.done) / self.done
        said = words.Run.minutes_left if seconds > 90 else words.Run.seconds_left
        return Bar(self.text, self.done, said.format(minutes=seconds / 60, seconds=seconds))


def progress(text: str, done: float) -> Bar:
    """Write a progress bar, done from 0 to 1, and its words."""
    return Bar(text, done)


def details(title: str, content: str) -> str:
    """Write what only some want to know, closed at first. content: HTML."""
    return f"<details class='fg-words'><summary>{title}</summary>{content}</details>"


def figure(url: str, caption: str) -> str:
    """Write a picture with a caption."""
    caption = html.escape(caption, quote=True)
    return f"<figure><img src='{url}' alt='{caption}'><figcaption>{caption}</figcaption></figure>"
