"""What runs on the GPU, and where it comes from.

At home the functions below are called as they are. On a ZeroGPU Space each call borrows a GPU:
`spaces` runs it in a process forked from this one, so what goes in and what is yielded must be
picklable, and what it changes here is lost. One works at a time, whoever asked for it: a visitor, a
program or an agent.
"""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

if os.environ.get("SPACE_ID"):
    try:
        import spaces  # has to come before torch
    except ImportError:
        spaces = None
else:
    spaces = None

import numpy as np

from ... import models, runtime
from ...errors import OptionError, memory_in_words
from ...evaluation.options import WalkOptions
from ...evaluation.walk import Walk, walk
from ...face.detect import Detector
from ...jobs import catalogue, edit
from ...jobs.job import Event, Picture, Source
from ...jobs.options import EditRun
from ...latent.edit.answers import Gains
from ...latent.edit.options import EditOptions
from ...studio import Studio
from ...types import LOADING, Inversion, Progress
from .. import texts

WAIT = 0.5  # seconds between two looks at whether it is its turn


def _lent(seconds: Callable[..., int]):
    """A decorator: on ZeroGPU, borrow a GPU for so many seconds at most; elsewhere nothing."""
    return spaces.GPU(duration=seconds) if spaces else lambda function: function


def _seconds(job: str, model: str | None, sources: Sequence, folder: Path, options: Any) -> int:
    return catalogue.find(job).gpu_seconds(options, len(sources))


class Studios:
    """The models a visitor can choose from; each is loaded when first asked for."""

    def __init__(self, first: Studio, device: str = "auto"):
        self.first = first
        self._device = device
        self._loaded = {first.info.name: first}
        self._lock = threading.Lock()
        self._job = _lent(_seconds)(self._run)
        self.turn = threading.Semaphore(1)  # held by whatever computes with a model

    def run(
        self,
        job: str,
        model: str | None,
        sources: Sequence[Any],
        folder: Path,
        options: Any,
    ) -> Iterator[Event]:
        """Run a job of the catalogue with the model of that name, when it is its turn; see Job.run.
        Before its events come those of waiting and of the model's loading."""
        yield from self.waited()
        try:
            yield from self._job(job, model, sources, folder, options)
        finally:
            self.turn.release()

    def waited(self) -> Iterator[Progress]:
        """Wait for the turn, and take it. Between two events a caller may give up."""
        while not self.turn.acquire(timeout=WAIT):
            yield Progress(texts.WAITING, 0, 1)

    def _run(
        self, job: str, model: str | None, sources: Sequence[Any], folder: Path, options: Any
    ) -> Iterator[Event]:
        with memory_in_words():
            if not self.loaded(model):
                yield Progress(LOADING, 0, 1, "its network")
            yield from catalogue.run(_here(self[model]), job, sources, folder, options)

    def in_turn(self, function: Callable) -> Callable:
        """The same function, or generator, which waits until it is its turn."""

        def generates(*given: Any, **named: Any) -> Iterator[Any]:
            with self.turn:
                yield from function(*given, **named)

        def returns(*given: Any, **named: Any) -> Any:
            with self.turn:
                return function(*given, **named)

        return generates if inspect.isgeneratorfunction(function) else returns

    @property
    def choices(self) -> list[tuple[str, str]]:
        """(label, name) of the models at hand. None is fetched because a visitor clicked."""
        infos = [self.first.info]
        infos += [i for i in models.available() if i.at_hand and i.name != infos[0].name]
        return [(texts.model_label(info), info.name) for info in infos]

    def loaded(self, name: str | None) -> bool:
        """Whether it can be had at once."""
        return name is None or name in self._loaded

    def __getitem__(self, name: str | None) -> Studio:
        """Raises OptionError for any but `choices`: a visitor must not make this machine
        fetch a model, or read a file."""
        if name is None:
            return self.first
        names = [known for _, known in self.choices]
        if name not in names:
            raise OptionError(f"model is {name!r}; at hand are: {', '.join(names)}")
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = Studio.load(name, self._device)
            return self._loaded[name]


def make_editor(studios: Studios):
    """(find, previews, draw), what the tab "Edit" needs, with the studio's name for the studio."""

    @_lent(lambda name, source, folder, options: 60)
    def find(name: str | None, source: Source, folder: Path, options: EditRun) -> Iterator[Event]:
        """Ends with the inversion's picture."""
        with memory_in_words():
            yield from edit.begin(_here(studios[name]), source, folder, options)

    @_lent(lambda name, inversion, options, gains: 20)
    def previews(
        name: str | None, inversion: Inversion, options: EditOptions, gains: Gains
    ) -> Iterator[tuple[np.ndarray | None, Gains]]:
        yield from _here(studios[name]).editor.previews(inversion, options, gains)

    @_lent(lambda name, source, inversion, folder, options, gains=None: 30)
    def draw(
        name: str | None,
        source: Source,
        inversion: Inversion,
        folder: Path,
        options: EditRun,
        gains: Gains | None = None,
    ) -> tuple[Picture, dict]:
        return edit.draw(_here(studios[name]), source, inversion, folder, options, gains)

    return studios.in_turn(find), studios.in_turn(previews), studios.in_turn(draw)


def make_walker(studios: Studios):
    """The job of the tab "Walk", with the studio's name for the studio."""

    @_lent(lambda name, options: 20 + options.steps // 20)
    def run_walk(name: str | None, options: WalkOptions) -> Iterator[Walk]:
        with memory_in_words():
            yield from walk(_here(studios[name]), options, options.seed)

    return studios.in_turn(run_walk)


def _here(studio: Studio) -> Studio:
    """The studio, fit for this process."""
    if runtime.on_zero_gpu():
        # The fork copied mediapipe's graphs without their threads: they would wait for ever.
        studio.detector = Detector()
    return studio
