"""Bootstrap intervals of numbers over the choice of sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
COVERED = 0.95


@dataclass(frozen=True)
class Estimate:
    """A value with its interval.

    value, and the bootstrap's interval [low, high] at COVERED; sources: how many it rests on."""

    value: float
    low: float
    high: float
    sources: int

    def as_dict(self) -> dict[str, float | int]:
        return {
            "value": round(self.value, 5),
            "low": round(self.low, 5),
            "high": round(self.high, 5),
            "sources": self.sources,
        }


def estimate(
    values: np.ndarray, of: Callable[..., np.ndarray] = np.mean, seed: int = 0
) -> Estimate | None:
    """Estimate from a number a source, [N]; NaN: none for that source. None where none has one.

    of: the mean or the median, with an axis. A share of 0 or 1 still has an interval: the rule of
    three, 3 / N (Hanley and Lippman-Hand, JAMA 249, 1983), where the bootstrap's has no width."""
    values = np.asarray(values, dtype=np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    drawn = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    spread = of(values[drawn], axis=1)
    low, high = np.quantile(spread, ((1 - COVERED) / 2, (1 + COVERED) / 2))
    if of is np.mean and values.min() == values.max() and values[0] in (0.0, 1.0):
        beyond = min(1.0, 3 / len(values))
        low, high = (0.0, beyond) if values[0] == 0 else (1 - beyond, 1.0)
    return Estimate(float(of(values)), float(low), float(high), len(values))
