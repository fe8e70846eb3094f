"""The strength as a promise: how far from the reference a variant is, as a recogniser measures it.

Convention
    The reference has two pictures: the photo, and what the model makes of it. A variant's
    distance D is that to the nearer of the two. The dial maps strength to a target for D:
        0: 0, the model's picture itself
        0.5: the recogniser's threshold and a margin, just a different person
        1: the mean distance between two strangers
    with straight lines between. A perturbation's path starts at the model's picture (amount 0)
    and ends where the model's faces begin to break (`path_end`). The search halves an interval
    [low, high] of amounts as long as D at its middle lies between D(low) and D(high); else it
    stops at high. Where it turns depends on measured distances only, so what it can answer is
    one rising list of measured points, the same for every target: a higher strength is never
    closer. `rounds` halvings cost that many pictures and one for the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...options import DIFFERENT_FROM

# Of a path, least and most; 1 is a stranger drawn from w. Walks go farther than random codes: of
# 100 samples of an earlier model moved out by 1.5, one showed a face out of order; near 1.6 a few
# variants in a hundred are faces to a detector and monsters to whoever looks.
FARTHEST = (1.0, 1.2)
MARGIN = 0.02  # over the threshold
ROUNDS = 3


@dataclass(frozen=True)
class Point:
    """A place on a path: amount 0 to the path's end, and the measured D."""

    amount: float
    distance: float


def path_end(farthest: float | None) -> float:
    """The amount at which paths end. farthest: as tried out for the model, None if it was not."""
    low, high = FARTHEST
    return low if farthest is None else float(np.clip(farthest, low, high))


def target_distance(strength: float, threshold: float, strangers: float) -> float:
    """The distance D that a strength of 0 to 1 stands for."""
    middle = threshold + MARGIN
    return float(np.interp(strength, (0, DIFFERENT_FROM, 1), (0, middle, max(strangers, middle))))


def search(
    ends: Sequence[Point],
    wanted: float,
    measure: Callable[[list[int], list[float]], list[float]],
    rounds: int = ROUNDS,
) -> list[Point]:
    """For each path the first point found with D >= wanted, its end if there is none.

    ends: the measured end of each path. measure: (which paths, amounts) -> D of each, called
    once a round for all paths that are still searched.
    """
    start = Point(0.0, 0.0)
    lows, highs = [start] * len(ends), list(ends)
    if wanted <= 0:
        return lows
    searching = [i for i, end in enumerate(ends) if end.distance >= wanted]
    for _ in range(rounds):
        if not searching:
            break
        amounts = [(lows[i].amount + highs[i].amount) / 2 for i in searching]
        found = measure(searching, amounts)
        going_on = []
        for i, amount, distance in zip(searching, amounts, found, strict=True):
            if not lows[i].distance <= distance <= highs[i].distance:
                continue  # the path turns back here; high is known to be far enough
            if distance >= wanted:
                highs[i] = Point(amount, distance)
            else:
                lows[i] = Point(amount, distance)
            going_on.append(i)
        searching = going_on
    return highs
