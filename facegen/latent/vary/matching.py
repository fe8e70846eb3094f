"""Who fits a photo: random codes of the run's own, ranked by how their faces are guessed to look.

A person is the visitor's own: for each seed and photo POOL codes are drawn that nobody else gets.
The cost of a code w is
    |c|^2 + (shape - photo's)^2 / SHAPES + sum over kinds and recognisers of max(0, short)^2,
c being the smallest change of w that makes the guessed traits the wanted ones, in standard
deviations of the codes (directions.py), `short` what a guess lacks to be on the right side by a
margin. The best codes get that change at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...measure.identity.dlib_recogniser import Recogniser
from ...measure.keeping import Wanted
from ...measure.kinds import KINDS, SURE
from ...measure.observation import TRAITS, Observation
from ...models import FaceModel
from ...runtime import seeded_normal
from .directions import Directions
from .strangers import PSI, Strangers

POOL = 4096  # codes for one seed
FARTHEST = 2.5  # standard deviations of the codes: the most that a change may move a code
CORRECTED = 0.9  # of a measured gap: the face is no straight line
SHAPE_WEIGHT, KIND_WEIGHT, NATURAL_WEIGHT, PERSON_WEIGHT = 0.5, 0.15, 0.05, 12.0
LEAST_NATURAL = 4.0  # guessed score that is asked for
APART = 1.35  # times the threshold: the guessed distance from the photo that is asked for
LIGHT_WEIGHT = 4.0
_POOL = 43  # key of the random numbers drawn here


def pool(model: FaceModel, seed: int, photo: int) -> Tensor:
    """Draw codes w [POOL, w_dim] for that seed and photo (AlignedFace.digest)."""
    generator = model.generator
    z = seeded_normal((POOL, generator.config.z_dim), _POOL, seed, photo)
    with torch.no_grad():
        return generator.mapping(z.to(generator.w_avg.device), PSI).float().cpu()


@dataclass(frozen=True, eq=False)
class Matching:
    """One photo, and what a stranger has to be like to take its place."""

    strangers: Strangers
    directions: Directions
    wanted: Wanted
    recognisers: Sequence[Recogniser]

    def best(self, w: Tensor, count: int) -> Tensor:
        """Choose the `count` codes of w [N, w_dim] that fit best, their guessed gaps closed:
        [count, w_dim], the best first."""
        guess = self.strangers.guess(w)
        gaps = self._gaps(guess["traits"])
        order = np.argsort(self._cost(guess, gaps), kind="stable")[:count]
        chosen = torch.from_numpy(order.copy())
        changes = [self.directions.change_within(gaps[i], FARTHEST) for i in chosen]
        return w[chosen] + torch.stack(changes).float()

    def corrected(self, w: Tensor, seen: Observation) -> Tensor:
        """Move a code [w_dim] by what is missing in its picture."""
        gap = np.nan_to_num(self.wanted.gap(seen))[[TRAITS.index(n) for n in self.directions.names]]
        # Rounded, so that the last bits of a picture do not reach the code.
        by = torch.from_numpy(np.round(CORRECTED * gap, 3))
        return w + self.directions.change_within(by, FARTHEST).float()

    def _gaps(self, traits: np.ndarray) -> Tensor:
        """[N, K] of the directions' traits, 0 where nothing is asked."""
        columns = [name for name in self.strangers.names if name in TRAITS]
        gaps = []
        for name in self.directions.names:
            found = traits[:, columns.index(name)]
            gaps.append(self.wanted.gap_of(name, found))
        return torch.from_numpy(np.nan_to_num(np.stack(gaps, axis=1)))

    def _cost(self, guess: dict[str, np.ndarray], gaps: Tensor) -> np.ndarray:
        photo = self.wanted.photo
        cost = self.directions.size(gaps).numpy() ** 2
        shape = self.strangers.shape_of(photo)
        if shape is not None:
            cost = cost + SHAPE_WEIGHT * ((guess["shape"] - shape) ** 2).mean(axis=1)
        if "kinds" in guess:
            for column, name in enumerate(KINDS):
                side = self.wanted.side_of(name)
                short = np.maximum(0, 2 * SURE - side * guess["kinds"][:, column])
                cost = cost + (KIND_WEIGHT * short**2 if side else 0.0)
        if "natural" in guess:
            short = np.maximum(0, LEAST_NATURAL - guess["natural"][:, 0])
            cost = cost + NATURAL_WEIGHT * short**2
        for one in self.recognisers:
            if one.name in guess and one.name in photo.vectors:
                apart = one.distances(photo.vectors[one.name], guess[one.name])
                short = np.maximum(0, APART - apart / one.threshold)
                cost = cost + PERSON_WEIGHT * short**2
        return cost
