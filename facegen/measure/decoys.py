"""Decoys: strangers among whom a photo would have to be matched to its new face.

Among N people the photo is the nearest to a new face only if nobody else is nearer. If a share q of
people is nearer, that happens in (1 - q)^(N - 1) of the cases: q = 2 % and N = 300 give 0.2 %. So a
new face is compared with the stored vectors of some thousands of people who do not exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .. import limits
from .identity.dlib_recogniser import Recogniser

PAIRED = 200  # decoys whose pairs tell how far apart people usually are


@dataclass(frozen=True)
class Nearer:
    """Shares of decoys that are nearer to a new face than the photo is.

    share: of all decoys, 0 to 1. like: how many of those that are like the photo;
    limits.LEAST_LIKE where there are too few."""

    share: float
    like: int


@dataclass(frozen=True, eq=False)
class Decoys:
    """Vectors of strangers.

    vectors: recogniser's name -> float32 [N, D]. attributes: [N, 3], options.ATTRIBUTES."""

    vectors: Mapping[str, np.ndarray]
    attributes: np.ndarray

    def nearer(
        self,
        recogniser: Recogniser,
        new: np.ndarray,
        photo: np.ndarray,
        attributes: np.ndarray | None = None,
    ) -> Nearer:
        """Count the decoys that are nearer to the new face than the photo is.

        new, photo: vectors of that recogniser. attributes: [3] of the photo, NaN where unknown;
        None: do not count those that are like it."""
        known = self.vectors.get(recogniser.name)
        if known is None or not len(known):
            return Nearer(1.0, limits.LEAST_LIKE)
        limit = recogniser.distance(new, photo)
        closer = recogniser.distances(new, known) < limit
        like = np.zeros(len(known), bool)
        if attributes is not None:
            like = self._like(attributes)
        enough = attributes is None or like.sum() < 10 * limits.LEAST_LIKE
        return Nearer(
            float(closer.mean()), limits.LEAST_LIKE if enough else int((closer & like).sum())
        )

    def usual_distance(self, recogniser: Recogniser) -> float:
        """Return the distance that nine of ten pairs of decoys exceed; infinite without decoys."""
        vectors = self.vectors.get(recogniser.name)
        if vectors is None or len(vectors) < 2:
            return float(np.inf)
        some = vectors[:: max(1, len(vectors) // PAIRED)]
        apart = [recogniser.distances(one, some[:i]) for i, one in enumerate(some) if i]
        return float(np.percentile(np.concatenate(apart), 10))

    def _like(self, attributes: np.ndarray) -> np.ndarray:
        """Find the decoys, bool [N], with attributes near [3]; NaN: any."""
        off = np.abs(self.attributes - np.nan_to_num(attributes, nan=0.0))
        return ((off <= limits.LIKE) | np.isnan(attributes)).all(axis=1)


def spread_evenly(groups: Sequence[np.ndarray], count: int) -> np.ndarray:
    """Choose up to `count` indices so that the groups are as even as they can be.

    groups: [N] labels each, one for each way of grouping; members of the emptiest cells of their
    combination come first. Keeps the order of the indices."""
    _, cell = np.unique(np.stack(groups, axis=1), axis=0, return_inverse=True)
    rank = np.zeros(len(cell), int)
    for one in np.unique(cell):
        rank[cell.ravel() == one] = np.arange((cell.ravel() == one).sum())
    order = np.lexsort((np.arange(len(rank)), rank))
    return np.sort(order[:count])
