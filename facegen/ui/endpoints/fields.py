"""What the endpoints share: their fields, and what is told of them.

Fields are typed and hidden; numbers have no limits of their own here, so that one out of range is
answered in the words of the option dataclasses.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence

import gradio as gr

from ...errors import FacegenError
from ...images import READABLE
from ...jobs.job import RESULT, Event, Finished, Picture
from ...options import (
    NOISE_MODES,
    SampleOptions,
    StyleOptions,
    VaryOptions,
    help_of,
    range_in_words,
)
from .. import texts
from ..run_state import Run
from ..server.model_pool import Studios
from ..widgets.photo_input import MAX_MEGABYTES


def tell(endpoint, *kinds: type, **more: str) -> None:
    """Fill the words and ranges of those options into what "Use via API" tells of an endpoint;
    without docstrings (python -OO) nothing."""
    words = {
        option.name: f"{texts.sentence(help_of(kind, option.name))} "
        f"{range_in_words(kind, option.name)}."
        for kind in kinds
        for option in dataclasses.fields(kind)
        if "range" in option.metadata
    }
    endpoint.__doc__ = (endpoint.__doc__ or "").format(
        readable=READABLE, megabytes=MAX_MEGABYTES, **words, **more
    )


@contextlib.contextmanager
def in_our_words():
    try:
        yield
    except FacegenError as error:
        raise texts.as_error(error) from error


def results(events: Iterator[Event]) -> tuple[list[tuple[str, str]], dict]:
    """(path, caption) of each result of a job, and its manifest."""
    pictures: list[tuple[str, str]] = []
    for event in events:
        if isinstance(event, Picture) and event.kind == RESULT:
            pictures.append((str(event.path), event.caption))
        elif isinstance(event, Finished):
            return pictures, event.manifest
    raise AssertionError("the job ended without an end")


def files(run: Run) -> list[tuple[str, str]]:
    return [file for picture in run.pictures for file in picture.files]


def answer(run: Run) -> tuple:
    return files(run), run.manifest, run.whole_zip and str(run.whole_zip)


def number(kind: type, name: str, whole: bool = False) -> gr.Number:
    words = texts.sentence(help_of(kind, name))
    return gr.Number(getattr(kind, name), precision=0 if whole else None, label=words)


def anime(studios: Studios) -> list:
    styles = studios.first.styles
    # Never empty: a field without a default is one that every caller has to fill.
    default = StyleOptions.style if StyleOptions.style in styles or not styles else styles[0]
    return [
        gr.Checkbox(False, label="Anime as well"),
        choice(styles or [default], default, "Anime style"),
        number(StyleOptions, "blend"),
    ]


def noise(kind: type[VaryOptions] | type[SampleOptions]) -> gr.Dropdown:
    return choice(NOISE_MODES, kind.noise_mode, "Fine noise")


def model(studios: Studios) -> gr.Dropdown:
    names = [name for _, name in studios.choices]
    return choice(names, studios.first.info.name, "Face model")


def choice(choices: Sequence[str], default: str | None, label: str) -> gr.Dropdown:
    """The schema names the choices; what is none of them is refused in our words, later."""
    return gr.Dropdown(list(choices), value=default, label=label, allow_custom_value=True)
