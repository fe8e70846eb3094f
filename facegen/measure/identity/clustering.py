"""Clustering of a set's faces by person, by all available recognisers.

Convention
    nearness(f, g) = max over recognisers of distance(f, g) / limit: below 1 all of them agree that
    it is one person. A person is the mean of the vectors of their faces. Faces come in the order of
    the set; each joins the nearest person below 1, or is a new one; then persons that are below 1
    of each other become one, the nearest first. Nothing is kept but the vectors: 1 KiB a face.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ... import limits
from . import calibration
from .dlib_recogniser import Recogniser


@dataclass(frozen=True)
class Seen:
    """A face: its photo, and recogniser's name -> its vector."""

    photo: int
    vectors: Mapping[str, np.ndarray]


@dataclass
class _Person:
    faces: list[int] = field(default_factory=list)
    sums: dict[str, np.ndarray] = field(default_factory=dict)
    photos: set[int] = field(default_factory=set)

    def vectors(self) -> dict[str, np.ndarray]:
        return {name: total / len(self.faces) for name, total in self.sums.items()}

    def add(self, number: int, face: Seen) -> None:
        self.faces.append(number)
        self.photos.add(face.photo)
        for name, vector in face.vectors.items():
            self.sums[name] = self.sums[name] + vector if name in self.sums else vector


def limit(recogniser: Recogniser, false_matches: float, resolution: int) -> float:
    """Return the distance below which that per cent of strangers lie.

    Never more than the recogniser's own threshold; that alone where it was not calibrated."""
    table = calibration.find(recogniser.name, resolution)
    if table is None:
        return recogniser.threshold
    return min(recogniser.threshold, table.threshold(false_matches))


def cluster(
    faces: Sequence[Seen], recognisers: Sequence[Recogniser], resolution: int
) -> list[list[int]]:
    """Group the indices of `faces` by person, in the order in which they first come.

    resolution: of the crops that the vectors are of. A face that lacks a recogniser's vector is a
    person alone, and so is everybody without recognisers."""
    wide, narrow = (
        {one.name: limit(one, rate, resolution) for one in recognisers}
        for rate in (limits.BETWEEN_PHOTOS, limits.IN_ONE_PHOTO)
    )

    def nearness(
        first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray], limits: dict[str, float]
    ) -> float:
        worst = 0.0 if recognisers else np.inf
        for one in recognisers:
            if one.name not in first or one.name not in second:
                return np.inf
            worst = max(worst, one.distance(first[one.name], second[one.name]) / limits[one.name])
            if worst >= 1:
                break
        return worst

    def apart(first: Sequence[int], second: Sequence[int]) -> bool:
        """Test whether two faces of one photo, one on each side, are two people's."""
        return any(
            faces[i].photo == faces[j].photo
            and nearness(faces[i].vectors, faces[j].vectors, narrow) >= 1
            for i in first
            for j in second
        )

    people: list[_Person] = []
    for number, face in enumerate(faces):
        near = [(nearness(face.vectors, one.vectors(), wide), i) for i, one in enumerate(people)]
        for found, index in sorted(near):
            if found >= 1:
                people.append(_Person())
                people[-1].add(number, face)
                break
            one = people[index]
            if face.photo not in one.photos or not apart([number], one.faces):
                one.add(number, face)
                break
        else:
            people.append(_Person())
            people[-1].add(number, face)
    while pair := _nearest(people, lambda a, b: nearness(a, b, wide), apart):
        first, second = pair
        for number in people[second].faces:
            people[first].add(number, faces[number])
        del people[second]
    return [sorted(one.faces) for one in people]


def _nearest(
    people: list[_Person],
    nearness: Callable[[Mapping, Mapping], float],
    apart: Callable[[Sequence[int], Sequence[int]], bool],
) -> tuple[int, int] | None:
    """Find the two that are most certainly one person; None if all are different."""
    means = [one.vectors() for one in people]
    near = sorted(
        (found, i, j)
        for j in range(len(people))
        for i in range(j)
        if (found := nearness(means[i], means[j])) < 1
    )
    for _, i, j in near:
        if not (people[i].photos & people[j].photos and apart(people[i].faces, people[j].faces)):
            return i, j
    return None
