"""Two faces found, each as ws: how `mix` and `child` begin."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import OptionError
from ..latent.mix import regions
from ..latent.mix.crossover import RegionMixer
from ..options import InvertOptions
from ..output import provenance
from ..output.manifest import reference_entry
from ..studio import Studio
from ..types import AlignedFace, Inversion, Loading
from .generate import get_ready
from .source import Source, known

NAMES = ("a", "b")  # of the two faces, in files and in the manifest


@dataclass(frozen=True)
class Searching:
    """Refinement of face number `face`, 0 or 1."""

    face: int
    step: int
    steps: int
    distance: float


@dataclass(frozen=True)
class Found:
    """Both faces: what was cut out of the photos, and what the model makes of them."""

    aligned: tuple[AlignedFace, AlignedFace]
    inversions: tuple[Inversion, Inversion]
    paths: tuple[Path, Path]


@dataclass(frozen=True)
class Feeling:
    """A model's first use: which styles are felt in which region is measured, the share done."""

    share: float


Begun = Loading | Searching | Found | Feeling


def check_two(sources: Sequence[object]) -> None:
    """Raise OptionError unless there are two."""
    if len(sources) != 2:
        raise OptionError(
            f"{len(sources)} face{'s' * (len(sources) != 1)} given; it takes two: name two photos"
        )


def find(
    studio: Studio, sources: Sequence[Source], folder: Path, options: InvertOptions
) -> Generator[Begun, None, Found]:
    """Find both faces and their codes; writes aligned-a.png, inversion-a.png and so on.

    Raises NoFaceError, OptionError, OutputError.
    """
    check_two(sources)
    yield from get_ready(studio)
    aligned: list[AlignedFace] = []
    own = [known(studio, source) for source in sources]
    for source, code, name in zip(sources, own, NAMES, strict=True):  # both before the long part
        aligned.append(code.aligned if code else studio.align(source.pixels, source.face))
        path = folder / f"aligned-{name}.png"
        provenance.save_png(path, aligned[-1].pixels, {}, synthetic=False)
    steps = studio.steps(options.steps)
    inversions, paths = [], []
    for number, (one, code, name) in enumerate(zip(aligned, own, NAMES, strict=True)):
        for inversion in [code] if code else studio.refine(one, steps):
            if steps and not code:
                yield Searching(number, inversion.steps, steps, inversion.distance)
        inversions.append(inversion)
        paths.append(folder / f"inversion-{name}.png")
        provenance.save_png(paths[-1], inversion.pixels, studio.facts())
    found = Found((aligned[0], aligned[1]), (inversions[0], inversions[1]), (paths[0], paths[1]))
    yield found
    return found


def mixer(studio: Studio, sharpness: float = 2.0) -> Generator[Feeling, None, RegionMixer]:
    """What puts codes together by region. Raises OptionError for a model without styles."""
    if not studio.model.generator.style_layers:
        raise OptionError(
            f"{studio.info.name} has no styles to mix by; use a StyleGAN2 or a MobileStyleGAN"
        )
    measuring = regions.measure(studio.model, studio.statistics, studio.renderer)
    while True:
        try:
            yield Feeling(next(measuring))
        except StopIteration as end:
            return RegionMixer(studio.model, studio.statistics, end.value, sharpness)


def entries(sources: Sequence[Source], found: Found) -> list[dict]:
    """Both references, for the manifest."""
    return [
        {
            **reference_entry(source.sha256, aligned, source.marks),
            "inversion": {
                "steps": inversion.steps,
                "distance": round(inversion.distance, 4),
            },
        }
        for source, aligned, inversion in zip(sources, found.aligned, found.inversions, strict=True)
    ]
