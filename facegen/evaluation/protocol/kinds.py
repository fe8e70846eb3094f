"""Measures of one kind of pictures, as a number a source: [N], NaN where there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ... import limits
from ...face import landmarks
from ...measure import gaze, structure
from . import identification as ids
from .rows import OURS, PLAIN, RANDOM, SOURCE, Kind

Values = Mapping[str, np.ndarray]
RATERS = {"rated": "", "encoded": " (encoder)"}  # field -> what stands behind a measure's name
_MESH = 468


@dataclass(frozen=True)
class Measure:
    """A row of the table.

    name: "{}" stands for a recogniser. of: mean or median over sources. digits: None: a share,
    shown in per cent."""

    key: str
    name: str
    of: Callable[..., np.ndarray] = np.mean
    digits: int | None = None


MEASURES = (
    Measure("rank 1", "re-identified: rank 1 among all sources, {}"),
    Measure("protected", "protected at a false-match rate of 0.001, {}"),
    Measure("distance", "distance to the source, {}", np.median, 2),
    Measure("pair rank 1", "variants of one source: rank 1 of one by the other, {}"),
    Measure("pair different", "variants of one source: two people at that rate, {}"),
    Measure("attack identity", "attacker with the recognisers' vectors: rank 1"),
    Measure("attack all", "attacker with all features: rank 1"),
    Measure("attack floor", "the floor: who sees age, gender presentation, skin alone: rank 1"),
    Measure("attack pose", "who sees pose, gaze and expression, too: rank 1"),
    Measure("pose", "pose, radians", np.mean, 3),
    Measure("gaze", "gaze, radians", np.mean, 3),
    Measure("expression", "expression: mouth, smile, eyes", np.mean, 3),
    Measure("nme", "landmarks (NME)", np.mean, 3),
    Measure("mediapipe", "detected by mediapipe"),
    Measure("hog", "detected by dlib's HOG"),
    Measure("sharpness", "sharpness over the source's", np.median, 2),
    Measure("quality", "quality (NIQE, lower is better)", np.median, 2),
    Measure("age", "age, years off", np.median, 1),
    Measure("gender", "gender presentation kept"),
    Measure("skin", "skin tone, share of the scale off", np.median, 3),
    Measure("age (encoder)", "age, years off, by the encoder", np.median, 1),
    Measure("gender (encoder)", "gender presentation kept, by the encoder"),
    Measure("skin (encoder)", "skin tone off, by the encoder", np.median, 3),
)


def families(kinds: Mapping[str, Kind]) -> dict[str, list[Kind]]:
    """Group by kind of hiding: its pictures of each source, several for variants, else one."""
    found: dict[str, list[Kind]] = {}
    for name, kind in kinds.items():
        if name != SOURCE:
            head = next((h for h in (OURS, PLAIN) if name.startswith(f"{h} ")), name)
            found.setdefault(head, []).append(kind)
    order = [OURS, PLAIN, RANDOM]
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
    found: dict[str, list[np.ndarray]] = {}
    thresholds: dict[str, dict[str, float]] = {}
    for recogniser in recognisers:
        field = f"vector {recogniser}"
        own = source.fields[field]
        strangers = ids.threshold(ids.distances(recogniser, own, own))
        matrices = [ids.distances(recogniser, kind.fields[field], own) for kind in pictures]
        mine = ids.threshold(*matrices)
        thresholds[recogniser] = {"sources": strangers, "pictures": mine}
        for matrix in matrices:
            put(found, f"rank 1 {recogniser}", ids.first_rank(matrix))
            # the stricter of the two thresholds that no genuine score has touched
            put(found, f"protected {recogniser}", ids.protected(matrix, max(strangers, mine)))
            put(found, f"distance {recogniser}", np.diagonal(matrix))
        _pairs(found, thresholds[recogniser], recogniser, pictures)
    for kind in pictures:
        for name, values in _by_picture(source, kind).items():
            put(found, name, values)
    with np.errstate(invalid="ignore"):
        return {name: _mean(parts) for name, parts in found.items()}, thresholds


def put(found: dict[str, list[np.ndarray]], name: str, values: np.ndarray) -> None:
    found.setdefault(name, []).append(np.asarray(values, dtype=np.float64))


def _pairs(
    found: dict[str, list[np.ndarray]],
    thresholds: dict[str, float],
    recogniser: str,
    pictures: Sequence[Kind],
) -> None:
    field = f"vector {recogniser}"
    matrices = [
        ids.distances(recogniser, one.fields[field], other.fields[field])
        for i, one in enumerate(pictures)
        for other in pictures[i + 1 :]
    ]
    if not matrices:
        return
    at = ids.threshold(*matrices)
    thresholds["pairs"] = at
    for matrix in matrices:
        put(found, f"pair rank 1 {recogniser}", ids.first_rank(matrix))
        put(found, f"pair different {recogniser}", ids.protected(matrix, at))


def _by_picture(source: Kind, kind: Kind) -> Values:
    """Measure what is compared with the source picture by picture."""
    before, now = source.fields, kind.fields
    moved = np.array([_moved(a, b) for a, b in zip(before["mesh"], now["mesh"], strict=True)])
    there = kind.there
    found: dict[str, np.ndarray] = {
        name: moved[:, column] for column, name in enumerate(("pose", "gaze", "expression", "nme"))
    }
    for name in ("mediapipe", "hog"):
        found[name] = np.where(there, now[name], np.nan)
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


def _moved(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float, float]:
    """Measure (pose, gaze, expression, NME) between two meshes [478, 3]."""
    if np.isnan(first).any() or np.isnan(second).any():
        return (np.nan,) * 4
    one, other = (mesh.astype(np.float64) for mesh in (first, second))
    a, b = (structure.expression(mesh[:_MESH]) for mesh in (one, other))
    changed = (a.mouth - b.mouth, a.smile - b.smile, a.eyes - b.eyes)
    return (
        _turned(structure.pose(one[:_MESH]), structure.pose(other[:_MESH])),
        gaze.apart(gaze.direction(one), gaze.direction(other)),
        float(np.mean(np.abs(changed))),
        float(
            landmarks.deviation(
                landmarks.from_mesh(other[:_MESH]), landmarks.from_mesh(one[:_MESH])
            )
        ),
    )


def _turned(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the angle in radians between two poses (yaw, pitch, roll) in degrees."""
    a, b = (_rotation(*np.radians(pose)) for pose in (first, second))
    return float(np.arccos(np.clip((np.trace(a.T @ b) - 1) / 2, -1, 1)))


def _rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Compose R = Rz(roll) Ry(-yaw) Rx(pitch), as in structure.pose."""
    (sy, cy), (sp, cp), (sr, cr) = ((np.sin(v), np.cos(v)) for v in (-yaw, pitch, roll))
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def _mean(parts: list[np.ndarray]) -> np.ndarray:
    stacked = np.stack(parts)
    counted = (~np.isnan(stacked)).sum(axis=0)
    return np.where(counted > 0, np.nansum(stacked, axis=0) / np.maximum(counted, 1), np.nan)
