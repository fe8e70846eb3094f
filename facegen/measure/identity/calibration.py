"""Calibration of recognisers: the distances of impostor and genuine pairs.

The tables in data/recognisers.json were measured by benchmarks/calibrate.py; each says on what.
They turn a distance into words: how many of a hundred pairs of strangers are nearer than that.
data/walks.json keeps how far from the average a model's faces are still faces, and how far paths
and edits go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

TABLES = Path(__file__).parents[2] / "data" / "recognisers.json"
WALKS = TABLES.with_name("walks.json")
PERCENTS = (0.1, 0.5, 1, 2, 3, 5, 10, 25, 50, 75, 90, 95, 99)  # that a table keeps
FALSE_MATCHES = (0.1, 1, 3)  # per cent of impostor pairs: the rates thresholds are stated for


@dataclass(frozen=True)
class Calibration:
    """Calibration of one recogniser at one resolution.

    impostor, genuine: per cent -> distance, of pairs of different people and of two views of one
    face. mean: of the impostor pairs. resolution: side of the calibrated crops in pixels."""

    resolution: int
    impostor: Mapping[float, float]
    genuine: Mapping[float, float]
    mean: float
    pairs: int
    genuine_pairs: int
    source: str

    @classmethod
    def of(
        cls, resolution: int, impostor: np.ndarray, genuine: np.ndarray, source: str
    ) -> Calibration:
        """Compute it from the distances."""
        return cls(
            resolution=resolution,
            impostor=_percentiles(impostor),
            genuine=_percentiles(genuine),
            mean=float(np.mean(impostor)),
            pairs=len(impostor),
            genuine_pairs=len(genuine),
            source=source,
        )

    def threshold(self, false_matches: float) -> float:
        """Return the distance below which that per cent of impostor pairs lie, 0.1 to 99."""
        return _between(false_matches, *_columns(self.impostor))

    def nearer(self, distance: float) -> float:
        """Return the per cent of impostor pairs that are nearer; 0.1 and 99 where beyond."""
        return _between(distance, *reversed(_columns(self.impostor)))

    def in_words(self, distance: float) -> str:
        """Explain a distance to people who know no distances."""
        if distance <= self.genuine[99]:
            return "within what two pictures of one person differ by"
        share = self.nearer(distance)
        if share <= PERCENTS[0]:
            return "nearer than 999 of 1000 pairs of strangers"
        if share < 1:
            return f"among strangers a rare likeness: {share * 10:.0f} in 1000 pairs are nearer"
        return f"farther apart than {share:.0f} in 100 random pairs of strangers are"

    def as_dict(self) -> dict:
        return {
            "resolution": self.resolution,
            "source": self.source,
            "pairs": self.pairs,
            "genuine_pairs": self.genuine_pairs,
            "mean": round(self.mean, 4),
            "impostor": {f"{k:g}": round(v, 4) for k, v in self.impostor.items()},
            "genuine": {f"{k:g}": round(v, 4) for k, v in self.genuine.items()},
            "thresholds": {f"{k:g}": round(self.threshold(k), 4) for k in FALSE_MATCHES},
        }


@lru_cache(maxsize=1)
def tables() -> dict[str, tuple[Calibration, ...]]:
    """Load recogniser name -> its calibrations, by resolution."""
    read = json.loads(TABLES.read_text(encoding="utf-8"))
    return {name: tuple(_read(entry) for entry in ones) for name, ones in read.items()}


def find(recogniser: str, resolution: int) -> Calibration | None:
    """Return the calibration at the nearest resolution; None if there is none."""
    ones = tables().get(recogniser, ())
    return min(ones, key=lambda entry: abs(np.log2(entry.resolution / resolution)), default=None)


def safe_distance(model: str) -> float | None:
    """Return how far from the average a model's faces are still faces, in 95 of 100 walks.

    1 is the distance of its own faces (see evaluation/walk.py). None where it was not measured."""
    return _of_walks(model, "safe_distance")


def farthest(model: str) -> float | None:
    """Return how far a model's paths and edits go, in the same units; None where it was not tried.

    Farther than the safe distance, as each of their pictures is checked (docs/evaluation.md)."""
    return _of_walks(model, "farthest")


def _of_walks(model: str, name: str) -> float | None:
    return json.loads(WALKS.read_text(encoding="utf-8")).get(model, {}).get(name)


def words_of(recogniser: str, resolution: int, distance: float) -> str:
    """Explain a recogniser's distance; empty where it was not calibrated."""
    table = find(recogniser, resolution)
    return table.in_words(distance) if table else ""


def write(path: Path, recognisers: Mapping[str, Sequence[Calibration]]) -> None:
    content = {name: [entry.as_dict() for entry in ones] for name, ones in recognisers.items()}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _read(entry: Mapping) -> Calibration:
    return Calibration(
        resolution=entry["resolution"],
        impostor={float(k): v for k, v in entry["impostor"].items()},
        genuine={float(k): v for k, v in entry["genuine"].items()},
        mean=entry["mean"],
        pairs=entry["pairs"],
        genuine_pairs=entry["genuine_pairs"],
        source=entry["source"],
    )


def _percentiles(values: np.ndarray) -> dict[float, float]:
    return dict(zip(map(float, PERCENTS), np.percentile(values, PERCENTS).tolist(), strict=True))


def _columns(table: Mapping[float, float]) -> tuple[list[float], list[float]]:
    return list(table.keys()), list(table.values())


def _between(x: float, xs: list[float], ys: list[float]) -> float:
    return float(np.interp(x, xs, ys))
