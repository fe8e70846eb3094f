"""From records to the table: shares, medians, distances between sets, and the bars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..measure.identity import recognisers
from ..measure.identity.dlib_recogniser import Recogniser
from ..options import VaryOptions
from ..studio import Studio
from ..types import KEPT_ANGLE, KEPT_NME
from . import inception
from .measuring import Record, of_kind
from .metrics import frechet, precision_recall
from .options import EvaluateOptions

ANGLES = ("yaw_delta", "pitch_delta", "roll_delta")
EXPRESSIONS = ("mouth_delta", "smile_delta", "eyes_delta")
# What the project holds itself to, at the default strength.
BAR_BOTH, BAR_FACE = 0.90, 0.98


def summarise(studio: Studio, records: Sequence[Record], options: EvaluateOptions) -> dict:
    """Everything the report says, ready for JSON."""
    found = of_kind(records, "reference")
    recogniser = studio.recognisers[0] if studio.recognisers else None
    summary = {
        "model": {
            "name": studio.info.name,
            "resolution": studio.resolution,
            "licence": studio.info.licence,
        },
        "device": str(studio.device),
        "judges": {one.name: one.threshold for one in studio.recognisers},
        "search_judge": recogniser and recogniser.name,
        "options": {"variants": options.variants, "seed": options.seed, "dial": options.dial},
        "references": len(found),
        "unusable": [
            {"name": r.facts["name"], "why": r.facts["error"]}
            for r in records
            if "error" in r.facts
        ],
        "kept_means": {"landmark_nme": KEPT_NME, "angle": KEPT_ANGLE},
        "inversion": _inversions(found),
        "strengths": {
            f"{s:g}": _strength(found, f"{s:g}", studio) for s in options.strengths if found
        },
        "samples": _samples(found, of_kind(records, "samples"), studio, options),
        "seconds": _seconds(found, options),
    }
    return summary | {"bars": _bars(summary, studio)}


def _inversions(found: list[Record]) -> dict | None:
    if not found:
        return None
    measurements = [r.facts["inversion"] for r in found]
    return {
        "distance": _middle([measurement["distance"] for measurement in measurements]),
        "face": _share([measurement["face"] for measurement in measurements]),
        "structure_kept": _share([measurement["kept"] for measurement in measurements]),
        "identity": _identity(measurements),
        "landmark_nme": _middle([one["structure"]["landmark_nme"] for one in _seen(measurements)]),
        "sharpness": _middle(
            [r.facts["inversion"]["sharpness"] / max(r.facts["sharpness"], 1e-9) for r in found]
        ),
    }


def _strength(found: list[Record], key: str, studio: Studio) -> dict:
    """One column of the table. Shares are of all variants that were asked for."""
    parts = [r.facts["strengths"][key] for r in found]
    measurements = [measurement for part in parts for measurement in part["variants"]]
    asked = sum(part["asked"] for part in parts)
    seen = _seen(measurements)
    reasons: Counter = Counter()
    for part in parts:
        reasons.update(part["passed_over"])
    reached = [one for part in parts for one in part["reached"] if one is not None]
    result = {
        "asked": asked,
        "made": len(measurements),
        "face": _share([measurement["face"] for measurement in measurements]),
        "different": sum(measurement["different"] for measurement in measurements) / asked,
        "structure_kept": sum(measurement["kept"] for measurement in measurements) / asked,
        "both": sum(
            measurement["different"] and measurement["kept"] and measurement["face"]
            for measurement in measurements
        )
        / asked,
        "dial_reached": _share(reached) if reached else None,
        "tried": sum(part["tried"] for part in parts),
        "passed_over": dict(reasons),
        "confidence": _middle([measurement["confidence"] for measurement in measurements]),
        "identity": _identity(measurements),
        "between": {
            recogniser.name: _middle(
                [v for part in parts for v in _pairs(part["between"], recogniser.name)]
            )
            for recogniser in studio.recognisers
        },
        "pairs": pairs_of([part["between"] for part in parts], studio.recognisers),
        "landmark_nme": _middle([one["structure"]["landmark_nme"] for one in seen]),
        "largest_angle": _middle([max(abs(one["structure"][a]) for a in ANGLES) for one in seen]),
        "sharpness": _middle(
            [
                measurement["sharpness"] / max(r.facts["sharpness"], 1e-9)
                for r in found
                for measurement in r.facts["strengths"][key]["variants"]
            ]
        ),
        "sets": _sets(
            _vectors(found, "reference", studio), _vectors(found, key, studio), found, key, studio
        ),
    }
    for name in EXPRESSIONS:
        result[name] = _middle([abs(one["structure"][name]) for one in seen])
    return result


def _samples(found, parts: list[Record], studio: Studio, options) -> dict | None:
    if not parts:
        return None
    faces = [one for part in parts for one in part.facts["face"]]
    return {
        "count": len(faces),
        "truncation_psi": options.truncation_psi,
        "face": _share(faces),
        "confidence": _middle([one for part in parts for one in part.facts["confidence"]]),
        "sharpness_levels": _middle([one for part in parts for one in part.facts["sharpness"]]),
        "between": {
            recogniser.name: _middle(_distances(vectors[recogniser.name], recogniser))
            for recogniser in studio.recognisers
            if recogniser.name in (vectors := _vectors(parts, "samples", studio))
        },
        "sets": _sets(
            _vectors(found, "reference", studio),
            _vectors(parts, "samples", studio),
            [*found, *parts],
            "samples",
            studio,
        ),
    }


def _sets(real: dict, made: dict, records: list[Record], key: str, studio: Studio) -> dict | None:
    """Distances between the set of references and a set of faces made."""
    result: dict = {}
    for name in real.keys() & made.keys():
        if min(len(real[name]), len(made[name])) < 2:
            continue
        precision, recall = precision_recall(real[name], made[name])
        result[name] = {
            "frechet": frechet(real[name], made[name]),
            "precision": precision,
            "recall": recall,
            "n": [len(real[name]), len(made[name])],
        }
    if result and inception.weights_at_hand():
        pictures = [_pictures(records, "reference"), _pictures(records, key)]
        if min(map(len, pictures)) > 1:
            sets = [inception.features(picture, studio.device) for picture in pictures]
            result["inception"] = {"frechet": frechet(*sets), "n": [*map(len, sets)]}
    return result or None


def _seconds(found: list[Record], options: EvaluateOptions) -> dict | None:
    """Medians on this device; vary is that of one variant at the default strength."""
    if not found:
        return None
    result = {
        stage: float(np.median([r.facts["seconds"][stage] for r in found]))
        for stage in ("align", "invert")
    }
    for strength in options.strengths:
        parts = [r.facts["strengths"][f"{strength:g}"] for r in found]
        each = [part["seconds"] / max(len(part["variants"]), 1) for part in parts]
        result[f"variant at {strength:g}"] = float(np.median(each))
    return result


def _bars(summary: dict, studio: Studio) -> list[dict]:
    """The project's own bars, at the default strength: what is reached, honestly."""
    key = f"{VaryOptions.strength:g}"
    found = summary["strengths"].get(key)
    if not found:
        return []
    bars = [
        ("different and structure kept", found["both"], BAR_BOTH),
        ("detected as a face", found["face"] or 0.0, BAR_FACE),  # None: no variant was made
    ]
    bars += [
        (
            f"median distance between variants ({recogniser.name})",
            middle["median"],
            recogniser.threshold,
        )
        for recogniser in recognisers.reporting(studio.recognisers)
        if (middle := found["between"][recogniser.name])
    ]
    return [
        {"bar": name, "reached": value, "wanted": wanted, "met": value >= wanted}
        for name, value, wanted in bars
    ]


# --- small help --------------------------------------------------------------------------


def _seen(measurements: list[dict]) -> list[dict]:
    return [measurement for measurement in measurements if measurement["structure"]]


def _share(values: Sequence[bool]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _middle(values: Sequence[float]) -> dict | None:
    """Median and the 10th and 90th percentile."""
    if not len(values):
        return None
    low, median, high = np.percentile(values, (10, 50, 90))
    return {"median": float(median), "low": float(low), "high": float(high), "n": len(values)}


def _identity(measurements: list[dict]) -> dict:
    names = {name for measurement in measurements for name in measurement["identity"]}
    return {
        name: _middle(
            [
                measurement["identity"][name]
                for measurement in measurements
                if name in measurement["identity"]
            ]
        )
        for name in sorted(names)
    }


def pairs_of(tables: Sequence[dict], recognisers: Sequence[Recogniser]) -> dict | None:
    """What becomes of the pairs of variants of one reference; None where there is none.

    tables: a reference each, recogniser's name -> [N, N] distances, None where it saw no face.
    count; two, one: the shares that all recognisers call two people, and one person. Of the rest
    the recognisers disagree, or some saw no face.
    """
    said = []
    for table in tables:
        if any(recogniser.name not in table for recogniser in recognisers):
            continue
        for i in range(len(table[recognisers[0].name]) if recognisers else 0):
            for j in range(i):
                distances = [
                    (table[recogniser.name][i][j], recogniser.threshold)
                    for recogniser in recognisers
                ]
                said.append([None if d is None else d >= limit for d, limit in distances])
    if not said:
        return None
    return {
        "count": len(said),
        "two": _share([all(one is True for one in each) for each in said]),
        "one": _share([all(one is False for one in each) for each in said]),
    }


def _pairs(between: dict, recogniser: str) -> list[float]:
    rows = between.get(recogniser, [])
    return [v for i, row in enumerate(rows) for v in row[:i] if v is not None]


def _vectors(records: Sequence[Record], key: str, studio: Studio) -> dict[str, np.ndarray]:
    result = {}
    for recogniser in studio.recognisers:
        name = f"{key} {recogniser.name}"
        parts = [r.vectors[name] for r in records if name in r.vectors]
        if parts:
            result[recogniser.name] = np.concatenate(parts).astype(np.float64)
    return result


def _pictures(records: Sequence[Record], key: str) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    for record in records:
        if key in record.pictures:
            one = record.pictures[key]
            found += list(one) if one.ndim == 4 else [one]
    return found


def _distances(vectors: np.ndarray, recogniser, most: int = 400) -> list[float]:
    """Of all pairs of the first so many."""
    some = vectors[:most]
    return [recogniser.distance(a, b) for i, a in enumerate(some) for b in some[:i]]
