"""Variants that differ from each other: farthest-point choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


def farthest_first(
    candidates: Sequence[np.ndarray],
    chosen: Sequence[np.ndarray],
    distance: Callable[[np.ndarray, np.ndarray], float],
) -> list[int]:
    """Indices of the candidates, that with the largest distance to its nearest chosen one first.

    T. F. Gonzalez, Clustering to minimize the maximum intercluster distance, Theoretical
    Computer Science 38 (1985). Ties, and all where nothing is chosen yet, keep their order.
    """
    nearest = [
        min((distance(candidate, other) for other in chosen), default=0.0)
        for candidate in candidates
    ]
    return sorted(range(len(candidates)), key=lambda i: -nearest[i])


def between(
    vectors: Sequence[np.ndarray | None], distance: Callable[[np.ndarray, np.ndarray], float]
) -> list[list[float | None]]:
    """All distances, N x N; None where a vector is missing."""
    return [[None if a is None or b is None else distance(a, b) for b in vectors] for a in vectors]
