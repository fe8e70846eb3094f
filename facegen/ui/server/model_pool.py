"""The computation on the GPU, and the models it needs.

At home `Studios._compute` is called as it is. On a ZeroGPU Space each call borrows a GPU: `spaces`
runs it in a process forked from this one, so what goes in and what is yielded must be picklable,
and what it changes here is lost. One works at a time, whoever asked for it: a visitor, a program or
an agent.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

if os.environ.get("SPACE_ID"):
    try:
        import spaces  # has to come before torch
    except ImportError:
        spaces = None
else:
    spaces = None


from ... import models, process, runtime
from ...errors import OptionError, memory_in_words
from ...face.detect import Detector
from ...jobs import catalogue
from ...jobs.job import Event, Job
from ...studio import Studio
from ...types import LOADING, Progress
from .. import texts
from ..texts import results

WAIT = 0.5  # seconds between two looks at whether it is its turn


class Studios:
    """The models a visitor can choose from; each is loaded when first requested."""

    def __init__(self, first: Studio, device: str = "auto"):
        self.first = first
        self._device = device
        self._loaded = {first.info.name: first}
        self._lock = threading.Lock()
        # Bound here, not handed over: what goes to the borrowed GPU is pickled, and this is not.
        lent = spaces.GPU(duration=lambda seconds, *_: seconds) if spaces else lambda work: work
        self._lent = lent(self._compute)
        self._turn = threading.Semaphore(1)  # held by whatever computes with a model

    def run(
        self,
        job: Job,
        model: str | None,
        sources: Sequence[Any],
        folder: Path,
        options: Any,
    ) -> Generator[Event, None, None]:
        """Run a job of the catalogue with the model of that name; see Job.run and `compute`."""
        seconds = job.gpu_seconds(options, len(sources))
        given = (job.name, sources, folder, options)
        yield from self.compute(catalogue.run, model, *given, seconds=seconds)

    def compute(
        self, function: Callable[..., Iterator], model: str | None, *given: Any, seconds: int = 60
    ) -> Generator[Any, None, None]:
        """Iterate over function(studio, *given) in its turn, on a GPU for `seconds` at most.

        Before what it yields come the Progress of waiting and of the model's loading. While it
        waits a caller may give up.
        """
        while not self._turn.acquire(timeout=WAIT):
            yield Progress(texts.WAITING, 0, 1)
        try:
            yield from self._lent(seconds, function, model, given)
        finally:
            process.give_memory_back()
            self._turn.release()

    def _compute(
        self, seconds: int, function: Callable, model: str | None, given: Sequence
    ) -> Iterator[Any]:
        with memory_in_words():
            if not self.loaded(model):
                yield Progress(LOADING, 0, 1, "its network")
            studio = self[model]
            if runtime.on_zero_gpu():
                # onnxruntime's sessions do not survive the fork: it copies none of their threads.
                studio.detector = Detector()
            yield from function(studio, *given)

    @property
    def choices(self) -> list[tuple[str, str]]:
        """(label, name) of the available models. A visitor's click never downloads one."""
        infos = [self.first.info]
        infos += [i for i in models.available() if i.at_hand and i.name != infos[0].name]
        return [(results.model_label(info), info.name) for info in infos]

    def loaded(self, name: str | None) -> bool:
        """Return True if it needs no loading."""
        return name is None or name in self._loaded

    def check(self, name: str | None) -> None:
        """Raise OptionError for a model that is not one of `choices`."""
        names = [known for _, known in self.choices]
        if name is not None and name not in names:
            raise OptionError(f"model is {name!r}; available are: {', '.join(names)}")

    def __getitem__(self, name: str | None) -> Studio:
        """Return a model's studio. Raises OptionError for any but `choices`.

        A visitor must not make this machine download a model, or read a file.
        """
        if name is None:
            return self.first
        self.check(name)
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = Studio.load(name, self._device)
            return self._loaded[name]
