"""Measurement of a model over a folder of references: one stored record for each.

Results lie in OUT/records, one file a reference or a hundred samples, named by a digest of
everything that decides its numbers. An interrupted run resumes where it was; another model or other
options start anew.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import images
from .._version import __version__
from ..errors import DataError, FacegenError, ImageError
from ..face import detect
from ..files import writable
from ..latent.codes import seeds
from ..measure import structure
from ..measure.comparison import Comparison, Measurement
from ..models.loading import digest_of
from ..options import EvaluateOptions, SampleOptions, VaryOptions
from ..studio import Studio
from ..types import AlignedFace, Inversion
from . import records
from .metrics import sharpness
from .records import PictureFacts, Record, ReferenceRecord, SamplesRecord, StrengthFacts, Unusable

SAMPLES_A_RECORD = 100
PICTURE = 299  # pixels, at most, of what is kept: what Inception sees


def references(folder: Path, options: EvaluateOptions) -> list[Path]:
    """List the picture files of a folder, by name. Raises DataError if there is none."""
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; name one with reference photos")
    paths = sorted(
        p for p in folder.iterdir() if p.suffix.lower() in images.SUFFIXES and p.is_file()
    )
    first, last, numbered = options.first, options.last, ""
    if first is not None or last is not None:
        low, high = first or 0, math.inf if last is None else last
        paths = [p for p in paths if p.stem.isdecimal() and low <= int(p.stem) <= high]
        numbered = f" numbered {low} to {'the last' if last is None else last}"
    if not paths:
        raise DataError(
            f"{folder} holds no pictures{numbered}; put some there: {', '.join(images.SUFFIXES)}"
        )
    return paths


def measure(
    studio: Studio,
    folder: Path | None,
    out: Path,
    options: EvaluateOptions,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Iterator[Record]:
    """Yield all records, read where they were stored.

    progress: (done, of), in pictures: the model's of each reference, the variants, the samples."""
    paths = references(folder, options) if folder else []
    starts = list(range(0, options.samples, SAMPLES_A_RECORD))
    kept = out / "records"
    kept.mkdir(parents=True, exist_ok=True)
    base = _base(studio, options)
    each = 1 + len(options.strengths) * options.variants
    count = _Count(progress, len(paths) * each + options.samples)
    for index, path in enumerate(paths):
        name = writable(path.name)
        try:
            data = images.read_file(path)
        except ImageError as error:  # gone meanwhile, closed or too large
            yield Unusable(name, str(error))
        else:
            file = kept / f"reference-{_key(base, index, hashlib.sha256(data).hexdigest())}.npz"
            yield _once(file, _reference, studio, name, data, index, options, count)
        count.reach((index + 1) * each)
    for start in starts:
        number = min(SAMPLES_A_RECORD, options.samples - start)
        file = kept / f"samples-{_key(base, start, number)}.npz"
        yield _once(file, _samples, studio, start, number, options, count)
        count.reach(len(paths) * each + start + number)


class _Count:
    """Counts the pictures measured so far."""

    def __init__(self, progress: Callable[[int, int], None], of: int):
        self._progress, self._done, self._of = progress, 0, of
        self._report()

    def advance(self) -> None:
        self._done += 1
        self._report()

    def reach(self, done: int) -> None:
        """Set the count after stored or unusable records."""
        self._done = done
        self._report()

    def _report(self) -> None:
        self._progress(self._done, self._of)


# --- one reference -----------------------------------------------------------------------


def _reference(
    studio: Studio, name: str, data: bytes, index: int, options: EvaluateOptions, count: _Count
) -> ReferenceRecord | Unusable:
    try:
        started = time.perf_counter()
        aligned = aligned_face(studio, images.load(data), options.aligned)
        align_seconds = time.perf_counter() - started
        inversion = studio.invert(aligned, steps=options.steps)
    except FacegenError as error:
        return Unusable(name, str(error))
    count.advance()
    comparison = studio.compare(aligned.pixels)
    record = ReferenceRecord(
        name=name,
        align_seconds=align_seconds,
        invert_seconds=inversion.seconds,
        distance=inversion.distance,
        sharpness=sharpness(aligned.pixels),
        inversion=_facts(comparison.measure(inversion.pixels), inversion.pixels),
        strengths={},
        vectors={f"reference {k}": vector[None] for k, vector in comparison.vectors.items()},
        pictures={"reference": _small(aligned.pixels), "inversion": _small(inversion.pixels)},
    )
    seed = seeds(options.seed + 100 * index, 1)[0]
    strengths: dict[str, StrengthFacts] = {}
    for strength in options.strengths:
        asked = VaryOptions(options.variants, strength, seed)
        facts, vectors, pictures = _variants(studio, inversion, comparison, asked, count)
        strengths[f"{strength:g}"] = facts
        record.vectors.update({f"{strength:g} {k}": found for k, found in vectors.items()})
        if len(pictures):
            record.pictures[f"{strength:g}"] = pictures
    return replace(record, strengths=strengths)


def aligned_face(studio: Studio, pixels: np.ndarray, aligned: bool) -> AlignedFace:
    """Align a reference's face; aligned: it is an FFHQ crop already. Raises NoFaceError."""
    if not aligned:
        return studio.align(pixels)
    crop = images.resize(pixels, studio.resolution)
    if studio.detector.landmarks_of_crop(crop) is None:
        detect.pick([], 0)
    return AlignedFace(crop, quad=None)


def _variants(
    studio: Studio,
    inversion: Inversion,
    comparison: Comparison,
    options: VaryOptions,
    count: _Count,
) -> tuple[StrengthFacts, dict[str, np.ndarray], np.ndarray]:
    """Return facts, the vectors of each recogniser, and the pictures, small."""
    selection = studio.select(inversion, options)
    started = time.perf_counter()
    variants = []
    for variant in selection:
        variants.append(variant)
        count.advance()
    seconds = time.perf_counter() - started
    measurements = [comparison.measure(variant.pixels) for variant in variants]
    report = selection.report
    assert report is not None, "it is there when all variants were made"
    facts = StrengthFacts(
        asked=report.asked,
        different=report.different,
        tried=report.tried,
        passed_over=dict(report.passed_over),
        between=dict(report.between),
        seconds=seconds,
        reached=[variant.dial.reached if variant.dial else None for variant in variants],
        amounts=[variant.dial.amount if variant.dial else None for variant in variants],
        variants=[
            _facts(measurement, variant.pixels)
            for measurement, variant in zip(measurements, variants, strict=True)
        ],
    )
    vectors: dict[str, np.ndarray] = {}
    for recogniser in studio.recognisers:
        found = [m.vectors[recogniser.name] for m in measurements if recogniser.name in m.vectors]
        if found:
            vectors[recogniser.name] = np.array(found)
    return facts, vectors, np.array([_small(variant.pixels) for variant in variants])


def _facts(measurement: Measurement, pixels: np.ndarray) -> PictureFacts:
    moved, identity = measurement.structure, measurement.identity
    return PictureFacts(
        face=measurement.trouble is None,
        trouble=measurement.trouble,
        confidence=measurement.confidence,
        identity={name: found.distance for name, found in identity.items()},
        different=bool(identity) and not any(found.same_person for found in identity.values()),
        structure=moved,
        kept=bool(moved and moved.kept),
        sharpness=sharpness(pixels),
    )


def _samples(
    studio: Studio, start: int, number: int, options: EvaluateOptions, count: _Count
) -> SamplesRecord:
    started = time.perf_counter()
    pictures: list[np.ndarray] = []
    for seed in seeds(options.seed + start, number):
        drawn = studio.draw(SampleOptions(1, seed, options.truncation_psi))
        pictures += [portrait.pixels for portrait in drawn]
        count.advance()
    seconds = time.perf_counter() - started
    faces = [studio.detector.landmarks_of_crop(pixels) for pixels in pictures]
    vectors: dict[str, np.ndarray] = {}
    for recogniser in studio.recognisers:
        found = [v for v in recogniser.embed_all(pictures, faces) if v is not None]
        if found:
            vectors[f"samples {recogniser.name}"] = np.array(found)
    return SamplesRecord(
        seconds=seconds,
        face=[
            face is not None and detect.implausible(face, studio.resolution) is None
            for face in faces
        ],
        confidence=[studio.detector.confidence(pixels) for pixels in pictures],
        sharpness=[sharpness(pixels) for pixels in pictures],
        pose=[list(structure.pose(face.mesh)) if face else None for face in faces],
        vectors=vectors,
        pictures={"samples": np.stack([_small(pixels) for pixels in pictures])},
    )


# --- keeping -----------------------------------------------------------------------------


def _base(studio: Studio, options: EvaluateOptions) -> str:
    """Encode everything that decides the numbers, but the reference."""
    weights = digest_of((studio.model.generator, studio.model.encoder))
    chosen = {k: v for k, v in asdict(options).items() if k not in ("first", "last", "samples")}
    recognisers = [recogniser.name for recogniser in studio.recognisers]
    return json.dumps(
        [__version__, weights, str(studio.device), recognisers, chosen], sort_keys=True
    )


def _key(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


def _once(file: Path, measured: Callable[..., Record], *arguments: Any) -> Record:
    """Load a record from its file, or measure and store it."""
    if (record := records.load(file)) is not None:
        return record
    record = measured(*arguments)
    records.save(file, record)
    return record


def _small(pixels: np.ndarray) -> np.ndarray:
    return images.resize(pixels, min(PICTURE, pixels.shape[0]))
