"""A face changed by name: a photo or a result in, the same face older or smiling out.

The page and the command line both iterate over `edit`; `begin` and `draw` are its two halves, for
the page, which goes on changing what was found once.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..errors import OptionError
from ..latent.edit import answers
from ..latent.edit.answers import Gains
from ..latent.edit.directions import Moved, directions_of, move
from ..latent.edit.options import NAMES, EditOptions
from ..measure.comparison import Measurement
from ..measure.identity import calibration
from ..output.manifest import inversion_entry, reference_entry, write_manifest
from ..output.portrait import Portrait
from ..studio import Studio
from ..types import Inversion
from .inversion import crop, invert
from .job import Clock, Event, Finished, Picture, Source, frame
from .options import EditRun

EDITED = "edited"  # the picture's name


def edit(
    studio: Studio, sources: Sequence[Source], folder: Path, options: EditRun
) -> Iterator[Event]:
    """Run the job and write aligned.png, inversion.png, edited.png and manifest.json into
    `folder`, which must exist. Raises NoFaceError, OptionError, OutputError."""
    (source,) = sources
    check(studio, options.edit)  # before anything is made
    clock = Clock()
    inversion = yield from begin(studio, source, folder, options)
    picture, manifest = draw(studio, source, inversion, folder, options, clock=clock)
    yield picture
    yield Finished(manifest, [folder / picture.entry["file"]])


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
    """Find the face and its code, the last picture's payload. A random face of this model's is not
    searched for: its seed says which code it has."""
    directions_of(studio.model)
    yield from studio.get_ready()
    own = studio.code_of_own(source.pixels, source.facts)
    aligned = yield from crop(studio, source, folder / "aligned.png", own)
    steps = studio.steps(options.invert.steps)
    return (yield from invert(studio, aligned, steps, folder / "inversion.png", own))


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
    gains: Gains | None = None,
    clock: Clock | None = None,
) -> tuple[Picture, dict]:
    """The edited face at full size, measured against the model's picture of the face before, and
    its manifest. gains: what is known of them. clock: since when it is timed."""
    clock = clock or Clock()
    gains = gains_of(studio, inversion, options.edit, gains)
    found = moved(studio, inversion, options.edit, gains)
    pixels = studio.renderer.pixels(found.ws, noises=inversion.noises)
    comparison = studio.compare(inversion.pixels)
    measured = comparison.measure(pixels, finished=False)
    measure = answers.measure_with(studio.detector)
    reached = answers.moved_by(
        measure(inversion.pixels), measure(pixels), directions_of(studio.model)
    )
    words = options.edit.in_words()
    facts = studio.facts() | {"edit": words, "steps": inversion.steps}
    portrait = Portrait(pixels, 0, facts)
    path = portrait.save(folder, EDITED, options.label)[0]
    entry = _entry(path, options.edit, found, measured, gains, reached)
    clock.lap("edit")
    manifest = frame(
        "edit",
        studio,
        {"edit": options.edit.asked, "steps": inversion.steps, "label": options.label},
        reference=reference_entry(source.sha256, inversion.aligned, source.marks),
        inversion=inversion_entry(inversion),
        variants=[entry],
        seconds=clock.seconds(),
    )
    write_manifest(folder, manifest)
    return Picture(path, words, pixels, entry, payload=portrait), manifest


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
