"""The record of a job: what a feature begins with, and the events that it yields on its way.

    job = catalogue.find("restore")
    for event in job.run(studio, [source], folder, job.options()):
        ...  # Progress as often as it likes, a Picture for each that is saved, Finished at the end

This module imports no torch: a record can be read, and its options built, before a model is there.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .._version import __version__
from ..errors import OptionError
from ..options import parts, spec
from ..output.manifest import model_entry
from ..types import Progress, Unread

if TYPE_CHECKING:
    import numpy as np

# The stages of Progress, beside LOADING, in words that a bar can show.
REFINING = "refining"
LEARNING = "learning the model's people, once: faces"
SEARCHING = "finding people who fit"
LOOKING = "looking at the photos"
STANDING_IN = "looking for their new faces"
PHOTOS = "photos"

# The kinds of Picture.
CROP, INVERSION, RESULT = "crop", "inversion", "result"


@dataclass(frozen=True, eq=False)
class Code:
    """What a picture was drawn from: a model's name, its ws and noises (see types.Inversion)."""

    model: str
    ws: Any
    noises: Any = None


@dataclass(frozen=True, eq=False)
class Source:
    """A photo that came in."""

    pixels: np.ndarray  # uint8 [H, W, 3]
    sha256: str = ""  # of its file, the only trace it leaves
    marks: Mapping | None = None  # of origin that the file carries, see output.check.marks_entry
    facts: Mapping[str, object] = field(default_factory=dict)  # what our own picture says of itself
    face: int = 0  # the index of one of its faces, the largest first
    mask: np.ndarray | None = None  # uint8 [H, W], 255 in holes
    faces: list[Any] | None = None  # those already detected in it
    boxes: Sequence[tuple[float, float, float, float]] | None = None  # of faces, by other detectors
    data: bytes = field(default=b"", repr=False)  # the file's, for a job that writes its format
    code: Code | None = field(default=None, repr=False)  # where the caller knows it

    def __post_init__(self) -> None:
        if self.face < 0:
            raise OptionError(f"face is {self.face}; 0 is the largest, 1 the second largest")


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture that was saved."""

    path: Path | None  # None where none could be written, then `entry` says why
    caption: str = ""
    pixels: np.ndarray | None = None
    entry: Mapping[str, Any] = field(default_factory=dict)  # in the manifest
    kind: str = RESULT  # or CROP, the photo's own face, or INVERSION, what the model makes of it
    index: int = 1  # from 1, of `count` results
    count: int = 1
    files: Mapping[str, Path] = field(default_factory=dict)  # the same person's "anime", "overlay"
    payload: Any = None  # the object that it was made from
    code: Code | None = field(default=None, repr=False)  # where it is exact


@dataclass(frozen=True, eq=False)
class Finished:
    """The end of a job."""

    manifest: dict[str, Any]  # empty for a job that writes none
    files: Sequence[Path] = ()  # the results, and what shows them together
    payload: Any = None  # see the job


Event = Progress | Picture | Finished
Function = Callable[..., Iterator[Event]]
Yielded = TypeVar("Yielded")
Returned = TypeVar("Returned")


@dataclass(frozen=True)
class Job:
    """A feature."""

    name: str  # of the command, the endpoint and the tool, and the manifest's "job"
    help: str
    options: type  # a frozen dataclass
    photos: range  # how many it takes
    load: Callable[[], Function]  # imports its function: (studio, sources, folder, options)
    gpu_seconds: Callable[[Any, int], int] = lambda options, photos: 60  # borrowed at most
    model: bool = True  # whether it needs one; if not, anything with a detector is its studio
    batch: bool = False  # whether a batch runs it on each picture of a folder

    def run(
        self,
        studio: Any,
        sources: Sequence[Source] | Sequence[Unread],
        folder: Path,
        options: Any,
        **more: Any,
    ) -> Iterator[Event]:
        """Run it and write into `folder`, which must exist.

        more: further arguments of this one function. Raises OptionError for too few or too many
        photos, and what the function raises: NoFaceError, OptionError, OutputError.
        """
        self.check_photos(len(sources))
        yield from self.load()(studio, sources, folder, options, **more)

    def check_photos(self, count: int) -> None:
        """Raise OptionError for too few or too many photos."""
        if count not in self.photos:
            least, most = self.photos[0], self.photos[-1]
            number = f"{least or 'no'}" if least == most else f"{least} to {most:,}"
            raise OptionError(
                f"{count:,} given; {self.name} takes {number} photo{'s' * (most != 1)}"
            )

    def fields(self) -> dict[str, tuple[type, dataclasses.Field]]:
        """List its options, also those within options: name -> (the dataclass, its field)."""
        return {
            name: (one.owner, next(it for it in dataclasses.fields(one.owner) if it.name == name))
            for name, one in spec(self.options).items()
        }

    def given(self, values: Mapping[str, Any]) -> Any:
        """Build its options from values by name; None means the default. Raises OptionError."""
        known = spec(self.options)
        for name in values:
            if name not in known:
                raise OptionError(
                    f"{self.name} has no option {name[:40]!r}; there are: {', '.join(known)}"
                )
        return _build(self.options, values)


def _build(options: type, values: Mapping[str, Any]) -> Any:
    told: dict[str, Any] = {}
    for one, part in parts(options):
        if part is None:
            if values.get(one.name) is not None:
                told[one.name] = values[one.name]
        elif one.default is not None or values.get(one.name) is not None:
            told[one.name] = _build(part, values)  # such as a style: none unless it is named
    return options(**told)


def frame(job: str, studio: Any, options: Mapping[str, Any], **own: Any) -> dict[str, Any]:
    """Write what every manifest holds, around a job's own entries."""
    return {
        "facegen": __version__,
        "job": job,
        "model": model_entry(studio.info),
        "device": str(studio.device),
        "options": dict(options),
        **own,
    }


class Clock:
    """A clock of stages, without the time that the caller spends between events."""

    def __init__(self) -> None:
        self._spent: dict[str, float] = {}
        self.resume()

    def timed(
        self, stage: str, events: Generator[Yielded, None, Returned]
    ) -> Generator[Yielded, None, Returned]:
        """Pass a stage's events on, and count what happens between them as the stage's time."""
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                self.lap(stage)
                return end.value
            self.lap(stage)
            yield event
            self.resume()

    def resume(self) -> None:
        self._since = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self._spent[stage] = self._spent.get(stage, 0.0) + now - self._since
        self._since = now

    def seconds(self, *stages: str) -> dict[str, float]:
        """Return the seconds of these stages, and in all."""
        result = {stage: round(self._spent.get(stage, 0.0), 4) for stage in stages}
        return result | {"total": round(sum(self._spent.values()), 4)}
