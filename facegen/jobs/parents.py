"""Two faces and their codes ws: the start of `mix` and `child`."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

from ..options import InvertOptions
from ..output.manifest import reference_entry
from ..studio import Studio
from ..types import Inversion, Progress
from .inversion import crop, invert
from .inversion import own as own_code
from .job import Picture, Source

NAMES = ("a", "b")  # of the two faces, in files and in the manifest


def find(
    studio: Studio, sources: Sequence[Source], folder: Path, options: InvertOptions
) -> Generator[Progress | Picture, None, tuple[Inversion, Inversion]]:
    """Find both faces and their codes; writes aligned-a.png, inversion-a.png and so on.

    Raises NoFaceError, OptionError, OutputError.
    """
    yield from studio.get_ready()
    owns = [own_code(studio, source) for source in sources]
    aligned = []
    for source, own, name in zip(sources, owns, NAMES, strict=True):  # both before the long part
        path = folder / f"aligned-{name}.png"
        aligned.append((yield from crop(studio, source, path, own)))
    steps, found = studio.steps(options.steps), []
    for number, (face, own, name) in enumerate(zip(aligned, owns, NAMES, strict=True), start=1):
        path = folder / f"inversion-{name}.png"
        found.append((yield from invert(studio, face, steps, path, own, number, len(owns))))
    return found[0], found[1]


def entries(sources: Sequence[Source], found: Sequence[Inversion]) -> list[dict]:
    """Describe both references for the manifest."""
    return [
        {
            **reference_entry(source.sha256, inversion.aligned, source.marks),
            "inversion": {
                "steps": inversion.steps,
                "distance": round(inversion.distance, 4),
            },
        }
        for source, inversion in zip(sources, found, strict=True)
    ]
