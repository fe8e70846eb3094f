"""The directions of `edit`, from measured samples (edit_samples.py).

Convention
    x [N, G K]: the samples' codes, each group's in the K leading principal components of w, all
    of unit variance. y = m + S x, one row of S for each measure: a ridge regression. E: the same
    for the recognisers' vectors, in units of their thresholds. The direction of slider k is
        the d with S d = e_k  that has the least  |d|^2 + lambda |E d|^2
    of all changes that move its measure by one and the others not at all, the one that the
    model's own faces find least surprising and that moves identity least. It is restricted to
    the fewest groups of places in which that costs no more than SLACK times as much.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

COMPONENTS = 128  # of w in a group
RIDGES = 10.0 ** np.arange(-3, 2.5, 0.5)  # over N
SLACK = 1.25
REACHED = 0.01  # what a direction may miss of its measure; else its places cannot move it
EXPRESSION = ("smile", "mouth", "eyes", "gaze", "yaw", "pitch", "light")
# What may go along with a slider, as it does in people: a smile opens the mouth. Hair that had to
# grow without changing how feminine a face looks grew in 76 of 100 faces only.
ALONG = {"smile": ("mouth",), "gender": ("beard",), "hair_length": ("gender",)}
IDENTITY_KEPT, IDENTITY_MAY = 3.0, 0.1  # lambda of those, and of what makes a person


@dataclass(frozen=True)
class Axes:
    """mean [w_dim]; basis [w_dim, K]: w = mean + basis x, x of unit variance."""

    mean: np.ndarray
    basis: np.ndarray

    @classmethod
    def of(cls, w: np.ndarray, components: int = COMPONENTS) -> Axes:
        """From codes [N, w_dim]."""
        mean = w.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov((w - mean).T))
        keep = slice(None, -components - 1, -1)
        return cls(mean, vectors[:, keep] * np.sqrt(np.maximum(values[keep], 1e-12)))

    def coordinates(self, w: np.ndarray) -> np.ndarray:
        return (w - self.mean) @ self.basis / np.square(self.basis).sum(axis=0)


@dataclass(frozen=True)
class Regression:
    """slopes [M, D] and explained [M], the share of the variance, by leaving one out in turn."""

    slopes: np.ndarray
    explained: np.ndarray


def regress(x: np.ndarray, y: np.ndarray) -> Regression:
    """x [N, D], y [N, M]; each column of y has the ridge that predicts best what was left out."""
    n = len(x)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    left, values, right = np.linalg.svd(x, full_matrices=False)
    best = np.full(y.shape[1], -np.inf)
    slopes = np.zeros((y.shape[1], x.shape[1]))
    projected = left.T @ y
    for ridge in RIDGES:
        shrink = values**2 / (values**2 + ridge * n)
        leverage = np.square(left) @ shrink + 1 / n
        missed = (y - left @ (shrink[:, None] * projected)) / (1 - leverage)[:, None]
        explained = 1 - np.square(missed).mean(axis=0) / np.maximum(y.var(axis=0), 1e-12)
        found = (right.T @ ((shrink / values)[:, None] * projected)).T
        better = explained > best
        slopes[better], best[better] = found[better], explained[better]
    return Regression(slopes, best)


def slopes(codes: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """codes [N, G, w_dim], values [N, M] -> (what a change of each group's code does to each
    value, [M, G, w_dim]; the share of its variance that is explained, [M])."""
    axes = Axes.of(codes.reshape(-1, codes.shape[-1]))
    spread = values.std(axis=0)
    fitted = regress(axes.coordinates(codes).reshape(len(codes), -1), values / spread)
    rows = fitted.slopes.reshape(len(spread), codes.shape[1], -1)
    back = axes.basis / np.square(axes.basis).sum(axis=0)  # of coordinates
    return spread[:, None, None] * (rows @ back.T), fitted.explained


@dataclass(frozen=True)
class Found:
    """rows [G, w_dim]: the change of each group's code that moves the measure by one. groups: in
    which of them it is not zero. cost: |d|, in standard deviations of the codes. explained: of the
    measure's variance, by the regression."""

    rows: np.ndarray
    groups: tuple[int, ...]
    cost: float
    explained: float


def learn(
    codes: np.ndarray,
    measures: Mapping[str, np.ndarray],
    vectors: Sequence[np.ndarray],
    axes: Axes,
    held: Sequence[str] = (),
    only: Mapping[str, np.ndarray] | None = None,
) -> dict[str, Found]:
    """codes [N, G, w_dim]; measures by name [N]; vectors: each recogniser's [N, D], in units of
    its threshold. held: measures that no direction is wanted for, and none may move. only: the
    samples, bool [N], on which a measure means what it is called."""
    count, groups, _ = codes.shape
    x = axes.coordinates(codes).reshape(count, -1)
    width = x.shape[1] // groups
    names = list(measures)
    y = np.stack([measures[name] for name in names], axis=1)
    spread = y.std(axis=0)
    fitted = regress(x, y / spread)
    for name, rows in (only or {}).items():
        k = names.index(name)
        part = regress(x[rows], y[rows, k : k + 1] / spread[k])
        fitted.slopes[k], fitted.explained[k] = part.slopes[0], part.explained[0]
    identity = regress(x, np.concatenate(vectors, axis=1)).slopes
    found = {}
    for k, name in enumerate(names):
        if name in held:
            continue
        weight = IDENTITY_KEPT if name in EXPRESSION else IDENTITY_MAY
        metric = np.eye(x.shape[1]) + weight * identity.T @ identity
        still = [i for i, other in enumerate(names) if other not in ALONG.get(name, ())]
        slopes = fitted.slopes[still]
        d, chosen = _restricted(slopes, metric, still.index(k), groups, width)
        rows = d.reshape(groups, width) @ axes.basis.T / spread[k]
        size = float(np.linalg.norm(d))
        found[name] = Found(rows, chosen, size, float(fitted.explained[k]))
    return found


def _restricted(
    slopes: np.ndarray, metric: np.ndarray, k: int, groups: int, width: int
) -> tuple[np.ndarray, tuple[int, ...]]:
    """The direction of measure k, and the groups of places that it needs."""
    solved: dict[tuple[int, ...], tuple[float, np.ndarray]] = {}
    for size in range(1, groups + 1):
        for chosen in itertools.combinations(range(groups), size):
            rows = np.concatenate([np.arange(g * width, (g + 1) * width) for g in chosen])
            part = _least(slopes[:, rows], metric[np.ix_(rows, rows)], k)
            d = np.zeros(slopes.shape[1])
            d[rows] = part
            if abs(slopes[k] @ d - 1) < REACHED:
                solved[chosen] = float(d @ metric @ d), d
    least = min(cost for cost, _ in solved.values())
    best = min(
        (chosen for chosen, (cost, _) in solved.items() if cost <= SLACK * least),
        key=lambda chosen: (len(chosen), solved[chosen][0]),
    )
    return solved[best][1], best


def _least(slopes: np.ndarray, metric: np.ndarray, k: int) -> np.ndarray:
    """The d with slopes d = e_k and the least d' metric d, by Lagrange's multipliers."""
    spread = np.linalg.solve(metric, slopes.T)
    gram = slopes @ spread
    wanted = np.zeros(len(slopes))
    wanted[k] = 1
    # what the places chosen cannot move at all needs no constraint
    return spread @ np.linalg.lstsq(gram, wanted, rcond=1e-6)[0]
