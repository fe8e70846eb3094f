"""Closed-set identification, and verification at a false-match rate.

Thresholds come from impostor scores alone: distances between pictures of different sources, of the
same kinds that are then compared. A threshold that is taken from the genuine scores (a percentile
of them, or their equal error) moves with what it is to measure: then any anonymiser passes.

Convention
    A matrix [N, N] holds distances of probe i (row) to gallery j (column); i = j are the genuine
    pairs, all others impostors. NaN: no picture, or no face in it.
"""

from __future__ import annotations

import numpy as np

from ...measure.identity import recognisers

FALSE_MATCHES = 0.001


def distances(recogniser: str, probes: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Return the matrix of that recogniser's vectors [N, D] and [N, D]. Raises OptionError."""
    vectors = probes.astype(np.float64), gallery.astype(np.float64)
    return recognisers.named(recogniser).distances(*vectors)


def impostors(matrix: np.ndarray) -> np.ndarray:
    """Return the distances between different sources."""
    apart = matrix[~np.eye(len(matrix), dtype=bool)]
    return apart[~np.isnan(apart)]


def threshold(*matrices: np.ndarray, false_matches: float = FALSE_MATCHES) -> float:
    """Return the distance below which that share of impostor pairs lie; NaN without any."""
    found = np.concatenate([impostors(matrix) for matrix in matrices])
    return float(np.quantile(found, false_matches)) if len(found) else float("nan")


def protected(matrix: np.ndarray, at: float) -> np.ndarray:
    """Return [N]: 1 where probe i is not matched to its own source at that threshold, else 0."""
    genuine = np.diagonal(matrix)
    return np.where(np.isnan(genuine), np.nan, genuine >= at)


def first_rank(matrix: np.ndarray) -> np.ndarray:
    """Return [N]: 1 where the nearest of the gallery to probe i is its own source, else 0.

    Ties count as found: in the attacker's favour."""
    genuine = np.diagonal(matrix)
    with np.errstate(invalid="ignore"):
        nearer = np.nansum(matrix < genuine[:, None], axis=1)
    return np.where(np.isnan(genuine), np.nan, nearer == 0)
