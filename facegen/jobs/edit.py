"""A face changed by name: a photo or a result in, the same face older or smiling out.

The page and the command line both iterate over `edit`; `begin` and `draw` are its two halves, for
the page, which goes on changing what was found once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .._version import __version__
from ..errors import OptionError
from ..latent.edit import answers
from ..latent.edit.answers import Gains
from ..latent.edit.directions import Moved, directions_of, move
from ..latent.edit.options import NAMES, EditOptions
from ..measure.comparison import Measurement
from ..measure.identity import calibration
from ..options import InvertOptions, check_face
from ..output import provenance
from ..output.manifest import model_entry, reference_entry, write_manifest
from ..output.portrait import Portrait
from ..studio import Studio
from ..types import Inversion, Loading
from .generate import Aligned, Inverted, Refining, get_ready
from .source import Source, known

EDITED = "edited"  # the picture's name
BEFORE = ("aligned.png", "inversion.png")


@dataclass(frozen=True)
class EditRun:
    """What a run is told. face: of the photo, 0 is the largest. label: "AI-generated" stands on
    the picture."""

    edit: EditOptions = field(default_factory=EditOptions)
    invert: InvertOptions = field(default_factory=InvertOptions)
    face: int = 0
    label: bool = False

    def __post_init__(self) -> None:
        check_face(self.face)


@dataclass(frozen=True)
class Edited:
    portrait: Portrait
    path: Path
    manifest: dict


Event = Loading | Aligned | Refining | Inverted | Edited


def edit(studio: Studio, source: Source, folder: Path, options: EditRun) -> Iterator[Event]:
    """Run the job and write aligned.png, inversion.png, edited.png and manifest.json into
    `folder`, which must exist. Raises NoFaceError, OptionError, OutputError."""
    check(studio, options.edit)  # before anything is made
    started = time.perf_counter()
    inversion = yield from begin(studio, source, folder, options)
    yield draw(studio, source, inversion, folder, options, started)


def check(studio: Studio, options: EditOptions) -> None:
    """Raise OptionError unless something is asked for that the model can do."""
    directions_of(studio.model).change(options)
    if not options.asked:
        raise OptionError(
            f"nothing is asked for; set at least one slider to another value than 0: "
            f"{', '.join(NAMES)}"
        )


def begin(
    studio: Studio, source: Source, folder: Path, options: EditRun
) -> Generator[Event, None, Inversion]:
    """Find the face and its code. A random face of this model's is not searched for: its seed says
    which code it has."""
    directions_of(studio.model)
    yield from get_ready(studio)
    if (own := known(studio, source)) is not None:
        aligned, inversion = own.aligned, own
        _save(folder, inversion, studio)
        yield Aligned(aligned, folder / BEFORE[0])
    else:
        aligned = studio.align(source.pixels, options.face)
        provenance.save_png(folder / BEFORE[0], aligned.pixels, {}, synthetic=False)
        yield Aligned(aligned, folder / BEFORE[0])
        steps = studio.steps(options.invert.steps)
        for inversion in studio.refine(aligned, steps):
            if steps:
                yield Refining(inversion.steps, steps, inversion.distance)
        _save(folder, inversion, studio)
    yield Inverted(inversion, folder / BEFORE[1])
    return inversion


def _save(folder: Path, inversion: Inversion, studio: Studio) -> None:
    if not (folder / BEFORE[0]).exists():  # a random face is no piece of anybody's photo
        provenance.save_png(folder / BEFORE[0], inversion.pixels, studio.facts())
    provenance.save_png(folder / BEFORE[1], inversion.pixels, studio.facts())


def gains_of(
    studio: Studio, inversion: Inversion, options: EditOptions, known: Gains | None = None
) -> Gains:
    """How much more than elsewhere the sliders that are asked for have to be moved on this face
    (latent/edit/answers.py), and what is known of others. A code that the encoder or a seed gave
    lies where the sliders were learned, and is given what is asked."""
    if not inversion.steps:
        return {}
    directions, measure = directions_of(studio.model), answers.measure_with(studio.detector)
    draw = studio.renderer.preview
    return answers.gains(inversion.ws, options, known or {}, directions, draw, measure)


def moved(
    studio: Studio, inversion: Inversion, options: EditOptions, gains: Gains | None = None
) -> Moved:
    """The code that was asked for, as far as codes may go. gains: see gains_of."""
    change = directions_of(studio.model).change_by(answers.strengthened(options, gains or {}))
    statistics = studio.statistics
    radius = statistics.spread * math.sqrt(len(statistics.mean))
    farthest = calibration.farthest(studio.info.name)
    return move(inversion.ws, change, statistics.mean, radius, farthest)


def preview(
    studio: Studio, inversion: Inversion, options: EditOptions, gains: Gains | None = None
) -> np.ndarray:
    """uint8 [P, P, 3], P the renderer's previewed size."""
    return studio.renderer.preview(moved(studio, inversion, options, gains).ws)


def previews(
    studio: Studio, inversion: Inversion, options: EditOptions, known: Gains
) -> Iterator[tuple[np.ndarray | None, Gains]]:
    """A preview at once, with the gains that are known; and where this face's own are not yet, one
    with those, as soon as they are found; None: it would be the same. With each what is known of
    them then."""
    yield preview(studio, inversion, options, known), known
    found = gains_of(studio, inversion, options, known)
    if found == known:
        return
    amounts = (answers.strengthened(options, gains) for gains in (known, found))
    same = next(amounts) == next(amounts)
    yield (None if same else preview(studio, inversion, options, found)), found


def draw(
    studio: Studio,
    source: Source,
    inversion: Inversion,
    folder: Path,
    options: EditRun,
    started: float,
    gains: Gains | None = None,
) -> Edited:
    """The edited face at full size, measured against the model's picture of the face before.
    gains: what is known of them."""
    gains = gains_of(studio, inversion, options.edit, gains)
    found = moved(studio, inversion, options.edit, gains)
    pixels = studio.renderer.pixels(found.ws, noises=inversion.noises)
    comparison = studio.compare(inversion.pixels)
    measured = comparison.measure(pixels, finished=False)
    measure = answers.measure_with(studio.detector)
    reached = answers.moved_by(
        measure(inversion.pixels), measure(pixels), directions_of(studio.model)
    )
    facts = studio.facts() | {"edit": options.edit.in_words(), "steps": inversion.steps}
    portrait = Portrait(pixels, 0, facts)
    path = portrait.save(folder, EDITED, options.label)[0]
    manifest = {
        "facegen": __version__,
        "model": model_entry(studio.info),
        "device": str(studio.device),
        "options": {
            "edit": options.edit.asked,
            "steps": inversion.steps,
            "label": options.label,
        },
        "reference": reference_entry(source.sha256, inversion.aligned, source.marks),
        "inversion": {
            "seconds": round(inversion.seconds, 4),
            "steps": inversion.steps,
            "distance": round(inversion.distance, 4),
        },
        "variants": [_entry(path, options.edit, found, measured, gains, reached)],
        "seconds": {"total": round(time.perf_counter() - started, 4)},
    }
    write_manifest(folder, manifest)
    return Edited(portrait, path, manifest)


def _entry(
    path: Path,
    options: EditOptions,
    found: Moved,
    measured: Measurement,
    gains: Gains,
    reached: Mapping[str, float],
) -> dict:
    """Of the edited picture. given: the share of what was asked for that the limit left.
    gains: how many times as far the code was moved for a slider as elsewhere. reached: what was
    measured of the sliders that are seen in the face's mesh, in their units."""
    delta = measured.structure
    return {
        "file": path.name,
        "edit": options.in_words(),
        "given": round(found.share, 4),
        "gains": {
            name: round(gains[name, amount > 0], 3)
            for name, amount in options.asked.items()
            if (name, amount > 0) in gains
        },
        "reached": {name: round(reached[name], 4) for name in options.asked if name in reached},
        "distance_from_average": round(found.distance, 4),
        "identity": {
            name: {
                "distance": round(opinion.distance, 4),
                "threshold": opinion.threshold,
                "same_person": opinion.same_person,
            }
            for name, opinion in measured.identity.items()
        },
        "structure": delta
        and {name: round(getattr(delta, name), 4) for name in delta.__dataclass_fields__},
    }
