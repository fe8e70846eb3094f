"""Summary of records: shares, medians, distances between sets, and the bars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from .. import limits
from ..measure.identity.dlib_recogniser import Recogniser
from ..options import EvaluateOptions, VaryOptions
from ..studio import Studio
from ..types import StructureDelta
from .metrics import frechet, inception_features, inception_weights, precision_recall
from .records import (
    PictureFacts,
    Record,
    ReferenceRecord,
    SamplesRecord,
    references_of,
    samples_of,
    unusable_of,
)
from .summary import (
    ANGLES,
    EXPRESSIONS,
    Bar,
    InversionSummary,
    Middle,
    Pairs,
    SamplesSummary,
    SetDistance,
    StrengthSummary,
    Summary,
)

# What the project holds itself to, at the default strength.
BAR_BOTH, BAR_FACE = 0.90, 0.98
DISTANCES_OF = 400  # samples of which all pairs are measured


def summarise(studio: Studio, records: Sequence[Record], options: EvaluateOptions) -> Summary:
    found = references_of(records)
    strengths = {
        f"{strength:g}": _strength(found, f"{strength:g}", studio)
        for strength in options.strengths
        if found
    }
    return Summary(
        model={
            "name": studio.info.name,
            "resolution": studio.resolution,
            "licence": studio.info.licence,
        },
        device=str(studio.device),
        recognisers={one.name: one.threshold for one in studio.recognisers},
        options={"variants": options.variants, "seed": options.seed},
        references=len(found),
        unusable=unusable_of(records),
        kept_means={"landmark_nme": limits.KEPT_NME, "angle": limits.KEPT_ANGLE},
        inversion=_inversions(found),
        strengths=strengths,
        samples=_samples(found, samples_of(records), studio, options),
        seconds=_seconds(found, options),
        bars=bars_of(strengths.get(f"{VaryOptions.strength:g}"), studio.recognisers),
    )


def bars_of(column: StrengthSummary | None, at_hand: Sequence[Recogniser]) -> list[Bar]:
    """Compute the project's own bars at the default strength; none where it was not measured."""
    if column is None:
        return []
    bars = [
        Bar("different and structure kept", column.both, BAR_BOTH),
        Bar("detected as a face", column.face or 0.0, BAR_FACE),  # None: no variant was made
    ]
    for recogniser in at_hand:
        if middle := column.between.get(recogniser.name):
            what = f"median distance between variants ({recogniser.name})"
            bars.append(Bar(what, middle.median, recogniser.threshold))
    return bars


def pairs_of(
    tables: Sequence[Mapping[str, list[list[float | None]]]], at_hand: Sequence[Recogniser]
) -> Pairs | None:
    """Summarise the pairs of variants of each reference; None where there is none.

    tables: a reference each, recogniser's name -> [N, N] distances, None without a face."""
    different: list[list[bool | None]] = []  # of each pair, to each recogniser
    for table in tables:
        if not at_hand or any(recogniser.name not in table for recogniser in at_hand):
            continue
        rows = [_lower(table[recogniser.name]) for recogniser in at_hand]
        limits = [recogniser.threshold for recogniser in at_hand]
        different += [
            [None if d is None else d >= limit for d, limit in zip(pair, limits, strict=True)]
            for pair in zip(*rows, strict=True)
        ]
    if not different:
        return None
    two = [all(said is True for said in pair) for pair in different]
    one = [all(said is False for said in pair) for pair in different]
    return Pairs(len(different), float(np.mean(two)), float(np.mean(one)))


# --- the parts ---------------------------------------------------------------------------


def _inversions(found: list[ReferenceRecord]) -> InversionSummary | None:
    if not found:
        return None
    pictures = [record.inversion for record in found]
    return InversionSummary(
        distance=Middle.of(record.distance for record in found),
        face=_share([picture.face for picture in pictures]),
        structure_kept=_share([picture.kept for picture in pictures]),
        identity=_identity(pictures),
        landmark_nme=Middle.of(moved.landmark_nme for moved in _moved(pictures)),
        sharpness=Middle.of(_sharpness(record, record.inversion) for record in found),
    )


def _strength(found: list[ReferenceRecord], key: str, studio: Studio) -> StrengthSummary:
    parts = [record.strengths[key] for record in found]
    pictures = [picture for part in parts for picture in part.variants]
    asked = sum(part.asked for part in parts)
    passed_over: Counter[str] = Counter()
    for part in parts:
        passed_over.update(part.passed_over)
    moved = _moved(pictures)
    changes = {
        name: Middle.of(abs(getattr(delta, name)) for delta in moved) for name in EXPRESSIONS
    }
    return StrengthSummary(
        asked=asked,
        made=len(pictures),
        face=_share([picture.face for picture in pictures]),
        different=sum(picture.different for picture in pictures) / asked,
        structure_kept=sum(picture.kept for picture in pictures) / asked,
        both=sum(picture.different and picture.kept and picture.face for picture in pictures)
        / asked,
        dial_reached=_share([r for part in parts for r in part.reached if r is not None]),
        tried=sum(part.tried for part in parts),
        passed_over=dict(passed_over),
        confidence=Middle.of(picture.confidence for picture in pictures),
        identity=_identity(pictures),
        between={
            name: Middle.of(d for part in parts for d in between_of(part.between, name))
            for name in (recogniser.name for recogniser in studio.recognisers)
        },
        pairs=pairs_of([part.between for part in parts], studio.recognisers),
        landmark_nme=Middle.of(delta.landmark_nme for delta in moved),
        largest_angle=Middle.of(largest_angle(delta) for delta in moved),
        sharpness=Middle.of(
            _sharpness(record, picture)
            for record in found
            for picture in record.strengths[key].variants
        ),
        sets=_sets(found, "reference", found, key, studio),
        **changes,
    )


def _samples(
    found: list[ReferenceRecord],
    parts: list[SamplesRecord],
    studio: Studio,
    options: EvaluateOptions,
) -> SamplesSummary | None:
    if not parts:
        return None
    vectors = _vectors(parts, "samples", studio)
    faces = [face for part in parts for face in part.face]
    return SamplesSummary(
        count=len(faces),
        truncation_psi=options.truncation_psi,
        face=_share(faces),
        confidence=Middle.of(value for part in parts for value in part.confidence),
        sharpness_levels=Middle.of(value for part in parts for value in part.sharpness),
        between={
            recogniser.name: Middle.of(_distances(vectors[recogniser.name], recogniser.distance))
            for recogniser in studio.recognisers
            if recogniser.name in vectors
        },
        sets=_sets(found, "reference", parts, "samples", studio),
    )


def _sets(
    first: Sequence[ReferenceRecord],
    first_key: str,
    second: Sequence[ReferenceRecord | SamplesRecord],
    second_key: str,
    studio: Studio,
) -> dict[str, SetDistance] | None:
    """Compare by each recogniser's vectors, and by Inception's where its weights are available."""
    real, made = _vectors(first, first_key, studio), _vectors(second, second_key, studio)
    result: dict[str, SetDistance] = {}
    for name in real.keys() & made.keys():
        n = len(real[name]), len(made[name])
        if min(n) > 1:
            shares = precision_recall(real[name], made[name])
            result[name] = SetDistance(frechet(real[name], made[name]), n, *shares)
    if result and inception_weights():
        pictures = [_pictures(first, first_key), _pictures(second, second_key)]
        if min(map(len, pictures)) > 1:
            sets = [inception_features(some, studio.device) for some in pictures]
            result["inception"] = SetDistance(frechet(*sets), (len(sets[0]), len(sets[1])))
    return result or None


def _seconds(found: list[ReferenceRecord], options: EvaluateOptions) -> dict[str, float] | None:
    if not found:
        return None
    result = {
        "align": float(np.median([record.align_seconds for record in found])),
        "invert": float(np.median([record.invert_seconds for record in found])),
    }
    for strength in options.strengths:
        parts = [record.strengths[f"{strength:g}"] for record in found]
        each = [part.seconds / max(len(part.variants), 1) for part in parts]
        result[f"variant at {strength:g}"] = float(np.median(each))
    return result


# --- small help --------------------------------------------------------------------------


def largest_angle(moved: StructureDelta) -> float:
    """Return the largest angle in degrees."""
    return max(abs(getattr(moved, name)) for name in ANGLES)


def between_of(between: Mapping[str, list[list[float | None]]], name: str) -> list[float]:
    """Return a recogniser's distances between the variants of one reference."""
    return [distance for distance in _lower(between.get(name, [])) if distance is not None]


def _lower(table: list[list[float | None]]) -> list[float | None]:
    """List each pair once."""
    return [distance for i, row in enumerate(table) for distance in row[:i]]


def _moved(pictures: Sequence[PictureFacts]) -> list[StructureDelta]:
    return [picture.structure for picture in pictures if picture.structure]


def _sharpness(record: ReferenceRecord, picture: PictureFacts) -> float:
    return picture.sharpness / max(record.sharpness, 1e-9)


def _share(values: Sequence[bool]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _identity(pictures: Sequence[PictureFacts]) -> dict[str, Middle | None]:
    names = sorted({name for picture in pictures for name in picture.identity})
    return {
        name: Middle.of(p.identity[name] for p in pictures if name in p.identity) for name in names
    }


def _vectors(
    records: Sequence[ReferenceRecord | SamplesRecord], key: str, studio: Studio
) -> dict[str, np.ndarray]:
    result = {}
    for recogniser in studio.recognisers:
        name = f"{key} {recogniser.name}"
        parts = [record.vectors[name] for record in records if name in record.vectors]
        if parts:
            result[recogniser.name] = np.concatenate(parts).astype(np.float64)
    return result


def _pictures(records: Sequence[ReferenceRecord | SamplesRecord], key: str) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    for record in records:
        if key in record.pictures:
            pictures = record.pictures[key]
            found += list(pictures) if pictures.ndim == 4 else [pictures]
    return found


def _distances(
    vectors: np.ndarray, distance: Callable[[np.ndarray, np.ndarray], float]
) -> list[float]:
    some = vectors[:DISTANCES_OF]
    return [distance(a, b) for i, a in enumerate(some) for b in some[:i]]
