"""A spoilt picture of a face in, several faces that it could show out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import images
from .._version import __version__
from ..errors import NoFaceError, OptionError
from ..face import align, detect
from ..files import write_file
from ..latent.invert import Distance
from ..latent.restore import search
from ..latent.restore.damage import Damage, estimate
from ..latent.restore.fidelity import faithful, run_on
from ..latent.restore.options import RestoreOptions
from ..models.styles import spreads
from ..options import check_face
from ..output import provenance, sheet
from ..output.manifest import model_entry, reference_entry, write_manifest
from ..output.portrait import Portrait
from ..studio import Studio
from ..types import AlignedFace, Loading
from .generate import get_ready

ONE_OF_MANY = "one of many faces that this picture could be"
UNSPOILT = (
    "nothing seems to be wrong with the picture: what a preview shows of it is kept, what is finer "
    "is drawn"
)
STYLE_SAMPLES = 1000  # of w, for the spread of the styles
MARGIN = 2  # of the photo's pixels around a hole that are taken for a part of it
LEAST_SHOWN = 0.1  # of a face
HIDDEN = 128  # of 255: a mask's pixel from there on is a hole
WHOLE = (
    1.5  # longer side over the shorter, up to which a picture without a face is taken for a crop
)


@dataclass(frozen=True)
class RestoreRun:
    """What a run is told. face: of the photo, 0 is the largest."""

    restore: RestoreOptions = field(default_factory=RestoreOptions)
    face: int = 0
    label: bool = False

    def __post_init__(self) -> None:
        check_face(self.face)


@dataclass(frozen=True)
class Spoilt:
    """A photo. mask: uint8 [H, W], 255 in holes; None: there are none. sha256: of the file."""

    pixels: np.ndarray
    sha256: str
    mask: np.ndarray | None = None
    marks: Mapping | None = None


@dataclass(frozen=True, eq=False)
class Seen:
    """What is restored: the crop, and what happened to it. found: whether a face was found in the
    picture; else the whole picture was taken for one."""

    aligned: AlignedFace
    damage: Damage
    path: Path
    found: bool
    own: int  # pixels of the crop in the photo
    known: Tensor | None  # [1, 1, R, R] as the crop, 0 in holes and beyond the photo's edge
    whole: np.ndarray  # the crop, with what is known run on into the rest
    spoilt: bool  # whether anything was found, or said, to be wrong with it

    def finest(self) -> Damage:
        """What the finished picture has to agree with: what was seen around holes is kept as fine
        as the photo has it; other damage is told for the pixels of a preview."""
        if self.known is None or self.damage.kind != "holes":
            return self.damage
        size = max(self.damage.size, min(self.own, self.aligned.pixels.shape[0]))
        return replace(self.damage, size=size, known=shrunken(self.known, size))


@dataclass(frozen=True, eq=False)
class Restoring:
    """After a step of restoration `index`, from 1; preview: uint8 [P, P, 3], the best so far."""

    index: int
    count: int
    step: int
    steps: int
    phase: str
    preview: np.ndarray


@dataclass(frozen=True, eq=False)
class Restored:
    """consistency: see search.consistency; limit: below it the restoration agrees."""

    index: int
    count: int
    pixels: np.ndarray
    consistency: float
    limit: float
    path: Path

    @property
    def agrees(self) -> bool:
        return self.consistency <= self.limit


@dataclass(frozen=True)
class RestoreDone:
    manifest: dict
    path: Path
    sheet: Path


Event = Loading | Seen | Restoring | Restored | RestoreDone


def restore(studio: Studio, photo: Spoilt, folder: Path, options: RestoreRun) -> Iterator[Event]:
    """Run the job: aligned.png, restored-01.png …, sheet.jpg and manifest.json into `folder`, which
    must exist. Raises NoFaceError, OptionError, OutputError."""
    what, started = options.restore, time.perf_counter()
    if what.damage == "holes" and photo.mask is None:
        raise OptionError("damage is holes, but there is no mask that says where; add --mask FILE")
    if studio.model.encode is None:
        raise OptionError(
            f"{studio.info.name} has no encoder to start from; use one that has: see 'weights list'"
        )
    yield from get_ready(studio)
    size = studio.renderer.previewed
    seen = look(studio, photo, options, folder)
    yield seen
    damage = seen.damage
    target = observed(seen.whole, damage, size)
    finest = seen.finest()
    kept = observed(seen.whole, finest, size)
    with torch.no_grad():
        whole = enlarged(observed(seen.whole, replace(damage, known=None), size), size)
        guess = studio.model.encode(whole.to(studio.device)).float().cpu()
    distance_of = search.aim(target.to(studio.device), damage, Distance(studio._look).to, size)
    generator, prior = studio.model.generator, studio.prior.to(studio.device)
    style_spreads = spreads(generator, studio.model.sample_w(STYLE_SAMPLES))
    starts = search.starts(guess, studio.statistics, what.count, what.seed, seen.aligned.digest)
    told: list[dict] = []
    finished: list[np.ndarray] = []

    def manifest() -> dict:
        return {
            "facegen": __version__,
            "model": model_entry(studio.info),
            "device": str(studio.device),
            "job": "restore",
            "says": ONE_OF_MANY,
            "seed": what.seed,
            "options": asdict(what),
            "damage": damage.describe(),
            "reference": reference_entry(photo.sha256, seen.aligned, photo.marks),
            "variants": told,
            "between": between(studio, finished),
            "seconds": {"total": round(time.perf_counter() - started, 4)},
        }

    for index, start in enumerate(starts, start=1):
        for step in search.restore(
            generator,
            start.to(studio.device),
            distance_of,
            size,
            prior,
            studio.statistics.spread,
            style_spreads,
            what.steps,
        ):
            drawn = step.image.float().cpu()
            drawn = faithful(drawn, target, damage, size, what.fidelity)
            preview = images.to_pixels(drawn)[0]
            yield Restoring(index, what.count, step.step, what.steps, step.phase, preview)
        image = studio.renderer.images(step.ws.float().cpu(), offsets=step.offsets)
        image = faithful(image.clamp(-1, 1), kept, finest, size, what.fidelity)
        pixels = images.to_pixels(image)[0]
        small = F.interpolate(image, (size, size), mode="area") if image.shape[-1] > size else image
        off, limit = search.consistency(small, target, damage), search.agrees_below(damage)
        facts = studio.facts() | {"seed": what.seed, "restored": "from a spoilt picture"}
        (path,) = Portrait(pixels, what.seed, facts).save(
            folder, f"restored-{index:02d}", options.label
        )
        finished.append(pixels)
        told.append(
            {
                "file": path.name,
                "consistency": round(off, 2),
                "agrees_below": round(limit, 2),
                "agrees": off <= limit,
                "distance": round(step.distance, 4),
            }
        )
        write_manifest(folder, manifest())  # whoever stops here keeps what is needed
        yield Restored(index, what.count, pixels, off, limit, path)

    path = folder / sheet.SHEET
    cells = [sheet.Cell(images.to_pixels(enlarged(target, size))[0], ("what was seen",))]
    cells += [
        sheet.Cell(pixels, (f"{i}: {ONE_OF_MANY}"[:46], words(entry)))
        for i, (pixels, entry) in enumerate(zip(finished, told, strict=True), start=1)
    ]
    write_file(path, provenance.jpeg_bytes(sheet.draw(cells)))
    done = manifest()
    yield RestoreDone(done, write_manifest(folder, done), path)


def words(entry: Mapping) -> str:
    """Whether a restoration agrees with the input."""
    agrees = "agrees" if entry["agrees"] else "does not agree"
    return f"{agrees} with it ({entry['consistency']:.1f}, limit {entry['agrees_below']:.1f})"


def look(studio: Studio, photo: Spoilt, options: RestoreRun, folder: Path) -> Seen:
    """Find the face, or take the whole picture for one; estimate the damage."""
    size, side = studio.renderer.previewed, studio.resolution
    layers = None if photo.mask is None else widened(photo.mask)
    hidden, within = None, np.ones((side, side), bool)
    found = studio.detect(photo.pixels)
    if found:
        chosen = detect.numbered(found, options.face)  # however small: that is what is mended here
        crop, quad = align.align(photo.pixels, chosen, side)
        aligned = AlignedFace(crop, quad, options.face, len(found))
        own = round(float(np.linalg.norm(quad[3] - quad[0])))
        within = align.inside(quad, side, photo.pixels.shape[:2])
        if layers is not None:
            hidden = align.crop(layers, quad, side, fade=False)
        sharp = align.crop(photo.pixels, quad, side, fade=False)
    else:
        height, width = photo.pixels.shape[:2]
        if max(height, width) > WHOLE * min(height, width):
            raise NoFaceError(
                "no face was found, and the picture is too long to be one alone; cut out the face"
            )
        own = min(height, width)
        top, left = (height - own) // 2, (width - own) // 2
        cut = np.s_[top : top + own, left : left + own]
        sharp = images.resize(photo.pixels[cut], side)
        aligned = AlignedFace(sharp, None, 0, 0)
        if layers is not None:
            hidden = images.resize(layers[cut], side)
    path = folder / "aligned.png"
    provenance.save_png(path, aligned.pixels, {}, synthetic=False)
    inside = within if hidden is None else within & without(hidden)
    known, whole = None, sharp
    if not inside.all():
        known = torch.from_numpy(inside.astype(np.float32))[None, None]
        whole = images.to_pixels(run_on(images.to_tensor(whole), known))[0]
    asked, holes = options.restore.damage, hidden is not None
    shown = None if known is None else shrunken(known, size)[0, 0].numpy() > 0
    damage = estimate(images.resize(whole, size), own, asked, holes, shown)
    damage = replace(damage, seed=options.restore.seed)
    if known is not None:
        damage = replace(damage, known=shrunken(known, damage.size))
        check_shown(damage)
    spoilt = damage.kind != "small" or asked != "auto" or known is not None or own <= size
    return Seen(aligned, damage, path, bool(found), own, known, whole, spoilt)


def widened(mask: np.ndarray) -> np.ndarray:
    """A mask uint8 [H, W] as [H, W, 3], 0 and 255, with MARGIN around each hole: what is in a hole
    shines into the pixels next to it, and a thin scratch must not be lost when it is shrunken."""
    holes = np.where(mask >= HIDDEN, np.uint8(255), np.uint8(0))
    wider = cv2.dilate(holes, np.ones((2 * MARGIN + 1,) * 2, np.uint8))
    return np.repeat(wider[:, :, None], 3, axis=2)


def without(hidden: np.ndarray) -> np.ndarray:
    """A mask's crop, uint8 [R, R, 3], as what is known, bool [R, R]. Raises OptionError for one
    that hides nothing of the face."""
    known = hidden[:, :, 0] < HIDDEN // 2
    if known.mean() > 0.999:
        raise OptionError(
            "the mask hides 0% of the face; it must hide some: paint the holes white on black"
        )
    return known


def check_shown(damage: Damage) -> None:
    """Raise OptionError where hardly anything of the face is known."""
    assert damage.known is not None
    share = min(float(damage.known.mean()), float(search.face_of(damage.known).mean()))
    if share < LEAST_SHOWN:
        raise OptionError(
            f"the mask hides {1 - share:.0%} of the face, or the photo ends there; "
            f"{LEAST_SHOWN:.0%} must be seen: take a larger photo, or paint the holes alone white"
        )


def shrunken(known: Tensor, size: int) -> Tensor:
    """What is known in all of a pixel, at another size."""
    return (F.interpolate(known, (size, size), mode="area") > 0.99).float()


def observed(crop: np.ndarray, damage: Damage, size: int) -> Tensor:
    """What was seen, [1, 3, s, s], at the pixels that the damage left; holes are 0. size: pixels of
    a preview."""
    picture = images.to_tensor(images.resize(crop, max(damage.size, size)))
    if picture.shape[-1] != damage.size:
        picture = F.interpolate(picture, (damage.size,) * 2, mode="area")
    return picture if damage.known is None else picture * damage.known


def enlarged(picture: Tensor, size: int) -> Tensor:
    if picture.shape[-1] == size:
        return picture
    return F.interpolate(picture, (size,) * 2, mode="bicubic", align_corners=False).clamp(-1, 1)


def between(studio: Studio, pictures: list[np.ndarray]) -> dict[str, list[float]]:
    """Recogniser -> the distances of all pairs of restorations, in the order 1-2, 1-3, 2-3 …"""
    if len(pictures) < 2 or not studio.recognisers:
        return {}
    compared = [studio.compare(one).vectors for one in pictures]
    return {
        one.name: [
            round(one.distance(a[one.name], b[one.name]), 4)
            for a, b in combinations(compared, 2)
            if one.name in a and one.name in b
        ]
        for one in studio.recognisers
    }
