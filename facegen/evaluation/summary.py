"""From records to the table: shares, medians, distances between sets, and the bars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..measure.identity import recognisers
from ..measure.identity.dlib_recogniser import Judge
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
    judge = studio.judges[0] if studio.judges else None
    summary = {
        "model": {
            "name": studio.info.name,
            "resolution": studio.resolution,
            "licence": studio.info.licence,
        },
        "device": str(studio.device),
        "judges": {one.name: one.threshold for one in studio.judges},
        "search_judge": judge and judge.name,
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
    looks = [r.facts["inversion"] for r in found]
    return {
        "distance": _middle([look["distance"] for look in looks]),
        "face": _share([look["face"] for look in looks]),
        "structure_kept": _share([look["kept"] for look in looks]),
        "identity": _identity(looks),
        "landmark_nme": _middle([one["structure"]["landmark_nme"] for one in _seen(looks)]),
        "sharpness": _middle(
            [r.facts["inversion"]["sharpness"] / max(r.facts["sharpness"], 1e-9) for r in found]
        ),
    }


def _strength(found: list[Record], key: str, studio: Studio) -> dict:
    """One column of the table. Shares are of all variants that were asked for."""
    parts = [r.facts["strengths"][key] for r in found]
    looks = [look for part in parts for look in part["variants"]]
    asked = sum(part["asked"] for part in parts)
    seen = _seen(looks)
    reasons: Counter = Counter()
    for part in parts:
        reasons.update(part["passed_over"])
    reached = [one for part in parts for one in part["reached"] if one is not None]
    result = {
        "asked": asked,
        "made": len(looks),
        "face": _share([look["face"] for look in looks]),
        "different": sum(look["different"] for look in looks) / asked,
        "structure_kept": sum(look["kept"] for look in looks) / asked,
        "both": sum(look["different"] and look["kept"] and look["face"] for look in looks) / asked,
        "dial_reached": _share(reached) if reached else None,
        "tried": sum(part["tried"] for part in parts),
        "passed_over": dict(reasons),
        "confidence": _middle([look["confidence"] for look in looks]),
        "identity": _identity(looks),
        "between": {
            judge.name: _middle([v for part in parts for v in _pairs(part["between"], judge.name)])
            for judge in studio.judges
        },
        "pairs": pairs_of([part["between"] for part in parts], studio.judges),
        "landmark_nme": _middle([one["structure"]["landmark_nme"] for one in seen]),
        "largest_angle": _middle([max(abs(one["structure"][a]) for a in ANGLES) for one in seen]),
        "sharpness": _middle(
            [
                look["sharpness"] / max(r.facts["sharpness"], 1e-9)
                for r in found
                for look in r.facts["strengths"][key]["variants"]
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
            judge.name: _middle(_distances(vectors[judge.name], judge))
            for judge in studio.judges
            if judge.name in (vectors := _vectors(parts, "samples", studio))
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
            sets = [inception.features(one, studio.device) for one in pictures]
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
        (f"median distance between variants ({judge.name})", middle["median"], judge.threshold)
        for judge in recognisers.reporting(studio.judges)
        if (middle := found["between"][judge.name])
    ]
    return [
        {"bar": name, "reached": value, "wanted": wanted, "met": value >= wanted}
        for name, value, wanted in bars
    ]


# --- small help --------------------------------------------------------------------------


def _seen(looks: list[dict]) -> list[dict]:
    return [look for look in looks if look["structure"]]


def _share(values: Sequence[bool]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _middle(values: Sequence[float]) -> dict | None:
    """Median and the 10th and 90th percentile."""
    if not len(values):
        return None
    low, median, high = np.percentile(values, (10, 50, 90))
    return {"median": float(median), "low": float(low), "high": float(high), "n": len(values)}


def _identity(looks: list[dict]) -> dict:
    names = {name for look in looks for name in look["identity"]}
    return {
        name: _middle([look["identity"][name] for look in looks if name in look["identity"]])
        for name in sorted(names)
    }


def pairs_of(tables: Sequence[dict], judges: Sequence[Judge]) -> dict | None:
    """What becomes of the pairs of variants of one reference; None where there is none.

    tables: a reference each, judge's name -> [N, N] distances, None where it saw no face.
    count; two, one: the shares that all judges call two people, and one person. Of the rest the
    judges are not of one mind, or some saw no face.
    """
    said = []
    for table in tables:
        if any(judge.name not in table for judge in judges):
            continue
        for i in range(len(table[judges[0].name]) if judges else 0):
            for j in range(i):
                distances = [(table[judge.name][i][j], judge.threshold) for judge in judges]
                said.append([None if d is None else d >= limit for d, limit in distances])
    if not said:
        return None
    return {
        "count": len(said),
        "two": _share([all(one is True for one in each) for each in said]),
        "one": _share([all(one is False for one in each) for each in said]),
    }


def _pairs(between: dict, judge: str) -> list[float]:
    rows = between.get(judge, [])
    return [v for i, row in enumerate(rows) for v in row[:i] if v is not None]


def _vectors(records: Sequence[Record], key: str, studio: Studio) -> dict[str, np.ndarray]:
    result = {}
    for judge in studio.judges:
        name = f"{key} {judge.name}"
        parts = [r.vectors[name] for r in records if name in r.vectors]
        if parts:
            result[judge.name] = np.concatenate(parts).astype(np.float64)
    return result


def _pictures(records: Sequence[Record], key: str) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    for record in records:
        if key in record.pictures:
            one = record.pictures[key]
            found += list(one) if one.ndim == 4 else [one]
    return found


def _distances(vectors: np.ndarray, judge, most: int = 400) -> list[float]:
    """Of all pairs of the first so many."""
    some = vectors[:most]
    return [judge.distance(a, b) for i, a in enumerate(some) for b in some[:i]]
