"""What a new face has to share with the photo, and whether it does.

A photo is observed once (observation.py). What could not be measured on it is not a condition, and
`unseen` names it. The wanted age and skin may be moved by an offset of the seed's own (`*-band` of
options.KEEPABLE): then the new face does not reveal the person's exact age.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .. import limits
from ..face.landmarks import deviation
from ..options import ATTRIBUTES
from ..runtime import seeded_uniform
from . import gaze
from .observation import LOOKS, POSE, TRAITS, Observation

BAND = 12.0  # years, and of skin: the most that a band's offset moves them
# Reasons, in the words of the report.
POSE_MOVED = "pose, gaze or expression moved"
AGE, GENDER, SKIN = "another age", "another gender presentation", "another skin tone"
GLASSES, BEARD, CLUTTER = "glasses differ", "beard differs", "somebody or something else in it"
LIGHT, HAT = "the light falls otherwise", "a hat"
REASONS = {
    "clutter": CLUTTER, "glasses": GLASSES, "dark": GLASSES, "feminine": GENDER, "beard": BEARD,
    "child": AGE, "old": AGE, "headwear": HAT,
}  # fmt: skip
_BAND = 41  # key of the random numbers drawn here


@dataclass(frozen=True, eq=False)
class Wanted:
    """Requirements for a new face.

    photo: its observation. traits: [len(TRAITS)], the photo's but for bands; NaN: not required.
    keep: of options.KEEPABLE. room: a factor for all limits (Comparison.room). toned: whether the
    new face is given the photo's tone later, so that its own skin may be of another."""

    photo: Observation
    traits: np.ndarray
    keep: frozenset[str]
    room: float = 1.0
    toned: bool = False

    @classmethod
    def of(
        cls,
        photo: Observation,
        keep: Sequence[str],
        *keys: int,
        able: Collection[str] = TRAITS,
        room: float = 1.0,
        toned: bool = False,
    ) -> Wanted:
        """Derive them from a photo.

        keys: the seed and whatever else a band's offset is drawn from. able: traits that the model
        can be moved along; a pose or expression that it cannot draw is not required."""
        traits = photo.traits.copy()
        for column, name in enumerate(POSE):
            if name not in able:
                traits[column] = np.nan
        for column, name in enumerate(ATTRIBUTES, start=len(POSE) + len(LOOKS)):
            if f"{name}-band" in keep:
                share = seeded_uniform(_BAND, column, *keys)
                traits[column] += BAND * (2 * share - 1)
                if name == "age":
                    traits[column] = _within_band(traits[column], photo.traits[column])
            elif name not in keep:
                traits[column] = np.nan
        return cls(photo, traits, frozenset(keep), room, toned)

    def gap(self, seen: Observation) -> np.ndarray:
        """Return how much each trait is to move, [len(TRAITS)]; NaN: not required or not seen."""
        return np.array([self.gap_of(n, seen.traits[i]) for i, n in enumerate(TRAITS)], float)

    def gap_of(self, trait: str, found: Any) -> Any:
        """Return by how much a measured trait is to move; an array, or a number.

        A gender presentation has to be clear, on its own side of the middle, and not to be the
        same: halfway between the two the raters are least sure."""
        wanted = self.traits[TRAITS.index(trait)]
        if trait == "gender" and self._gender:
            asked = max(abs(wanted - limits.MIDDLE_GENDER), 2.5 * limits.CLEAR_GENDER)
            short = asked - self._gender * (found - limits.MIDDLE_GENDER)
            return self._gender * np.maximum(short, 0.0)
        return wanted - found

    def side_of(self, kind: str) -> int:
        """Return 1 for a kind that a new face must have, -1 for one it must not, 0 for either."""
        if kind == "clutter":
            return -1
        if kind in ("feminine", "beard") and "gender" not in self.keep:
            return 0
        if kind == "feminine" and not self._raters_agree:
            return 0
        if kind in ("child", "old") and "age" not in self.keep:
            return 0
        odds = self._odds(kind)
        if kind == "child" and abs(odds) < limits.SURE and self._age < limits.AGE_BANDS[1]:
            return 1
        if kind == "beard":
            if (
                self._odds("feminine") > limits.SURE
                or self._gender > 0
                or self.side_of("child") > 0
            ):
                return -1
            odds *= limits.SURE / limits.BEARD  # stubble is both
        side = int(np.sign(odds)) if abs(odds) >= limits.SURE else 0
        return min(side, 0) if kind == "headwear" else side  # models draw hats badly

    def broken(self, seen: Observation, room: float = 1.0) -> str | None:
        """Explain why a face does not share what it has to; None if it does.

        room: another factor for the limits."""
        room *= self.room
        if seen.trouble or seen.face is None:
            return seen.trouble or "no face"
        return (
            self._structure(seen, room**0.5)  # which small pictures show best
            or self._attributes(seen, room)
            or self._kinds(seen, (room - 1) * limits.SURE)
            or self._light(seen, room)
        )

    def _structure(self, seen: Observation, room: float) -> str | None:
        face, mesh = self.photo.face, self.photo.mesh
        there = seen.scaled_face(self.photo.size)
        if face is None or mesh is None or there is None or seen.mesh is None:
            return None
        if deviation(there.landmarks, face.landmarks) > limits.KEPT_NME * room:
            return POSE_MOVED
        for column, name in enumerate(TRAITS):
            moved = abs(seen.traits[column] - self.traits[column])
            if name in POSE and moved > limits.TRAITS.get(name, np.inf) * room:
                return POSE_MOVED
        across = gaze.apart(gaze.direction(mesh), gaze.direction(seen.mesh))
        return POSE_MOVED if across > limits.GAZE * room else None

    def _attributes(self, seen: Observation, room: float) -> str | None:
        age, _, skin = self.traits[-len(ATTRIBUTES) :]
        now_age, now_gender, now_skin = seen.traits[-len(ATTRIBUTES) :]
        if not np.isnan(age) and (
            abs(now_age - age) > limits.TRAITS["age"] * room or not _same_band(age, now_age)
        ):
            return AGE
        if (
            self._gender
            and self._gender * (now_gender - limits.MIDDLE_GENDER) < limits.CLEAR_GENDER / 2
        ):
            return GENDER
        most = limits.TRAITS["skin"] * room * (limits.TONED if self.toned else 1.0)
        if not np.isnan(skin) and abs(now_skin - skin) > most:
            return SKIN
        return None

    def _kinds(self, seen: Observation, slack: float) -> str | None:
        """Check the kinds. slack: of log odds, by which the limits are relaxed."""
        for name, reason in REASONS.items():
            side, asked = self.side_of(name), limits.KINDS.get(name, 0.0)
            if name != "clutter":  # no more than the photo itself shows
                asked = min(asked, abs(self._odds(name)))
            if side > 0:
                asked = min(asked, limits.SURE)
            if side and side * seen.kinds.get(name, side * np.inf) < asked - slack:
                return reason
        more = seen.kinds.get("beard", 0.0) - self._odds("beard")
        unclear = "gender" in self.keep and not self.side_of("beard")
        off = more if self._odds("beard") < 0 else abs(more)  # less than hardly any is none
        return BEARD if unclear and off > limits.STUBBLE + slack else None

    def _light(self, seen: Observation, room: float) -> str | None:
        own = 0.0 if self.photo.shading is None else float(self.photo.shading.std())
        most = room * max(limits.LIGHT, own)
        return LIGHT if self.photo.light_apart(seen) > most else None

    @property
    def _age(self) -> float:
        """Return the photo's age in years; infinite where it was not measured."""
        age = self.photo.traits[TRAITS.index("age")]
        return float("inf") if np.isnan(age) else float(age)

    @cached_property
    def _gender(self) -> int:
        """Return 1 or -1 for the required side of the gender presentation, 0 for either."""
        off = self.traits[TRAITS.index("gender")] - limits.MIDDLE_GENDER
        return (
            int(np.sign(off)) if abs(off) >= limits.CLEAR_GENDER / 2 and self._raters_agree else 0
        )

    @cached_property
    def _raters_agree(self) -> bool:
        """Test that the two measures of gender presentation do not contradict each other."""
        off = self.photo.traits[TRAITS.index("gender")] - limits.MIDDLE_GENDER
        odds = self._odds("feminine")
        return bool(
            not off * odds < 0 or abs(off) < limits.CLEAR_GENDER / 2 or abs(odds) < limits.SURE
        )

    def expression_off(self, seen: Observation) -> float:
        """Measure how far the expression is off, in the most that it may be; 0 where unknown."""
        off = [
            abs(seen.traits[TRAITS.index(name)] - self.traits[TRAITS.index(name)])
            / limits.TRAITS[name]
            for name in ("mouth", "smile", "eyes")
        ]
        return float(np.nanmax([0.0, *off]))

    @property
    def unseen(self) -> tuple[str, ...]:
        """List in words what was to be kept but could not be measured on the photo."""
        told = [
            name
            for name, value in zip(ATTRIBUTES, self.photo.traits[-len(ATTRIBUTES) :], strict=True)
            if np.isnan(value) and name in self.keep
        ]
        if not self._raters_agree and "gender" in self.keep:
            told.append("gender")
        sure = {"glasses": limits.SURE, "beard": limits.BEARD}
        told += [one for one, least in sure.items() if abs(self._odds(one)) < least]
        return tuple(told)

    def _odds(self, kind: str) -> float:
        """Return the log odds of a kind on the photo; nearer to 0 where it is small."""
        return self.photo.kinds.get(kind, 0.0) / self.room


def _within_band(age: float, photo: float) -> float:
    """Clip the age to the photo's own band."""
    edges = (0.0, *limits.AGE_BANDS, 100.0)
    band = int(np.searchsorted(limits.AGE_BANDS, photo, side="right"))
    return float(np.clip(age, edges[band], edges[band + 1]))


def _same_band(age: float, other: float) -> bool:
    """Test whether two ages lie in one band, give or take limits.BAND_SLACK."""
    low, high = sorted((age, other))
    years, share = limits.BAND_SLACK
    return not any(
        low + years + share * e < e <= high - years - share * e for e in limits.AGE_BANDS
    )
