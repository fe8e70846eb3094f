"""The named API, an endpoint for each job: for gradio_client and "Use via API".

Numbers have no limits of their own here, so that one out of range is answered in the words of the
option dataclasses.
"""

from __future__ import annotations

import contextlib
import inspect
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import gradio as gr

from ..errors import FacegenError
from ..jobs.job import RESULT, Event, Finished, Picture
from . import texts
from .run_state import Picture as Shown
from .run_state import whole_archive, zipped
from .server import private_files
from .server.model_pool import Studios
from .services import FACES, FILE, MANIFEST, PHOTO, ZIP, Argument, Service, services
from .texts import languages
from .widgets.photo_input import Photo, checked

EVERY = 1.0  # seconds between two answers without a new picture: a caller who went away is noticed


# Gradio would write a stub beside this file.
with mock.patch("gradio.component_meta.create_or_modify_pyi", create=True):

    class Number(gr.Number):
        """A number that is handed on as it came: a wrong one is answered in our words."""

        is_template = True

        def preprocess(self, payload: Any) -> Any:
            return payload


def build(studios: Studios) -> None:
    """Declare the endpoints; shows nothing."""
    offered = services(studios)
    names = {name: f"/{name}" for name in offered}
    results = {FACES: gr.Gallery, MANIFEST: gr.JSON, ZIP: gr.File, FILE: gr.File}
    with gr.Group(visible=False):
        for name, service in offered.items():
            gr.Button().click(
                _endpoint(studios, service, service.told.words.format(**names)),
                [_described(argument) for argument in service.arguments.values()],
                [results[one](label=one) for one in service.told.gives],
                api_name=name,
                concurrency_id="gpu",
                concurrency_limit=1,
            )


def _endpoint(
    studios: Studios, service: Service, words: str
) -> Callable[..., Iterator[tuple[Any, ...]]]:
    """Make the function behind an endpoint; Gradio reads its arguments' names and words from it."""
    arguments, job = service.arguments, service.job

    def steps(*values: Any) -> Generator[tuple[Any, ...], None, None]:
        try:
            given = dict(zip(arguments, values, strict=True))
            model, sources, options = service.begin(given, checked)
            with (
                private_files.new_run() as folder,
                # Closed at once after an error, too: the GPU is the next one's then.
                contextlib.closing(studios.run(job, model, sources, folder, options)) as events,
            ):
                for results in _results(service, folder, events):
                    yield tuple(results.get(one) for one in service.told.gives)
        except FacegenError as error:
            raise texts.as_error(error) from error

    def run(*values: Any) -> Iterator[tuple[Any, ...]]:
        with contextlib.closing(steps(*values)) as results:
            while True:  # each step runs in a context of its own
                with languages.use("en"):
                    if (answer := next(results, None)) is None:
                        return
                yield answer

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            # Of a photo that may be left out: for others Gradio takes the field's own default.
            inspect.Parameter(name, kind, default=inspect.Parameter.empty if one.required else None)
            for name, one in arguments.items()
        ]
    )
    run.__name__ = job.name
    lines = [f"{argument.name}: {_in_words(argument)}" for argument in arguments.values()]
    run.__doc__ = "\n".join([words, "", "Args:", *lines])
    return run


def _results(service: Service, folder: Path, events: Iterator[Event]) -> Iterator[dict[str, Any]]:
    """Collect the results so far, again with each picture."""
    faces: list[tuple[str, str]] = []
    shown = time.monotonic()
    for event in events:
        if isinstance(event, Finished):
            results: dict[str, Any] = {FACES: faces, MANIFEST: event.manifest}
            if FILE in service.told.gives:
                results[FILE] = faces[0][0]
            if ZIP in service.told.gives:
                whole = service.job.name == "generate"  # with the photo's crop, as ever
                results[ZIP] = str((whole_archive if whole else zipped)(folder))
            yield results
            return
        if new := isinstance(event, Picture) and event.kind == RESULT:
            cards = Shown.of(event).files
            if service.job.name == "edit":
                cards = [(cards[0][0], "after"), (str(folder / "inversion.png"), "before")]
            faces = [*faces, *cards]
        if new or time.monotonic() - shown > EVERY:
            yield {FACES: faces}
            shown = time.monotonic()


def _described(argument: Argument) -> gr.components.Component:
    """Build the field of an argument, with what the API's schema says of it."""
    component = _component(argument)
    about = argument.schema() | {"description": _in_words(argument)}
    if argument.kind == PHOTO:
        del about["type"]  # it is an object, as Gradio describes it
    schema = {**component.api_info(), **about, "additional_description": about["description"]}
    component.api_info_as_input = lambda: schema  # type: ignore[method-assign]
    return component


def _component(argument: Argument) -> gr.components.Component:
    label, default = argument.name.replace("_", " "), argument.default
    if argument.kind == PHOTO:
        return Photo(label=label)
    if argument.kind == "boolean":
        return gr.Checkbox(default, label=label)
    if argument.kind != "string":
        return Number(default, precision=0 if argument.kind == "integer" else None, label=label)
    if argument.name in ("style", "model") or argument.choices:
        # Never empty: a field without a default is one that every caller has to fill.
        choices = list(argument.choices) or [default]
        return gr.Dropdown(
            choices,
            value=default if default in choices else choices[0],
            label=label,
            allow_custom_value=True,  # what is none of them is refused in our words, later
        )
    return gr.Textbox(default, label=label)


def _in_words(argument: Argument) -> str:
    if argument.range:
        return f"{argument.help} {argument.range[0]:.10g} to {argument.range[1]:.10g}."
    limits = f" One of {', '.join(argument.choices)}." if argument.choices else ""
    return f"{argument.help}{limits if argument.name != 'model' else ''}"
