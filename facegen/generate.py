"""The main job from end to end: a photo in, a folder of people who do not exist out.

The page and the command line both iterate over `generate`; it writes as it goes and yields
an event for each thing that is done.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from . import __version__, calibration, provenance
from .casting import Previews
from .portrait import Portrait, write_manifest
from .studio import Studio
from .types import (
    AlignedFace,
    Inversion,
    InvertOptions,
    Promise,
    StyleOptions,
    Variant,
    VaryOptions,
)


@dataclass(frozen=True)
class GenerateOptions:
    """Everything a run can be told. style None: no anime. face: 0 is the largest. overlay: also
    a picture of both meshes for each variant."""

    vary: VaryOptions = field(default_factory=VaryOptions)
    invert: InvertOptions = field(default_factory=InvertOptions)
    style: StyleOptions | None = None
    face: int = 0
    overlay: bool = False


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


@dataclass(frozen=True, eq=False)
class Previewed:
    """What the variants will most likely be, small: uint8 [P, P, 3] each. Nothing is written."""

    pictures: tuple[np.ndarray, ...]


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
    promise: Promise | None = None


Event = Aligned | Refining | Inverted | Learning | Previewed | Made | Done


def generate(
    studio: Studio,
    pixels: np.ndarray,
    reference_sha256: str,
    folder: Path,
    options: GenerateOptions,
    faces=None,
) -> Iterator[Event]:
    """Run the job on uint8 [H, W, 3] and write everything into `folder`, which must exist.

    reference_sha256: of the photo's file, as it was given; the only trace it leaves. faces:
    what studio.detect found, if that was asked already.
    Raises NoFaceError, OptionError, OutputError.
    """
    studio.check_style(options.style)  # before anything is made
    clock = _Clock()
    aligned = studio.align(pixels, options.face, faces)
    aligned_path = folder / "aligned.png"
    provenance.save_png(aligned_path, aligned.pixels, {}, synthetic=False)
    clock.lap("align")
    yield Aligned(aligned, aligned_path)

    clock.resume()
    steps = studio.steps(options.invert.steps)
    for inversion in studio.refine(aligned, steps):
        if inversion.steps:
            clock.lap("invert")
            yield Refining(inversion.steps, steps, inversion.distance)
            clock.resume()
    inversion_path = folder / "inversion.png"
    provenance.save_png(inversion_path, inversion.pixels, studio.facts())
    clock.lap("invert")
    yield Inverted(inversion, inversion_path)

    clock.resume()
    style = options.style
    entries: list[dict] = []

    def manifest(promise: Promise | None) -> dict:
        """What there is to tell so far; promise: None until the last variant is made."""
        return {
            "facegen": __version__,
            "model": {
                "name": studio.info.name,
                "resolution": studio.info.resolution,
                "licence": studio.info.terms,
            },
            "device": str(studio.device),
            "seed": options.vary.seed,
            "strength": options.vary.strength,
            "options": told(options, steps),
            "reference": {
                "sha256": reference_sha256,
                "faces_found": aligned.faces_found,
                "face": aligned.face,
            },
            "inversion": {
                "seconds": round(inversion.seconds, 4),
                "steps": inversion.steps,
                "distance": round(inversion.distance, 4),
            },
            "variants": entries,
            "promise": promise and described(promise),
            "between": promise and between(promise),
            "seconds": clock.seconds(),
        }

    if options.vary.dial and studio.judges:
        for share in studio.learn():
            clock.lap("vary")
            yield Learning(share)
            clock.resume()
    casting = studio.cast(inversion, options.vary)
    for event in casting.events():
        clock.lap("vary")
        if isinstance(event, Previews):
            yield Previewed(event.pictures)
            clock.resume()
            continue
        index, variant = len(entries) + 1, event
        portrait = (
            studio.render(variant, style.style, style.blend) if style else studio.render(variant)
        )
        clock.lap("stylize")
        path, *anime = portrait.save(folder, f"variant-{index:02d}")
        anime_path = anime[0] if anime else None
        overlay_path = None
        if (
            options.overlay
            and (drawn := studio.overlay(aligned.pixels, variant.pixels)) is not None
        ):
            overlay_path = folder / f"variant-{index:02d}-overlay.png"
            provenance.save_png(overlay_path, drawn, portrait.facts)
        entries.append(describe(variant, path, anime_path, overlay_path, studio.resolution))
        write_manifest(folder, manifest(None))  # whoever stops here keeps what is needed
        clock.lap("save")
        yield Made(index, options.vary.count, portrait, path, anime_path, overlay_path)
        clock.resume()

    found = manifest(casting.promise)
    yield Done(found, write_manifest(folder, found), casting.promise)


def told(options: GenerateOptions, steps: int) -> dict:
    """What the run was told, for the manifest: with the photo, all that makes it again."""
    style = options.style
    return {
        **asdict(options.vary),
        "steps": steps,
        "style": style and style.style,
        "blend": style and style.blend,
    }


def described(promise: Promise) -> dict:
    """What became of the promise, for the manifest."""
    return {
        "asked": promise.asked,
        "made": promise.made,
        "different": promise.different,
        "seeds_tried": promise.tried,
        "passed_over": dict(promise.passed_over),
        "last_resorts": dict(promise.last_resorts),
        "search_judge": promise.search_judge,
        "alike_pairs": promise.alike_pairs,
        "unreached": promise.unreached,
        "moved": promise.moved,
        "in_words": promise.in_words(),
    }


def between(promise: Promise) -> dict:
    """Each judge's distances between the variants, for the manifest."""
    return {
        name: [[value if value is None else round(value, 4) for value in row] for row in rows]
        for name, rows in promise.between.items()
    }


def describe(
    variant: Variant,
    path: Path,
    anime_path: Path | None,
    overlay_path: Path | None,
    resolution: int,
) -> dict:
    """A variant's entry in the manifest."""
    moved, read = variant.structure, variant.dial
    return {
        "file": path.name,
        "anime_file": anime_path.name if anime_path else None,
        "overlay_file": overlay_path.name if overlay_path else None,
        "seed": variant.seed,
        "identity": {
            name: {
                "distance": round(one.distance, 4),
                "threshold": one.threshold,
                "same_person": one.same_person,
                "in_words": calibration.words_of(name, resolution, one.distance),
            }
            for name, one in variant.identity.items()
        },
        "structure": moved
        and {
            "landmark_nme": round(moved.landmark_nme, 4),
            "yaw_delta": round(moved.yaw_delta, 2),
            "pitch_delta": round(moved.pitch_delta, 2),
            "roll_delta": round(moved.roll_delta, 2),
            "mouth_delta": round(moved.mouth_delta, 4),
            "smile_delta": round(moved.smile_delta, 4),
            "eyes_delta": round(moved.eyes_delta, 4),
        },
        "dial": read
        and {
            "judge": read.judge,
            "amount": round(read.amount, 4),
            "target": round(read.target, 4),
            "distance": round(read.distance, 4),
            "reached": read.reached,
        },
    }


class _Clock:
    """Adds up what each stage took, without the time the caller spends between events."""

    STAGES = ("align", "invert", "vary", "stylize")

    def __init__(self):
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
