"""A face changed by name: a photo or a result in, the same face older or smiling out.

The page and the command line both iterate over `edit`. Its two halves, `begin` and `draw`, are for
the page, which edits the same code again and again.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from ..latent.edit.answers import Gains
from ..latent.edit.editor import Edited
from ..measure.comparison import Measurement
from ..options import EditRun
from ..options.background import in_words
from ..options.edit import EditOptions
from ..output.manifest import identity_entry, inversion_entry, reference_entry, write_manifest
from ..output.portrait import Portrait
from ..studio import Studio
from ..types import Inversion
from .inversion import crop, invert
from .inversion import own as own_code
from .job import Clock, Code, Event, Finished, Picture, Source, frame

EDITED = "edited"  # the picture's name


def edit(
    studio: Studio, sources: Sequence[Source], folder: Path, options: EditRun
) -> Iterator[Event]:
    """Run the job: aligned.png, inversion.png, edited.png and manifest.json into `folder`."""
    (source,) = sources
    studio.editor.check(options.edit)  # before anything is made
    clock = Clock()
    inversion = yield from begin(studio, source, folder, options)
    picture, manifest = draw(studio, source, inversion, folder, options, clock=clock)
    yield picture
    yield Finished(manifest, [folder / picture.entry["file"]])


def begin(
    studio: Studio, source: Source, folder: Path, options: EditRun
) -> Generator[Event, None, Inversion]:
    """Find the face and its code, the last picture's payload.

    Skip the inversion of this model's own random faces: their seed determines the code.
    """
    _ = studio.editor.directions  # before anything is made: it raises where there are none
    yield from studio.get_ready()
    own = own_code(studio, source)
    aligned = yield from crop(studio, source, folder / "aligned.png", own)
    steps = studio.steps(options.invert.steps)
    return (yield from invert(studio, aligned, steps, folder / "inversion.png", own))


def draw(
    studio: Studio,
    source: Source,
    inversion: Inversion,
    folder: Path,
    options: EditRun,
    gains: Gains | None = None,
    clock: Clock | None = None,
) -> tuple[Picture, dict]:
    """Draw the edited face at full size; -> (its picture, its manifest).

    It is measured against the model's picture of the face before. gains: those known already.
    clock: the run's.
    """
    clock = clock or Clock()
    edited = studio.edit(inversion, options.edit, gains)
    pixels = edited.pixels
    measured = studio.compare(inversion.pixels).measure(pixels, finished=False)
    words = options.edit.in_words()
    facts = studio.facts() | {"edit": words, "steps": inversion.steps}
    portrait = studio.before(Portrait(pixels, 0, facts), options.background)
    path = portrait.save(folder, EDITED, options.label)[0]
    entry = _entry(path, options.edit, edited, measured)
    clock.lap("edit")
    manifest = frame(
        "edit",
        studio,
        {
            "edit": options.edit.asked,
            "steps": inversion.steps,
            "label": options.label,
            "background": in_words(options.background),
        },
        reference=reference_entry(source.sha256, inversion.aligned, source.marks),
        inversion=inversion_entry(inversion),
        variants=[entry],
        seconds=clock.seconds(),
    )
    write_manifest(folder, manifest)
    code = Code(studio.info.name, edited.moved.ws, inversion.noises)
    return Picture(path, words, portrait.pixels, entry, payload=portrait, code=code), manifest


def _entry(path: Path, options: EditOptions, edited: Edited, measured: Measurement) -> dict:
    """Describe the edited picture. given: the share that the limit allowed; others: see Edited."""
    gains, reached = edited.gains, edited.reached
    delta = measured.structure
    return {
        "file": path.name,
        "edit": options.in_words(),
        "given": round(edited.moved.share, 4),
        "gains": {
            name: round(gains[name, amount > 0], 3)
            for name, amount in options.asked.items()
            if (name, amount > 0) in gains
        },
        "reached": {name: round(reached[name], 4) for name in options.asked if name in reached},
        "distance_from_average": round(edited.moved.distance, 4),
        "identity": identity_entry(measured.identity),
        "structure": delta
        and {name: round(getattr(delta, name), 4) for name in delta.__dataclass_fields__},
    }
