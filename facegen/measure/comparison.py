"""Comparison of pictures with one reference: identity, pose and attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .. import limits
from ..options import ATTRIBUTES
from ..types import AttributeShift, Face, IdentityDistance, StructureDelta
from . import structure
from .identity.dlib_recogniser import compare
from .observation import Observation, Observer

NOT_NATURAL = "the face is not natural"


@dataclass(frozen=True, eq=False)
class Measurement:
    """Measurements of one picture beside the reference.

    trouble: why it is not a face, None if it is one. identity, structure and attributes: against
    the reference, as in Variant."""

    seen: Observation
    trouble: str | None
    identity: Mapping[str, IdentityDistance] = field(default_factory=dict)
    structure: StructureDelta | None = None
    attributes: Mapping[str, AttributeShift] = field(default_factory=dict)

    @property
    def face(self) -> Face | None:
        return self.seen.face

    @property
    def confidence(self) -> float:
        """Return the detector's confidence, 0 to 1."""
        return self.seen.confidence

    @property
    def vectors(self) -> Mapping[str, np.ndarray]:
        """Return recogniser's name -> its vector."""
        return self.seen.vectors


class Comparison:
    """Measures pictures against one reference.

    reference: the aligned photo, uint8 [R, R, 3], as sharp as the pictures compared with it: a
    sharper one would seem another person for its sharpness alone. face: the photo's, in its pixels.
    shown: the pixels of its photo that a side of it was cropped from. room: a factor for limits,
    since the fewer they are, the less do gauges see.
    """

    def __init__(self, observer: Observer, reference: np.ndarray, shown: float = np.inf):
        self.observer = observer
        self.room = float(np.clip(limits.SHARP / max(shown, 1.0), 1.0, limits.MOST_ROOM))
        self.recognisers = observer.recognisers
        self.seen = observer(reference)
        self.face = self.seen.scaled_face(reference.shape[1])
        self.vectors = self.seen.vectors

    def measure(self, pixels: np.ndarray, finished: bool = True) -> Measurement:
        """Measure a picture, which may be smaller than the reference.

        finished: else it is a preview, whose naturalness cannot be judged."""
        return self.of(self.observer(pixels), finished)

    def of(self, seen: Observation, finished: bool = True) -> Measurement:
        """Compare an observation with the reference."""
        trouble = seen.trouble
        if finished and trouble is None and seen.natural is not None and seen.natural <= 0:
            trouble = NOT_NATURAL
        if seen.face is None:
            return Measurement(seen, trouble)
        identity = {
            one.name: compare(one, self.vectors[one.name], seen.vectors[one.name])
            for one in self.recognisers
            if one.name in seen.vectors and one.name in self.vectors
        }
        delta, here = None, seen.scaled_face(self.seen.size)
        if self.seen.face and here:
            delta = structure.measure(self.seen.face, here)
        before, now = (one.traits[-len(ATTRIBUTES) :] for one in (self.seen, seen))
        attributes = {
            name: AttributeShift(name, float(was), float(is_now))
            for name, was, is_now in zip(ATTRIBUTES, before, now, strict=True)
            if not np.isnan(was) and not np.isnan(is_now)
        }
        return Measurement(seen, trouble, identity, delta, attributes)
