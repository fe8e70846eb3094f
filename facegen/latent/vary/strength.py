"""The strength as a promise: how far from the photo a new face is, as recognisers measure it.

Convention
    A path leads from the photo's code (amount 0) to a stranger's (amount 1), straight, all places
    of W+ alike. At each point every recogniser measures the distance to the photo, and which share
    of the decoys (measure/decoys.py) is nearer. What a point has reached:
        0.5: somebody else, with a margin, and q = 2 % of the decoys are nearer
        0.75: q = 10 %
        1: the stranger
    with the distance's share of the threshold below 0.5, the logarithm of q between 0.5 and 0.75
    and the share of the way beyond; of several recognisers the least counts. The search halves
    [low, high] while what the middle has reached lies between both ends' and stops at high else,
    so that what it can answer is one rising list of points, the same for every strength: a higher
    strength is never nearer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ... import limits
from ...options import DIFFERENT_FROM

STRENGTHS = (DIFFERENT_FROM, 0.75)
ROUNDS = 3


@dataclass(frozen=True)
class Point:
    """A place on a path: amount 0 to 1, and the strength that it has reached."""

    amount: float
    reached: float


def reached(
    distances: Sequence[float], thresholds: Sequence[float], nearer: Sequence[float], amount: float
) -> float:
    """Compute the strength that a point at `amount` has reached.

    distances, thresholds, nearer: by each recogniser; nearer: the share q of decoys."""
    return min(
        (
            _reached(distance / threshold, share, amount)
            for distance, threshold, share in zip(distances, thresholds, nearer, strict=True)
        ),
        default=amount,
    )


def _reached(distance: float, share: float, amount: float) -> float:
    """Compute it for one recogniser. distance: over the threshold."""
    low, high = STRENGTHS
    if distance < limits.DIFFERENT or share < limits.DECOYS_NEARER[0]:
        parts = min(1.0, distance / limits.DIFFERENT), min(1.0, share / limits.DECOYS_NEARER[0])
        return float(low * min(0.8 * parts[0] + 0.2 * parts[1], 0.999))
    if share < limits.DECOYS_NEARER[1]:
        return float(np.interp(np.log(share), np.log(limits.DECOYS_NEARER), STRENGTHS))
    return high + (1 - high) * amount


def search(
    end: Point, wanted: float, measure: Callable[[float], float], rounds: int = ROUNDS
) -> Point:
    """Find the first point of a path that has reached `wanted`; its end if there is none.

    measure: amount -> the strength reached there.
    """
    low, high = Point(0.0, 0.0), end
    if wanted <= 0:
        return low
    if wanted == 1 and end.reached >= DIFFERENT_FROM:
        return Point(end.amount, 1.0)
    if end.reached <= wanted:
        return end
    for _ in range(rounds):
        amount = (low.amount + high.amount) / 2
        point = Point(amount, measure(amount))
        if not low.reached <= point.reached <= high.reached:
            break  # the path turns back here; high is known to be far enough
        low, high = (low, point) if point.reached >= wanted else (point, high)
    return high
