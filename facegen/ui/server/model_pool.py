"""What runs on the GPU, and where it comes from.

At home the functions below are called as they are. On a ZeroGPU Space each call borrows a GPU:
`spaces` runs it in a process forked from this one, so what goes in and what is yielded must be
picklable, and what it changes here is lost.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

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
from ...jobs import anonymise as anonymising
from ...jobs import child as children
from ...jobs import edit, photo_set
from ...jobs import mix as mixing
from ...jobs import restore as restoring
from ...jobs.everybody import Someone
from ...jobs.generate import Event, generate
from ...jobs.source import Source
from ...latent.edit.answers import Gains
from ...latent.edit.options import EditOptions
from ...options import AnonymiseOptions, GenerateOptions, SampleOptions, StyleOptions
from ...output.portrait import Portrait
from ...studio import Studio
from ...types import Face, Inversion, Loading
from .. import texts


class Studios:
    """The models a visitor can choose from; each is loaded when first asked for."""

    def __init__(self, first: Studio, device: str = "auto"):
        self.first = first
        self._device = device
        self._loaded = {first.info.name: first}
        self._lock = threading.Lock()

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


def _borrowed(seconds: Callable[..., int]):
    """A decorator: on ZeroGPU, borrow a GPU for so many seconds at most; elsewhere nothing."""
    return spaces.GPU(duration=seconds) if spaces else lambda function: function


def make_runner(studios: Studios):
    """(generate, draw), the two jobs of the page, with the studio's name for the studio."""

    def seconds_to_generate(name, source, folder, options: GenerateOptions, faces=None) -> int:
        return 20 + 2 * options.vary.count + max(options.invert.steps, 300) // 10

    @_borrowed(seconds_to_generate)
    def run_generate(
        name: str | None,
        source: Source,
        folder: Path,
        options: GenerateOptions,
        faces: list[Face] | None = None,
    ) -> Iterator[Event]:
        yield from _run(studios, name, generate, source, folder, options, faces)

    @_borrowed(lambda name, options, style: 20 + 2 * options.count)
    def run_draw(
        name: str | None, options: SampleOptions, style: StyleOptions | None
    ) -> Iterator[Portrait]:
        with memory_in_words():
            studio = _here(studios[name])
            studio.check_style(style)  # before anything is made
            yield from studio.draw(options, style)

    return run_generate, run_draw


def make_editor(studios: Studios):
    """(find, previews, draw), what the tab "Edit" needs, with the studio's name for the studio."""

    @_borrowed(lambda name, source, folder, options: 60)
    def find(
        name: str | None, source: Source, folder: Path, options: edit.EditRun
    ) -> Iterator[edit.Event]:
        """Ends with Inverted."""
        with memory_in_words():
            yield from edit.begin(_here(studios[name]), source, folder, options)

    @_borrowed(lambda name, inversion, options, gains: 20)
    def previews(
        name: str | None, inversion: Inversion, options: EditOptions, gains: Gains
    ) -> Iterator[tuple[np.ndarray | None, Gains]]:
        yield from edit.previews(_here(studios[name]), inversion, options, gains)

    @_borrowed(lambda name, source, inversion, folder, options, started, gains=None: 30)
    def draw(
        name: str | None,
        source: Source,
        inversion: Inversion,
        folder: Path,
        options: edit.EditRun,
        started: float,
        gains: Gains | None = None,
    ) -> edit.Edited:
        job = source, inversion, folder, options, started, gains
        return edit.draw(_here(studios[name]), *job)

    return find, previews, draw


def make_anonymiser(studios: Studios):
    """(one photo, a set of them), the jobs of the tab "Whole photo", with the studio's name for the
    studio."""

    @_borrowed(lambda name, pixels, options, faces=None: 120)
    def run_anonymise(
        name: str | None,
        pixels: np.ndarray,
        options: AnonymiseOptions,
        faces: Sequence[Someone] | None = None,
    ) -> Iterator[anonymising.Event]:
        yield from _run(studios, name, anonymising.anonymise, pixels, options, faces)

    @_borrowed(lambda name, photos, folder, options: 60 + 60 * len(photos))
    def run_set(
        name: str | None,
        photos: Sequence[photo_set.SetPhoto],
        folder: Path,
        options: AnonymiseOptions,
    ) -> Iterator[photo_set.Event]:
        yield from _run(studios, name, photo_set.anonymise_all, photos, folder, options)

    return run_anonymise, run_set


def make_mixer(studios: Studios):
    """(mix, child), the jobs of the tab "Mix", with the studio's name for the studio."""

    @_borrowed(lambda name, sources, folder, options: 90)
    def run_mix(
        name: str | None, sources: Sequence[Source], folder: Path, options: mixing.MixRun
    ) -> Iterator[mixing.Event]:
        yield from _run(studios, name, mixing.mix, sources, folder, options)

    @_borrowed(lambda name, sources, folder, options: 90 + 4 * options.child.count)
    def run_child(
        name: str | None, sources: Sequence[Source], folder: Path, options: children.ChildRun
    ) -> Iterator[children.Event]:
        yield from _run(studios, name, children.child, sources, folder, options)

    return run_mix, run_child


def make_restorer(studios: Studios):
    """The job of the tab "Restore", with the studio's name for the studio."""

    @_borrowed(lambda name, photo, folder, options: 60 + options.restore.count * 15)
    def run_restore(
        name: str | None, photo: restoring.Spoilt, folder: Path, options: restoring.RestoreRun
    ) -> Iterator[restoring.Event]:
        yield from _run(studios, name, restoring.restore, photo, folder, options)

    return run_restore


def make_walker(studios: Studios):
    """The job of the tab "Walk", with the studio's name for the studio."""

    @_borrowed(lambda name, options: 20 + options.steps // 20)
    def run_walk(name: str | None, options: WalkOptions) -> Iterator[Walk]:
        with memory_in_words():
            yield from walk(_here(studios[name]), options, options.seed)

    return run_walk


def _run(studios: Studios, name: str | None, job: Callable[..., Iterator], *told) -> Iterator:
    """A job's events, with that of its model's loading before them."""
    with memory_in_words():
        if not studios.loaded(name):
            yield Loading("its network", 0, 1)
        yield from job(_here(studios[name]), *told)


def _here(studio: Studio) -> Studio:
    """The studio, fit for this process."""
    if runtime.on_zero_gpu():
        # The fork copied mediapipe's graphs without their threads: they would wait for ever.
        studio.detector = Detector()
    return studio
