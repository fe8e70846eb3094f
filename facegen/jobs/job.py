"""What a job is: one record of a feature, what it begins with, and what it tells on its way.

    job = catalogue.find("restore")
    for event in job.run(studio, [source], folder, job.options()):
        ...  # Progress as often as it likes, a Picture for each that is saved, Finished at the end

This module imports no torch: a record can be read, and its options built, before a model is there.
"""

from __future__ import annotations

import dataclasses
import importlib
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .._version import __version__
from ..errors import OptionError
from ..options import check_face, parts, spec
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
class Source:
    """A photo that came in.

    pixels: uint8 [H, W, 3]. sha256: of its file, the only trace it leaves. marks: of origin that
    the file carries, see output.check.marks_entry. facts: what a picture of ours says of itself.
    face: which of its faces, 0 is the largest. mask: uint8 [H, W], 255 in holes; None: there are
    none. faces: that were found in it already. boxes: where its faces are, as somebody else's
    detector found them. data: the file's bytes, for a job that writes the photo's own format.
    """

    pixels: np.ndarray
    sha256: str = ""
    marks: Mapping | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    face: int = 0
    mask: np.ndarray | None = None
    faces: list[Any] | None = None
    boxes: Sequence[tuple[float, float, float, float]] | None = None
    data: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        check_face(self.face)


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture that was saved.

    path: its file; None where none could be written, then `entry` says why. entry: its entry in the
    manifest. kind: RESULT, CROP for a photo's own face, INVERSION for what the model makes of it.
    index: number `index`, from 1, of `count` results. files: others of the same person, by "anime"
    and "overlay". payload: the object that it was made from.
    """

    path: Path | None
    caption: str = ""
    pixels: np.ndarray | None = None
    entry: Mapping[str, Any] = field(default_factory=dict)
    kind: str = RESULT
    index: int = 1
    count: int = 1
    files: Mapping[str, Path] = field(default_factory=dict)
    payload: Any = None


@dataclass(frozen=True, eq=False)
class Finished:
    """The end of a job.

    manifest: empty for a job that writes none. files: the results, and what shows them together.
    payload: see the job.
    """

    manifest: dict[str, Any]
    files: Sequence[Path] = ()
    payload: Any = None


Event = Progress | Picture | Finished
Yielded = TypeVar("Yielded")
Returned = TypeVar("Returned")


@dataclass(frozen=True)
class Job:
    """A feature.

    name: of the command, the endpoint and the tool, and the manifest's "job". options: a frozen
    dataclass. photos: how many it takes. function: "module:function", imported when it is called.
    gpu_seconds: how long it borrows a GPU at most, by its options and number of photos. model:
    whether it needs a face model; if not, anything with a detector will do as its studio. batch:
    whether a batch runs it on each picture of a folder.
    """

    name: str
    help: str
    options: type
    photos: range
    function: str
    gpu_seconds: Callable[[Any, int], int] = lambda options, photos: 60
    model: bool = True
    batch: bool = False

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
        photos, and whatever the function raises.
        """
        self.check_photos(len(sources))
        module, _, name = self.function.partition(":")
        function = getattr(importlib.import_module(module), name)
        yield from function(studio, sources, folder, options, **more)

    def check_photos(self, count: int) -> None:
        """Raise OptionError for too few or too many photos."""
        if count not in self.photos:
            least, most = self.photos[0], self.photos[-1]
            number = f"{least}" if least == most else f"{least} to {most}"
            raise OptionError(f"{count} given; {self.name} takes {number} photo{'s' * (most != 1)}")

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
