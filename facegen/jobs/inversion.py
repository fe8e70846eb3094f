"""Inversion of a photo to a code: the start of most jobs."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from ..output import provenance
from ..studio import Studio
from ..types import AlignedFace, Inversion, Progress
from .job import CROP, INVERSION, REFINING, Code, Picture, Source


def own(studio: Studio, source: Source) -> Inversion | None:
    """Return the code of a picture that this model drew; None for any other."""
    code = source.code
    if code is None or code.model != studio.info.name or source.face:
        return studio.code_of_own(source.pixels, source.facts)
    drawn = studio.renderer.pixels(code.ws, noises=code.noises)
    return Inversion(AlignedFace(drawn, None), code.ws, drawn, 0.0, 0, 0.0, code.noises)


def crop(
    studio: Studio, source: Source, path: Path, own: Inversion | None = None
) -> Generator[Picture, None, AlignedFace]:
    """Cut the face out of the photo and save it.

    own: the code, if the model drew this picture itself: it is not a piece of a real photo. Raises
    NoFaceError.
    """
    aligned = own.aligned if own else studio.align(source.pixels, source.face, source.faces)
    provenance.save_png(path, aligned.pixels, studio.facts() if own else {}, synthetic=bool(own))
    yield Picture(path, "the photo's face", aligned.pixels, kind=CROP, payload=aligned)
    return aligned


def invert(
    studio: Studio,
    aligned: AlignedFace,
    steps: int,
    path: Path,
    own: Inversion | None = None,
    number: int = 1,
    count: int = 1,
) -> Generator[Progress | Picture, None, Inversion]:
    """Find the face's code, unless `own` is it, and save what the model makes of it.

    number: of the face, from 1, of `count`.
    """
    for inversion in [own] if own else studio.refine(aligned, steps):
        if steps and not own:
            done = (number - 1) * steps + inversion.steps
            yield Progress(REFINING, done, count * steps, f"distance {inversion.distance:.3f}")
    provenance.save_png(path, inversion.pixels, studio.facts())
    note = "the model's picture of it"
    code = Code(studio.info.name, inversion.ws, inversion.noises)
    yield Picture(path, note, inversion.pixels, kind=INVERSION, payload=inversion, code=code)
    return inversion
