"""Who fits a photo: random codes of the run's own, ranked by how their faces are guessed to look.

A person is the visitor's own: for each photo POOL codes are drawn that nobody else gets, and a seed
chooses from a random share of them.
The cost of a code w is
    |c|^2 + (shape - photo's)^2 + (light, forehead - photo's)^2 + sum of max(0, short)^2,
c being the smallest change of w that makes the guessed traits the wanted ones, in standard
deviations of the codes (directions.py), `short` what a guess of a kind or of a recogniser lacks to
be on the right side by a margin, each with a weight. The best codes get the change c at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...measure.identity.dlib_recogniser import Recogniser
from ...measure.keeping import LIMITS, Wanted
from ...measure.kinds import KINDS, SURE
from ...measure.observation import LOOKS, TRAITS, Observation
from ...models import FaceModel
from ...runtime import seeded, seeded_normal
from ..codes import CodeStatistics
from .directions import Directions
from .strangers import Strangers

POOL, SHARE = 12_288, 0.35  # codes for one photo; the share of them that is for one seed
PSI = 0.85  # their truncation: more is more variety, and more that do not hold
FARTHEST, STEP = 2.0, 1.2  # standard deviations of the codes: the most that the first change may
# move a code, and a correction
ENOUGH = 0.3  # of its limit: a trait that is so near is left alone, or faces are bent for nothing
OF_GAZE = 0.04  # of an eye's width
SHAPE_WEIGHT, KIND_WEIGHT, NATURAL_WEIGHT, PERSON_WEIGHT = 0.6, 1.0, 0.05, 16.0
LOOK_WEIGHT = 0.1  # of light and forehead, in units of the pool's spread
SOMEBODY, ALONG, TURNED = (
    "somebody",
    2.5,
    1.2,
)  # standard deviations along the seed's own direction:
# asked for; and moved at most
SHORT_LIST = 64  # codes of the pool that are looked at twice
NEARER, NEARER_WEIGHT = 0.2, 0.6  # the guessed share of decoys that is asked for
LEAST_NATURAL = 4.0  # guessed score that is asked for
APART = 1.4  # times the threshold: the guessed distance from the photo that is asked for
_POOL, _SOMEBODY, _SHARE = 43, 47, 53  # keys of the random numbers drawn here


def pool(model: FaceModel, photo: int) -> Tensor:
    """Draw codes w [POOL, w_dim] for a photo (AlignedFace.digest)."""
    generator = model.generator
    z = seeded_normal((POOL, generator.config.z_dim), _POOL, photo)
    with torch.no_grad():
        return generator.mapping(z.to(generator.w_avg.device), PSI).float().cpu()


def share(count: int, seed: int, photo: int) -> np.ndarray:
    """Which of so many codes a seed may choose from: [count] bool."""
    return (torch.rand(count, generator=seeded(_SHARE, seed, photo)) < SHARE).numpy()


@dataclass(frozen=True, eq=False)
class Matching:
    """One photo, one seed, and what a stranger has to be like to take the photo's place.

    directions: of the traits, and of SOMEBODY: a random direction of the seed's own in what
    recognisers see, orthogonal to the photo's, along which its person lies; so that the people of
    several seeds are several people.
    """

    strangers: Strangers
    directions: Directions
    wanted: Wanted
    recognisers: Sequence[Recogniser]

    @classmethod
    def of(
        cls,
        strangers: Strangers,
        statistics: CodeStatistics,
        wanted: Wanted,
        recognisers: Sequence[Recogniser],
        *keys: int,
    ) -> Matching:
        """keys: the seed, and whatever else the direction is drawn from."""
        directions = strangers.directions(statistics)
        name = recognisers[0].name if recognisers else ""  # the one that confuses people most
        slopes, offsets = strangers.recogniser(name)
        if len(slopes) and name in wanted.photo.vectors:
            photo = torch.from_numpy(wanted.photo.vectors[name]) - offsets.double()
            random = seeded_normal((len(slopes),), _SOMEBODY, *keys).double()
            random = random - photo * (random @ photo) / (photo @ photo)
            directions = directions.with_row(SOMEBODY, random @ directions.freed(slopes.double()))
        return cls(strangers, directions, wanted, recognisers)

    def best(
        self, w: Tensor, guess: Mapping[str, np.ndarray], count: int
    ) -> tuple[Tensor, Mapping[str, np.ndarray]]:
        """Choose the `count` codes of w [N, w_dim] that fit best, their guessed gaps closed.

        guess: Strangers.guess of them. Returns [count, w_dim], the best first, and their guess.
        """
        gaps = self._gaps(w, guess["traits"])
        cost = self._cost(guess, gaps)
        order = torch.from_numpy(np.argsort(cost, kind="stable")[:SHORT_LIST].copy())
        if self.directions.names[-1:] == (SOMEBODY,):
            gaps[:, -1].clamp_(max=TURNED)
        moved = torch.stack(
            [w[i] + self.directions.change_within(gaps[i], FARTHEST).float() for i in order]
        )
        again = self.strangers.guess(moved)
        chosen = np.argsort(cost[order] + self._nearness(again), kind="stable")[:count]
        best = torch.from_numpy(chosen.copy())
        return moved[best], {name: values[chosen] for name, values in again.items()}

    def _nearness(self, guess: Mapping[str, np.ndarray]) -> np.ndarray:
        """[N]: what it costs that few decoys are guessed to be nearer than the photo."""
        photo, decoys = self.wanted.photo, self.strangers.decoys.vectors
        cost = np.zeros(len(guess["traits"]))
        for one in self.recognisers:
            if one.name in guess and one.name in photo.vectors and one.name in decoys:
                for i, vector in enumerate(guess[one.name]):
                    limit = one.distance(vector, photo.vectors[one.name])
                    share = float((one.distances(vector, decoys[one.name]) < limit).mean())
                    cost[i] += NEARER_WEIGHT * max(0.0, np.log(NEARER / max(share, 1e-3))) ** 2
        return cost

    def corrected(self, w: Tensor, seen: Observation) -> Tensor:
        """Move a code [w_dim] by what is missing in its picture."""
        gap = np.nan_to_num(self.wanted.gap(seen))
        free = np.array(
            [ENOUGH * LIMITS.get(name, OF_GAZE if name == "gaze" else 0.0) for name in TRAITS]
        )
        gap = np.sign(gap) * np.maximum(np.abs(gap) - free, 0.0)
        by = [0.0 if n == SOMEBODY else gap[TRAITS.index(n)] for n in self.directions.names]
        # Rounded, so that the last bits of a picture do not reach the code.
        rounded = torch.from_numpy(np.round(np.array(by), 3))
        return w + self.directions.change_within(rounded, STEP).float()

    def _gaps(self, w: Tensor, traits: np.ndarray) -> Tensor:
        """[N, K] of the directions' traits, 0 where nothing is asked."""
        columns = [name for name in self.strangers.names if name in TRAITS]
        gaps = []
        for name, slope in zip(self.directions.names, self.directions.slopes, strict=True):
            if name == SOMEBODY:
                along = ((w - self.strangers.centre).double() @ slope).numpy()
                gaps.append(np.maximum(ALONG - along, 0.0))
            else:
                gaps.append(self.wanted.gap_of(name, traits[:, columns.index(name)]))
        return torch.from_numpy(np.nan_to_num(np.stack(gaps, axis=1)))

    def _cost(self, guess: Mapping[str, np.ndarray], gaps: Tensor) -> np.ndarray:
        photo = self.wanted.photo
        cost = self.directions.size(gaps).numpy() ** 2
        columns = [name for name in self.strangers.names if name in TRAITS]
        for name in LOOKS:
            found = guess["traits"][:, columns.index(name)] if name in columns else np.zeros(1)
            off = (found - photo.traits[TRAITS.index(name)]) / max(float(found.std()), 1e-9)
            cost = cost + LOOK_WEIGHT * np.minimum(np.nan_to_num(off) ** 2, 4.0)
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
