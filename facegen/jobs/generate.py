"""The main job from end to end: a photo in, a folder of people who do not exist out.

The page and the command line both iterate over `generate`; it writes as it goes and yields
an event for each thing that is done.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..files import write_file
from ..latent.vary.selection import Searching
from ..options import GenerateOptions
from ..output import provenance, sheet
from ..output.manifest import reference_entry, run_manifest, variant_entry, write_manifest
from ..output.portrait import Portrait
from ..studio import Studio
from ..types import AlignedFace, Face, Inversion, Loading, SelectionReport, Variant
from .source import Source, known


@dataclass(frozen=True)
class Aligned:
    aligned: AlignedFace
    path: Path


@dataclass(frozen=True)
class Refining:
    step: int
    steps: int
    distance: float


@dataclass(frozen=True)
class Inverted:
    inversion: Inversion
    path: Path


@dataclass(frozen=True)
class Learning:
    """A model's first use: what moves pose and expression is learned, the share done, 0 to 1."""

    share: float


@dataclass(frozen=True)
class Made:
    """Variant number `index`, from 1, of `count`."""

    index: int
    count: int
    portrait: Portrait
    path: Path
    anime_path: Path | None
    overlay_path: Path | None = None


@dataclass(frozen=True)
class Done:
    manifest: dict
    path: Path
    report: SelectionReport | None = None


Event = Loading | Aligned | Refining | Inverted | Learning | Searching | Made | Done


def generate(
    studio: Studio,
    source: Source,
    folder: Path,
    options: GenerateOptions,
    faces: list[Face] | None = None,
) -> Iterator[Event]:
    """Run the job and write everything into `folder`, which must exist.

    faces: what studio.detect found, if that was asked already. Raises
    NoFaceError, OptionError, OutputError.
    """
    studio.check_style(options.style)  # before anything is made
    clock = _Clock()
    for loading in get_ready(studio):
        clock.lap("load")
        yield loading
        clock.resume()
    clock.lap("load")
    aligned = studio.align(source.pixels, options.face, faces)
    aligned_path = folder / "aligned.png"
    provenance.save_png(aligned_path, aligned.pixels, {}, synthetic=False)
    clock.lap("align")
    yield Aligned(aligned, aligned_path)

    clock.resume()
    steps = studio.steps(options.invert.steps, options.vary.strength)
    own = known(studio, source)
    for inversion in [replace(own, aligned=aligned)] if own else studio.refine(aligned, steps):
        if steps and not own:
            clock.lap("invert")
            yield Refining(inversion.steps, steps, inversion.distance)
            clock.resume()
    inversion_path = folder / "inversion.png"
    provenance.save_png(inversion_path, inversion.pixels, studio.facts())
    clock.lap("invert")
    yield Inverted(inversion, inversion_path)

    clock.resume()
    style = options.style
    # With the seed and the photo, all that makes a picture again.
    settings = {name: getattr(options.vary, name) for name in ("noise_mode",)} | {
        "keep": options.vary.kept_in_words,
        "steps": steps,
    }
    entries: list[dict] = []
    variants: list[Variant] = []
    drawings: list[np.ndarray | None] = []

    def manifest(report: SelectionReport | None) -> dict:
        """What there is to tell so far; report: None until the last variant is made."""
        return run_manifest(
            studio.info,
            str(studio.device),
            options,
            steps,
            reference_entry(source.sha256, aligned, source.marks),
            inversion,
            entries,
            report,
            clock.seconds(),
            studio.style_licence(style.style) if style else None,
        )

    if studio.recognisers:
        for share in studio.learn():
            clock.lap("vary")
            yield Learning(share)
            clock.resume()
    vary = options.vary
    if vary.strength == 0 and vary.noise_mode != "random":
        vary = replace(vary, count=1)  # all of them would be one picture
    selection = studio.select(inversion, vary)
    for event in selection.events():
        clock.lap("vary")
        if not isinstance(event, Variant):
            yield event
            clock.resume()
            continue
        index, variant = len(entries) + 1, event
        portrait = (
            studio.render(variant, style.style, style.blend) if style else studio.render(variant)
        )
        portrait = portrait.telling(settings)
        clock.lap("stylize")
        path, *anime = portrait.save(folder, f"variant-{index:02d}", options.label)
        anime_path = anime[0] if anime else None
        overlay_path = None
        if (
            options.overlay
            and (drawn := studio.overlay(aligned.pixels, variant.pixels)) is not None
        ):
            overlay_path = folder / f"variant-{index:02d}-overlay.png"
            provenance.save_png(overlay_path, drawn, portrait.facts)
        entries.append(variant_entry(variant, path, anime_path, overlay_path, studio.resolution))
        variants.append(variant)
        drawings.append(portrait.stylized)
        write_manifest(folder, manifest(None))  # whoever stops here keeps what is needed
        clock.lap("save")
        yield Made(index, vary.count, portrait, path, anime_path, overlay_path)
        clock.resume()

    shown = sheet.cells(aligned.pixels, inversion.pixels, variants, drawings)
    write_file(folder / sheet.SHEET, sheet.jpeg(shown))
    found = manifest(selection.report)
    yield Done(found, write_manifest(folder, found), selection.report)


def get_ready(studio: Studio) -> Iterator[Loading]:
    """What a model's first photo would else wait for: yields what is loaded next, and nothing where
    all is there. Raises OptionError for a model that no photo can be found in."""
    studio.model.check_w()
    parts = {"statistics": "the model's average face"}
    if studio.renderer.previewed < studio.resolution:
        parts["prior"] = "the model's usual faces"
    parts["_look"] = "what pictures are compared by"
    missing = [name for name in parts if name not in vars(studio)]
    for done, name in enumerate(missing):
        yield Loading(parts[name], done, len(missing))
        getattr(studio, name)


class _Clock:
    """Adds up what each stage took, without the time the caller spends between events."""

    STAGES = ("align", "invert", "vary", "stylize")

    def __init__(self) -> None:
        self._spent: dict[str, float] = {}
        self.resume()

    def resume(self) -> None:
        self._since = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self._spent[stage] = self._spent.get(stage, 0.0) + now - self._since
        self._since = now

    def seconds(self) -> dict[str, float]:
        result = {stage: round(self._spent.get(stage, 0.0), 4) for stage in self.STAGES}
        return result | {"total": round(sum(self._spent.values()), 4)}
