"""Ranking of a run's random codes by how well their predicted faces fit a photo.

A person is the visitor's own: a seed and a photo have one code, that nobody else gets. A run draws
the codes of POOL seeds, or PASTED_POOL. The cost of a code w is
    |c|^2 + (shape - photo's)^2 + (light, forehead - photo's)^2 + sum of max(0, short)^2,
c being the smallest change of w that makes the predicted traits the wanted ones, in standard
deviations of the codes (directions.py), `short` what a prediction of a kind or of a recogniser
lacks to be on the right side by a margin, each with a weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ... import limits
from ...measure.identity.dlib_recogniser import Recogniser
from ...measure.keeping import Wanted
from ...measure.kinds import KINDS
from ...measure.observation import LOOKS, TRAITS, Observation
from ...models import FaceModel
from ...options import MAX_SEED
from ...runtime import seeded, seeded_normal
from .directions import Directions
from .strangers import Strangers

POOL, PASTED_POOL = 32_768, 8_192  # codes of a run; of one for a face in a whole photo
PSI = 0.9  # their truncation: more is more variety, and more that do not hold
FARTHEST, STEP = 2.2, 1.2  # standard deviations of the codes: the most that the first change may
# move a code, and a correction
ENOUGH = 0.3  # of its limit: a trait that is so near is left alone, or faces are bent for nothing
OF_GAZE = 0.04  # of an eye's width
SHAPE_WEIGHT, KIND_WEIGHT, NATURAL_WEIGHT, PERSON_WEIGHT = 1.5, 1.0, 0.05, 8.0
GUESSED = {"dark": 6.0}  # log odds that are asked of a guess: dark lenses are few, and missed
LIKELY_WEIGHT = 0.3  # of kinds that the photo does not show clearly, and of a hat on it
LOOK_WEIGHTS = {"light": 1.0, "forehead": 0.1}  # in units of the pool's spread
MOST_LOOK = 9.0  # of these squares
PASTED_WEIGHT, BARE = 1.0, 0.1  # likewise for a face that is pasted; a bare forehead's brightness
LEAST_NATURAL = 4.0  # guessed score that is asked for
APART = 1.4  # times the threshold: the guessed distance from the photo that is asked for
SPECIAL, ORDINARY_WEIGHT = 1.0, 60.0
NEARER, NEARER_WEIGHT = 0.2, 0.1  # the guessed share of decoys that is asked for
SHORT_LIST = 800  # codes of the pool that are examined more closely
_CODE, _POOL = 43, 47  # keys of the random numbers drawn here


def seeds_of(seed: int, pool: int = POOL) -> list[int]:
    """Return the seeds of a run's pool, its own first."""
    others = torch.randint(0, MAX_SEED + 1, (pool - 1,), generator=seeded(_POOL, seed))
    return [seed, *others.tolist()]


def codes(model: FaceModel, seeds: Sequence[int], photo: int) -> Tensor:
    """Compute the codes w [N, w_dim] of seeds for a photo (AlignedFace.digest)."""
    generator = model.generator
    size = (generator.config.z_dim,)
    z = torch.stack([seeded_normal(size, _CODE, seed, photo) for seed in seeds])
    with torch.no_grad():
        return generator.mapping(z.to(generator.w_avg.device), PSI).float().cpu()


@dataclass(frozen=True, eq=False)
class Ranking:
    """The codes that fit best, the best first.

    rows: [M] of the pool's. costs: [M]. guess: what they are predicted to show once they are moved
    (Strangers.guess). own: whether the first code of the pool, that of the run's own seed, is among
    the best tenth."""

    rows: np.ndarray
    costs: np.ndarray
    guess: Mapping[str, np.ndarray]
    own: bool


@dataclass(frozen=True, eq=False)
class Matching:
    """A photo, and the requirements for a stranger who replaces the person in it."""

    strangers: Strangers
    directions: Directions
    wanted: Wanted
    recognisers: Sequence[Recogniser]
    pasted: bool = False  # their faces alone are wanted: bare foreheads, in the photo's light

    def rank(self, w: Tensor) -> Ranking:
        """Rank codes w [N, w_dim]."""
        guess = self.strangers.guess(w)
        gaps = self._gaps(guess["traits"])
        cost = self._cost(guess, gaps)
        rows = np.argsort(cost, kind="stable")[:SHORT_LIST]
        again = self.strangers.guess(self._moved(w[rows], gaps[rows]))
        costs = cost[rows] + self._nearness(again) + self._ordinary(again)
        order = np.argsort(costs, kind="stable")
        own = bool(cost[0] <= np.quantile(cost, 0.1))
        return Ranking(
            rows[order], costs[order], {name: one[order] for name, one in again.items()}, own
        )

    def start(self, w: Tensor) -> Tensor:
        """Close the predicted gaps of a code [w_dim]."""
        return self._moved(w[None], self._gaps(self.strangers.guess(w[None])["traits"]))[0]

    def corrected(self, w: Tensor, seen: Observation) -> Tensor:
        """Move a code [w_dim] by the gaps measured in its picture."""
        gap = np.nan_to_num(self.wanted.gap(seen))
        most = limits.TRAITS | {"gaze": OF_GAZE}
        free = np.array([ENOUGH * most.get(name, 0.0) for name in TRAITS])
        gap = np.sign(gap) * np.maximum(np.abs(gap) - free, 0.0)
        by = [gap[TRAITS.index(name)] for name in self.directions.names]
        # Rounded, so that the last bits of a picture do not reach the code.
        rounded = torch.from_numpy(np.round(np.array([by]), 3))
        return w + self.directions.change_within(rounded, STEP)[0].float()

    def _moved(self, w: Tensor, gaps: Tensor) -> Tensor:
        """Close the gaps [N, K] of codes [N, w_dim], as far as FARTHEST allows."""
        return w + self.directions.change_within(gaps, FARTHEST).float()

    def _gaps(self, traits: np.ndarray) -> Tensor:
        """Return the gaps [N, K] of the directions' traits, 0 where nothing is wanted."""
        columns = [name for name in self.strangers.names if name in TRAITS]
        gaps = [
            self.wanted.gap_of(name, traits[:, columns.index(name)])
            for name in self.directions.names
        ]
        return torch.from_numpy(np.nan_to_num(np.stack(gaps, axis=1)))

    def _cost(self, guess: Mapping[str, np.ndarray], gaps: Tensor) -> np.ndarray:
        photo = self.wanted.photo
        cost = self.directions.size(gaps).numpy() ** 2
        columns = [name for name in self.strangers.names if name in TRAITS]
        for name in LOOKS:
            if name in columns:
                found = guess["traits"][:, columns.index(name)]
                target = float(photo.traits[TRAITS.index(name)])
                if self.pasted and name == "forehead":
                    target = BARE
                off = (found - target) / max(float(found.std()), 1e-9)
                weight = PASTED_WEIGHT if self.pasted else LOOK_WEIGHTS[name]
                cost = cost + weight * np.minimum(np.nan_to_num(off) ** 2, MOST_LOOK)
        shape = self.strangers.shape_of(photo)
        if shape is not None:
            cost = cost + SHAPE_WEIGHT * ((guess["shape"] - shape) ** 2).mean(axis=1)
        if "kinds" in guess:
            for column, name in enumerate(KINDS):
                side, odds = self.wanted.side_of(name), guess["kinds"][:, column]
                if not side:  # is not asked for, but would be right
                    off = np.abs(odds - photo.kinds.get(name, 0.0))
                    cost = cost + LIKELY_WEIGHT * np.maximum(0, off - 2 * limits.SURE) ** 2
                else:
                    asked = GUESSED.get(name) or 2 * (
                        limits.SURE + min(limits.KINDS.get(name, 0.0), limits.SURE)
                    )
                    cost = cost + KIND_WEIGHT * np.maximum(0, asked - side * odds) ** 2
        if "natural" in guess:
            short = np.maximum(0, LEAST_NATURAL - guess["natural"][:, 0])
            cost = cost + NATURAL_WEIGHT * short**2
        for one in self.recognisers:
            if one.name in guess and one.name in photo.vectors:
                apart = one.distances(photo.vectors[one.name], guess[one.name])
                short = np.maximum(0, APART - apart / one.threshold)
                cost = cost + PERSON_WEIGHT * short**2
        return cost

    def _ordinary(self, guess: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the cost [N] of looking average: average faces resemble some of the others."""
        cost = np.zeros(len(guess["traits"]))
        for one in self.recognisers:
            if one.name in guess:
                middle = guess[one.name].mean(axis=0)
                apart = one.distances(middle, guess[one.name]) / one.threshold
                cost += ORDINARY_WEIGHT * np.maximum(0.0, SPECIAL - apart) ** 2
        return cost

    def _nearness(self, guess: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the cost [N] of few decoys being predicted nearer than the photo."""
        photo, decoys = self.wanted.photo, self.strangers.decoys.vectors
        cost = np.zeros(len(guess["traits"]))
        for one in self.recognisers:
            if one.name in guess and one.name in photo.vectors and one.name in decoys:
                limits = one.distances(photo.vectors[one.name], guess[one.name])
                nearer = one.distances(guess[one.name], decoys[one.name]) < limits[:, None]
                short = np.log(NEARER / np.maximum(nearer.mean(axis=1), 1e-3))
                cost += NEARER_WEIGHT * np.maximum(0.0, short) ** 2
        return cost
