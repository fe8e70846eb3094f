"""How well each kind of pictures hides its sources: a number a source, [N], NaN for none.

A kind of hiding is the variants, a baseline, or a random face; its pictures are compared with all
sources (who is found again) and with their own (what is kept).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .. import limits
from . import metrics
from .anonymisation import OURS, PLAIN, RANDOM_FACE
from .measure import changes
from .store import SOURCE, Rows

Values = Mapping[str, np.ndarray]
CHANGES = {name: name for name in ("pose", "gaze", "expression")} | {"nme": "landmark_nme"}
DETECTORS = {"mediapipe": "detected", "hog": "hog"}  # measure -> field
RATERS = {"rated": "", "encoded": " (encoder)"}  # field -> what stands behind a measure's name


@dataclass(frozen=True)
class Kind:
    """The pictures of one kind, all sources.

    fields: [N, ...]; NaN or False where a source has none. there: [N] bool."""

    name: str
    there: np.ndarray
    fields: Mapping[str, np.ndarray]


def by_kind(sources: Sequence[Rows]) -> dict[str, Kind]:
    """Group the pictures by kind, in the order of sources."""
    names = dict.fromkeys(name for rows in sources for name in rows.names)
    empty = {field: np.zeros_like(first[0]) for field, first in sources[0].fields.items()}
    for value in empty.values():
        if value.dtype.kind == "f":
            value[...] = np.nan
    kinds: dict[str, Kind] = {}
    for name in names:
        there = [name in rows.names for rows in sources]
        found = [rows.row(name) if has else empty for rows, has in zip(sources, there, strict=True)]
        fields = {field: np.stack([row[field] for row in found]) for field in empty}
        kinds[name] = Kind(name, np.array(there), fields)
    return kinds


def families(kinds: Mapping[str, Kind]) -> dict[str, list[Kind]]:
    """Group by kind of hiding: its pictures of each source, several for variants, else one."""
    found: dict[str, list[Kind]] = {}
    for name, kind in kinds.items():
        if name != SOURCE:
            head = next((h for h in (OURS, PLAIN) if name.startswith(f"{h} ")), name)
            found.setdefault(head, []).append(kind)
    order = [OURS, PLAIN, RANDOM_FACE]
    return dict(
        sorted(found.items(), key=lambda one: order.index(one[0]) if one[0] in order else 9)
    )


def recognisers_of(kinds: Mapping[str, Kind]) -> list[str]:
    fields = kinds[SOURCE].fields
    return [field.removeprefix("vector ") for field in fields if field.startswith("vector ")]


def values_of(
    source: Kind, pictures: Sequence[Kind], recognisers: Sequence[str]
) -> tuple[Values, dict[str, dict[str, float]]]:
    """Measure pictures against their sources. Several pictures of a source count as their mean.

    Returns (values, thresholds): a measure's key, followed by the recogniser's name if it has one,
    -> [N]; recogniser -> comparison -> threshold."""
    found: dict[str, list[np.ndarray]] = defaultdict(list)
    thresholds: dict[str, dict[str, float]] = {}
    for recogniser in recognisers:
        own, *shown = (kind.fields[f"vector {recogniser}"] for kind in (source, *pictures))
        strangers = metrics.threshold(metrics.distances(recogniser, own, own))
        matrices = [metrics.distances(recogniser, vectors, own) for vectors in shown]
        mine = metrics.threshold(*matrices)
        thresholds[recogniser] = {"sources": strangers, "pictures": mine}
        for matrix in matrices:
            found[f"rank 1 {recogniser}"].append(metrics.first_rank(matrix))
            # the stricter of the two thresholds that no genuine score has touched
            protected = metrics.protected(matrix, max(strangers, mine))
            found[f"protected {recogniser}"].append(protected)
            found[f"distance {recogniser}"].append(np.diagonal(matrix))
        pairs = [metrics.distances(recogniser, *two) for two in combinations(shown, 2)]
        if pairs:
            thresholds[recogniser]["pairs"] = at = metrics.threshold(*pairs)
        for matrix in pairs:
            found[f"pair rank 1 {recogniser}"].append(metrics.first_rank(matrix))
            found[f"pair different {recogniser}"].append(metrics.protected(matrix, at))
    for kind in pictures:
        for name, values in _by_picture(source, kind).items():
            found[name].append(values)
    return {name: mean_of(parts) for name, parts in found.items()}, thresholds


def _by_picture(source: Kind, kind: Kind) -> Values:
    """Measure what is compared with the source picture by picture."""
    before, now = source.fields, kind.fields
    moved = [changes(*meshes) for meshes in zip(before["mesh"], now["mesh"], strict=True)]
    found: dict[str, np.ndarray] = {
        name: np.array([of.get(field, np.nan) for of in moved]) for name, field in CHANGES.items()
    }
    for name, field in DETECTORS.items():
        found[name] = np.where(kind.there, now[field], np.nan)
    found["sharpness"] = now["sharpness"] / np.maximum(before["sharpness"], 1e-6)
    found["quality"] = now["quality"]
    for field, behind in RATERS.items():
        delta = np.abs(now[field] - before[field])
        sides = (now[field][:, 1] > limits.MIDDLE_GENDER) == (
            before[field][:, 1] > limits.MIDDLE_GENDER
        )
        found[f"age{behind}"] = delta[:, 0]
        found[f"gender{behind}"] = np.where(np.isnan(delta[:, 1]), np.nan, sides)
        found[f"skin{behind}"] = delta[:, 2] / 100
    return found


def mean_of(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of several numbers a source, without the NaNs."""
    stacked = np.stack(parts)
    counted = (~np.isnan(stacked)).sum(axis=0)
    return np.where(counted > 0, np.nansum(stacked, axis=0) / np.maximum(counted, 1), np.nan)
