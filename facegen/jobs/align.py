"""align: the FFHQ crop of each face."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from ..face import align as crops
from ..face import detect
from ..options import AlignOptions
from ..output import provenance
from .job import Event, Finished, Picture, Source


class Bench(Protocol):
    """All that this job needs of a studio."""

    @property
    def detector(self) -> detect.Detector: ...


def align(
    studio: Bench, sources: Sequence[Source], folder: Path, options: AlignOptions
) -> Iterator[Event]:
    """Run the job: face-01.png …, the largest first, into `folder`; there is no manifest."""
    (source,) = sources
    faces = studio.detector.detect(source.pixels, detect.MIN_FACE)
    detect.pick(faces, 0)
    files = []
    for number, face in enumerate(faces, start=1):
        pixels, _ = crops.align(source.pixels, face, options.size)
        files.append(folder / f"face-{number:02d}.png")
        provenance.save_png(files[-1], pixels, {}, synthetic=False)
        yield Picture(files[-1], f"face {number}", pixels, index=number, count=len(faces))
    yield Finished({}, files)
