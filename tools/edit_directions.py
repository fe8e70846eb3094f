"""Learn the directions of `edit` from measured samples, scale them, and write their file.

Convention
    x [N, G K]: the samples' codes, each group's in the K leading principal components of w, all
    of unit variance. y = m + S x, one row of S for each measure: a ridge regression. E: the same
    for the recognisers' vectors, in units of their thresholds. The direction of slider k is
        the d with S d = e_k  that has the least  |d|^2 + lambda |E d|^2
    of all changes that move its measure by one and the others not at all, the one that the
    model's own faces find least surprising and that moves identity least. It is restricted to
    the fewest groups of places in which that costs no more than SLACK times as much.

A regression's slope is an estimate, and faces answer less than in proportion; so each direction is
scaled to what it was measured to do on fresh samples, one standard deviation to either side.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from edit_samples import Extractor, Measures, rows, unit
from torch import Tensor

from facegen import Studio, weights
from facegen.latent.vary.directions import ridge

COMPONENTS = 128  # of w in a group
RIDGES = 10.0 ** np.arange(-3, 2.5, 0.5)  # over the mean eigenvalue
SLACK = 1.25
REACHED = 0.01  # what a direction may miss of its measure; else its places cannot move it
EXPRESSION = ("smile", "mouth", "eyes", "gaze", "yaw", "pitch", "light")
# What may go along with a slider, as it does in people: a smile opens the mouth. Hair that had to
# grow without changing how feminine a face looks grew in 76 of 100 faces only.
ALONG = {"smile": ("mouth",), "gender": ("beard",), "hair_length": ("gender",)}
IDENTITY_KEPT, IDENTITY_MAY = 3.0, 0.1  # lambda of those, and of what makes a person
FACES = 24  # that a direction is measured on, to either side
SEED, PSI = 90_000, 0.7


@dataclass(frozen=True)
class Axes:
    """mean [w_dim]; basis [w_dim, K]: w = mean + basis x, x of unit variance."""

    mean: np.ndarray
    basis: np.ndarray

    @classmethod
    def of(cls, w: np.ndarray, components: int = COMPONENTS) -> Axes:
        """Fit the axes to codes [N, w_dim]."""
        mean = w.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov((w - mean).T))
        keep = slice(None, -components - 1, -1)
        return cls(mean, vectors[:, keep] * np.sqrt(np.maximum(values[keep], 1e-12)))

    def coordinates(self, w: np.ndarray) -> np.ndarray:
        """Express w [..., w_dim] in the axes, [..., K]."""
        return (w - self.mean) @ self.basis / np.square(self.basis).sum(axis=0)


@dataclass(frozen=True)
class Regression:
    """slopes [M, D]; explained [M]: shares of the variance, by leaving one sample out in turn."""

    slopes: np.ndarray
    explained: np.ndarray


def regress(x: np.ndarray, y: np.ndarray) -> Regression:
    """Fit x [N, D] to y [N, M], each column of y with the ridge that predicts it best."""
    centred = (torch.from_numpy(values - values.mean(axis=0)) for values in (x, y))
    slopes, explained = ridge(*centred, RIDGES)
    return Regression(slopes.numpy(), explained.numpy())


@dataclass(frozen=True)
class Direction:
    """One measure's direction in the groups' codes."""

    rows: np.ndarray  # [G, w_dim]: the change of each group's code that moves the measure by one
    groups: tuple[int, ...]  # those in which it is not zero
    cost: float  # |d|, in standard deviations of the codes
    explained: float  # share of the measure's variance, by the regression


def learn(
    codes: np.ndarray,
    measures: Mapping[str, np.ndarray],
    vectors: Sequence[np.ndarray],
    axes: Axes,
    held: Sequence[str] = (),
    only: Mapping[str, np.ndarray] | None = None,
) -> dict[str, Direction]:
    """Learn a direction for each measure.

    Args:
        codes: [N, G, w_dim].
        measures: by name, [N] each.
        vectors: each recogniser's [N, D], in units of its threshold.
        axes: of w.
        held: measures that no direction is wanted for, and none may move.
        only: the samples, bool [N], on which a measure means what it is called.
    """
    count, groups, _ = codes.shape
    x = axes.coordinates(codes).reshape(count, -1)
    width = x.shape[1] // groups
    names = list(measures)
    y = np.stack([measures[name] for name in names], axis=1)
    spread = y.std(axis=0)
    fitted = regress(x, y / spread)
    for name, chosen in (only or {}).items():
        k = names.index(name)
        part = regress(x[chosen], y[chosen, k : k + 1] / spread[k])
        fitted.slopes[k], fitted.explained[k] = part.slopes[0], part.explained[0]
    identity = regress(x, np.concatenate(vectors, axis=1)).slopes
    directions = {}
    for k, name in enumerate(names):
        if name in held:
            continue
        weight = IDENTITY_KEPT if name in EXPRESSION else IDENTITY_MAY
        metric = np.eye(x.shape[1]) + weight * identity.T @ identity
        still = [i for i, other in enumerate(names) if other not in ALONG.get(name, ())]
        slopes = fitted.slopes[still]
        d, chosen = _restricted(slopes, metric, still.index(k), groups, width)
        change = d.reshape(groups, width) @ axes.basis.T / spread[k]
        size = float(np.linalg.norm(d))
        directions[name] = Direction(change, chosen, size, float(fitted.explained[k]))
    return directions


def _restricted(
    slopes: np.ndarray, metric: np.ndarray, k: int, groups: int, width: int
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Solve for measure k in the fewest groups of places: (direction, those groups)."""
    solved: dict[tuple[int, ...], tuple[float, np.ndarray]] = {}
    for size in range(1, groups + 1):
        for chosen in itertools.combinations(range(groups), size):
            columns = np.concatenate([np.arange(g * width, (g + 1) * width) for g in chosen])
            d = np.zeros(slopes.shape[1])
            d[columns] = _least(slopes[:, columns], metric[np.ix_(columns, columns)], k)
            if abs(slopes[k] @ d - 1) < REACHED:
                solved[chosen] = float(d @ metric @ d), d
    least = min(cost for cost, _ in solved.values())
    best = min(
        (chosen for chosen, (cost, _) in solved.items() if cost <= SLACK * least),
        key=lambda chosen: (len(chosen), solved[chosen][0]),
    )
    return solved[best][1], best


def _least(slopes: np.ndarray, metric: np.ndarray, k: int) -> np.ndarray:
    """Solve slopes d = e_k for the least d' metric d, by Lagrange's multipliers."""
    spread = np.linalg.solve(metric, slopes.T)
    gram = slopes @ spread
    wanted = np.zeros(len(slopes))
    wanted[k] = 1
    # what the places chosen cannot move at all needs no constraint
    return spread @ np.linalg.lstsq(gram, wanted, rcond=1e-6)[0]


# --- scaled to what they do, and written -----------------------------------------------


@dataclass(frozen=True)
class Slider:
    """rows [G, w_dim]: the change of each group's code for one unit. facts: for the docs."""

    rows: np.ndarray
    facts: Mapping[str, object]


def fresh_codes(studio: Studio, count: int, first: int = SEED) -> list[Tensor]:
    """Draw ws [1, num_ws, w_dim] of faces that nothing was learned from."""
    return [studio.model.code_of(first + i, PSI) for i in range(count)]


def calibrate(
    studio: Studio,
    direction: Direction,
    name: str,
    values: np.ndarray,
    measures: Measures,
    extract: Extractor,
) -> Slider:
    """Scale a direction to what it does on fresh samples. values: the measure on the samples."""
    deviation = float(values.std())
    places = rows(studio.model.generator.config.layer_resolutions)
    change = torch.from_numpy(direction.rows[places]).float() * deviation
    codes = fresh_codes(studio, FACES)

    def measured(sign: int) -> np.ndarray:
        pictures = studio.renderer.previews([ws + sign * change for ws in codes])
        return measures(extract(pictures))[name]

    effect = float(np.nanmedian((measured(1) - measured(-1)) / 2)) / deviation
    one = unit(name, values)
    scale = one / max(effect, 0.2)
    facts = {
        "deviation": round(deviation / one, 4),  # of the samples, in the slider's unit
        "measure": round(one, 5),
        "explained": round(direction.explained, 3),
        "groups": list(direction.groups),
        "effect": round(effect, 3),
        "length": round(direction.cost * scale / deviation, 3),
    }
    return Slider(direction.rows * scale, facts)


def write(path: Path, sliders: Mapping[str, Slider], layer_resolutions: Sequence[int]) -> None:
    """Write the file that latent/edit/directions.py reads."""
    about = {
        "format": "facegen",
        "kind": "edits",
        "rows": json.dumps(rows(layer_resolutions)),
        "order": json.dumps(list(sliders)),
        "facts": json.dumps({name: dict(slider.facts) for name, slider in sliders.items()}),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: torch.from_numpy(slider.rows).half() for name, slider in sliders.items()}
    weights.write(path, tensors, about)
