"""Inversion of a photo to a code: the start of most jobs."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

from ..options import InvertOptions
from ..output import provenance
from ..output.manifest import reference_entry
from ..studio import Studio
from ..types import AlignedFace, Inversion, Progress
from .job import CROP, INVERSION, REFINING, Code, Picture, Source

PARENTS = ("a", "b")  # of the two faces, in files and in the manifest


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


def parents(
    studio: Studio, sources: Sequence[Source], folder: Path, options: InvertOptions
) -> Generator[Progress | Picture, None, tuple[Inversion, Inversion]]:
    """Find two faces and their codes; writes aligned-a.png, inversion-a.png and so on.

    Raises NoFaceError, OptionError, OutputError.
    """
    yield from studio.get_ready()
    codes = [own(studio, source) for source in sources]
    aligned = []
    for source, code, name in zip(sources, codes, PARENTS, strict=True):  # before the long part
        path = folder / f"aligned-{name}.png"
        aligned.append((yield from crop(studio, source, path, code)))
    steps, found = studio.steps(options.steps), []
    for number, (face, code, name) in enumerate(zip(aligned, codes, PARENTS, strict=True), start=1):
        path = folder / f"inversion-{name}.png"
        found.append((yield from invert(studio, face, steps, path, code, number, len(codes))))
    return found[0], found[1]


def parent_entries(sources: Sequence[Source], found: Sequence[Inversion]) -> list[dict]:
    """Describe both references for the manifest."""
    return [
        {
            **reference_entry(source.sha256, inversion.aligned, source.marks),
            "inversion": {"steps": inversion.steps, "distance": round(inversion.distance, 4)},
        }
        for source, inversion in zip(sources, found, strict=True)
    ]
