"""Measure a model over a folder of references: one record per reference, kept as it comes.

What was measured lies in OUT/records, one file a reference or a hundred samples, named by a
digest of everything that decides its numbers. A run that was broken off goes on where it was;
another model or other options start anew.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from .. import images
from .._version import __version__
from ..errors import DataError, FacegenError, ImageError
from ..face import detect
from ..files import writable
from ..latent.vary.perturb import seeds
from ..measure import structure
from ..measure.comparison import Comparison
from ..options import SampleOptions, VaryOptions
from ..studio import Studio
from ..types import AlignedFace
from .metrics import sharpness
from .options import EvaluateOptions

SAMPLES_A_RECORD = 100
PICTURE = 299  # pixels, at most, of what is kept: what Inception sees


@dataclass(frozen=True)
class Record:
    """facts: plain values. vectors: recogniser's embeddings, [N, D] by name. pictures: uint8."""

    facts: dict
    vectors: dict[str, np.ndarray] = field(default_factory=dict)
    pictures: dict[str, np.ndarray] = field(default_factory=dict)


def references(folder: Path, options: EvaluateOptions) -> list[Path]:
    """The picture files of a folder, by name. Raises DataError if there is none."""
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; name one with reference photos")
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
    """All records, read where they were kept. progress: after each, (done, of)."""
    paths = references(folder, options) if folder else []
    starts = list(range(0, options.samples, SAMPLES_A_RECORD))
    kept = out / "records"
    kept.mkdir(parents=True, exist_ok=True)
    base = _base(studio, options)
    whole = len(paths) + len(starts)
    for index, path in enumerate(paths):
        name = writable(path.name)
        try:
            data = images.read_file(path)
        except ImageError as error:  # gone meanwhile, closed or too large
            yield _unusable(name, error)
        else:
            file = kept / f"reference-{_key(base, index, hashlib.sha256(data).hexdigest())}.npz"
            yield _kept(file) or _keep(file, _reference(studio, name, data, index, options))
        progress(index + 1, whole)
    for number, start in enumerate(starts):
        count = min(SAMPLES_A_RECORD, options.samples - start)
        file = kept / f"samples-{_key(base, start, count)}.npz"
        yield _kept(file) or _keep(file, _samples(studio, start, count, options))
        progress(len(paths) + number + 1, whole)


# --- one reference -----------------------------------------------------------------------


def _reference(
    studio: Studio, name: str, data: bytes, index: int, options: EvaluateOptions
) -> Record:
    """A reference that cannot be used is a record, too: it says why."""
    try:
        started = time.perf_counter()
        pixels = images.load(data)
        if options.aligned:
            crop = images.resize(pixels, studio.resolution)
            aligned = AlignedFace(crop, quad=None)
            if studio.detector.landmarks_of_crop(crop) is None:
                detect.pick([], 0)
        else:
            aligned = studio.align(pixels)
        align_seconds = time.perf_counter() - started
        inversion = studio.invert(aligned, steps=options.steps)
    except FacegenError as error:
        return _unusable(name, error)
    comparison = Comparison(studio.detector, studio.recognisers, aligned.pixels, studio.natural)
    seen = comparison.measure(inversion.pixels)
    facts = {
        "kind": "reference",
        "name": name,
        "seconds": {"align": align_seconds, "invert": inversion.seconds},
        "inversion": {"distance": inversion.distance, **_measured(seen, inversion.pixels)},
        "sharpness": sharpness(aligned.pixels),
        "strengths": {},
    }
    record = Record(facts)
    for recogniser, vector in comparison.vectors.items():
        record.vectors[f"reference {recogniser}"] = vector[None]
    record.pictures["reference"] = _small(aligned.pixels)
    record.pictures["inversion"] = _small(inversion.pixels)
    for strength in options.strengths:
        (seed,) = seeds(options.seed + 100 * index, 1)
        selection = studio.select(
            inversion, VaryOptions(options.variants, strength, seed, dial=options.dial)
        )
        started = time.perf_counter()
        variants = list(selection)
        seconds = time.perf_counter() - started
        measurements = [comparison.measure(variant.pixels) for variant in variants]
        report = selection.report
        facts["strengths"][f"{strength:g}"] = {
            "asked": report.asked,
            "different": report.different,
            "tried": report.tried,
            "passed_over": dict(report.passed_over),
            "between": dict(report.between),
            "seconds": seconds,
            "reached": [v.dial.reached if v.dial else None for v in variants],
            "amounts": [v.dial.amount if v.dial else None for v in variants],
            "variants": [
                _measured(measurement, variant.pixels)
                for measurement, variant in zip(measurements, variants, strict=True)
            ],
        }
        for recogniser in studio.recognisers:
            vectors = [
                measurement.vectors[recogniser.name]
                for measurement in measurements
                if recogniser.name in measurement.vectors
            ]
            if vectors:
                record.vectors[f"{strength:g} {recogniser.name}"] = np.array(vectors)
        if variants:
            record.pictures[f"{strength:g}"] = np.stack([_small(v.pixels) for v in variants])
    return record


def _unusable(name: str, error: FacegenError) -> Record:
    return Record({"kind": "reference", "name": name, "error": str(error)})


def _measured(measurement, pixels: np.ndarray) -> dict:
    moved = measurement.structure
    return {
        "face": measurement.trouble is None,
        "trouble": measurement.trouble,
        "confidence": measurement.confidence,
        "identity": {name: found.distance for name, found in measurement.identity.items()},
        "different": bool(measurement.identity)
        and not any(found.same_person for found in measurement.identity.values()),
        "structure": moved and asdict(moved),
        "kept": bool(moved and moved.kept),
        "sharpness": sharpness(pixels),
    }


def _samples(studio: Studio, start: int, count: int, options: EvaluateOptions) -> Record:
    started = time.perf_counter()
    pictures = []
    for seed in seeds(options.seed + start, count):
        one = SampleOptions(1, seed, options.truncation_psi)
        pictures += [portrait.pixels for portrait in studio.draw(one)]
    seconds = time.perf_counter() - started
    faces = [studio.detector.landmarks_of_crop(pixels) for pixels in pictures]
    troubles = [f is None or detect.implausible(f, studio.resolution) for f in faces]
    facts = {
        "kind": "samples",
        "seconds": seconds,
        "face": [not trouble for trouble in troubles],
        "confidence": [studio.detector.confidence(pixels) for pixels in pictures],
        "sharpness": [sharpness(pixels) for pixels in pictures],
        "pose": [list(structure.pose(f.mesh)) if f else None for f in faces],
    }
    vectors = {}
    for recogniser in studio.recognisers:
        found = [v for v in recogniser.embed_all(pictures, faces) if v is not None]
        if found:
            vectors[f"samples {recogniser.name}"] = np.array(found)
    return Record(facts, vectors, {"samples": np.stack([_small(picture) for picture in pictures])})


# --- keeping -----------------------------------------------------------------------------


def _base(studio: Studio, options: EvaluateOptions) -> str:
    """Everything that decides the numbers, but the reference."""
    weights = hashlib.sha256()
    for network in (studio.model.generator, studio.model.encoder):
        for name, tensor in network.state_dict().items() if network is not None else ():
            tensor = tensor.detach().float().cpu().contiguous()
            weights.update(name.encode() + tensor.numpy().tobytes())
    chosen = {k: v for k, v in asdict(options).items() if k not in ("first", "last", "samples")}
    recognisers = [recogniser.name for recogniser in studio.recognisers]
    return json.dumps(
        [__version__, weights.hexdigest(), str(studio.device), recognisers, chosen], sort_keys=True
    )


def _key(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


def _keep(file: Path, record: Record) -> Record:
    arrays = {f"vectors/{k}": v.astype(np.float32) for k, v in record.vectors.items()}
    arrays |= {f"pictures/{k}": v for k, v in record.pictures.items()}
    part = file.with_suffix(".part")
    with part.open("wb") as target:
        np.savez_compressed(target, facts=np.array(json.dumps(record.facts)), **arrays)
    os.replace(part, file)
    return _kept(file)


def _kept(file: Path) -> Record | None:
    """What was kept; None if nothing was, or it cannot be read."""
    if not file.is_file():
        return None
    try:
        with np.load(file, allow_pickle=False) as content:
            groups: dict[str, dict] = {"vectors": {}, "pictures": {}}
            for name in content.files:
                if name != "facts":
                    group, rest = name.split("/", 1)
                    groups[group][rest] = content[name]
            return Record(json.loads(str(content["facts"])), **groups)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None


def _small(pixels: np.ndarray) -> np.ndarray:
    return images.resize(pixels, min(PICTURE, pixels.shape[0]))


def of_kind(records: Sequence[Record], kind: str) -> list[Record]:
    return [r for r in records if r.facts["kind"] == kind and "error" not in r.facts]
