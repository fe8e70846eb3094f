"""The main job from end to end: a photo in, a folder of people who do not exist out."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..files import write_file
from ..latent.vary.strangers import LEARNED
from ..options import GenerateOptions
from ..output import provenance, sheet
from ..output.manifest import (
    between_entry,
    drawn_entry,
    inversion_entry,
    options_entry,
    reference_entry,
    report_entry,
    variant_entry,
    write_manifest,
)
from ..studio import Studio
from ..types import Progress, SelectionReport, Variant
from .inversion import crop, invert
from .inversion import own as own_code
from .job import LEARNING, SEARCHING, Clock, Code, Event, Finished, Picture, Source, frame

STAGES = ("align", "invert", "vary", "stylize")


def generate(
    studio: Studio, sources: Sequence[Source], folder: Path, options: GenerateOptions
) -> Iterator[Event]:
    """Run the job and write everything into `folder`, which must exist.

    The crop's picture carries the AlignedFace, the inversion's the Inversion, each variant's its
    Portrait, and the end the SelectionReport. Raises NoFaceError, OptionError, OutputError.
    """
    (source,) = sources
    style, clock = options.style, Clock()
    studio.check_style(style)  # before anything is made
    yield from clock.timed("load", studio.get_ready())
    aligned = yield from clock.timed("align", crop(studio, source, folder / "aligned.png"))
    steps = studio.steps(options.invert.steps, options.vary.strength)
    own = own_code(studio, source)
    own = own and replace(own, aligned=aligned)
    path = folder / "inversion.png"
    inversion = yield from clock.timed("invert", invert(studio, aligned, steps, path, own))
    # With the seed and the photo, all that makes a picture again.
    vary = options.vary
    settings = {"noise_mode": vary.noise_mode, "keep": vary.kept_in_words, "steps": steps}
    entries: list[dict] = []
    variants: list[Variant] = []
    drawings: list[np.ndarray | None] = []

    def manifest(report: SelectionReport | None) -> dict:
        """Build the manifest so far; report: None until the last variant is made."""
        return frame(
            "generate",
            studio,
            options_entry(options, steps),
            style=drawn_entry(style, studio.style_licence(style.style) if style else None),
            seed=vary.seed,
            strength=vary.strength,
            reference=reference_entry(source.sha256, aligned, source.marks),
            inversion=inversion_entry(inversion),
            variants=entries,
            promise=report and report_entry(report),
            between=report and between_entry(report),
            seconds=clock.seconds(*STAGES),
        )

    if studio.recognisers:
        yield from clock.timed("vary", _learn(studio))
    if vary.strength == 0 and vary.noise_mode != "random":
        vary = replace(vary, count=1)  # all of them would be one picture
    selection = studio.select(inversion, vary)
    for found in selection.events():
        clock.lap("vary")
        if not isinstance(found, Variant):
            yield Progress(SEARCHING, found.done, found.of)
            clock.resume()
            continue
        index = len(entries) + 1
        portrait = studio.render(found, style.style, style.blend) if style else studio.render(found)
        portrait = studio.before(portrait.telling(settings), options.background)
        clock.lap("stylize")
        path, *anime = portrait.save(folder, f"variant-{index:02d}", options.label)
        files = {"anime": anime[0]} if anime else {}
        if options.overlay and (drawn := studio.overlay(aligned.pixels, found.pixels)) is not None:
            files["overlay"] = folder / f"variant-{index:02d}-overlay.png"
            provenance.save_png(files["overlay"], drawn, portrait.facts)
        entries.append(variant_entry(found, path, files, studio.resolution))
        variants.append(found)
        drawings.append(portrait.stylized)
        write_manifest(folder, manifest(None))  # whoever stops here keeps what is needed
        clock.lap("save")
        yield Picture(
            path,
            f"seed {found.seed}",
            found.pixels,
            entries[-1],
            index=index,
            count=vary.count,
            files=files,
            payload=portrait,
            code=Code(studio.info.name, found.ws),
        )
        clock.resume()

    shown = sheet.cells(aligned.pixels, inversion.pixels, variants, drawings)
    write_file(folder / sheet.SHEET, sheet.jpeg(shown))
    done = write_manifest(folder, manifest(selection.report))
    yield Finished(done, [folder / sheet.SHEET], selection.report)


def _learn(studio: Studio) -> Generator[Progress, None, None]:
    for share in studio.learn():
        yield Progress(LEARNING, round(share * LEARNED), LEARNED)
