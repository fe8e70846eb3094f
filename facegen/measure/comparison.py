"""How like the reference a variant is: who it shows, and how it holds its head."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..face.detect import Detector, implausible
from ..types import Face, IdentityDistance, StructureDelta
from . import structure
from .identity.dlib_recogniser import Judge, compare

SURE = 0.5  # the detector's confidence from which it is said to accept a face


@dataclass(frozen=True)
class Look:
    """What detector and judges see in one picture.

    confidence: the detector's, 0 to 1. trouble: why it is no face, None if it is one. vectors:
    judge name -> its vector; identity and structure: against the reference, as in Variant.
    """

    face: Face | None
    confidence: float
    trouble: str | None
    vectors: Mapping[str, np.ndarray] = field(default_factory=dict)
    identity: Mapping[str, IdentityDistance] = field(default_factory=dict)
    structure: StructureDelta | None = None


class Likeness:
    """Measures pictures against one reference.

    natural: a picture's score, above 0 natural (naturalness.py); None: not asked. reference: the
    aligned photo, uint8 [R, R, 3], as sharp as what it is compared with: a sharper
    reference would seem another person for its sharpness alone. Recognisers look at 256 pixels at
    most, so beyond those a preview and a finished picture are compared alike.
    """

    def __init__(
        self,
        detector: Detector,
        judges: Sequence[Judge],
        reference: np.ndarray,
        natural: Callable[[np.ndarray], float] | None = None,
    ):
        self._detector = detector
        self._judges = judges
        self._natural = natural
        self._size = reference.shape[1]
        self.face = detector.landmarks_of_crop(reference)
        found = {judge.name: judge.embed(reference, self.face) for judge in judges}
        self.vectors = {name: vector for name, vector in found.items() if vector is not None}

    def look(
        self,
        pixels: np.ndarray,
        known: Mapping[str, np.ndarray] | None = None,
        finished: bool = True,
    ) -> Look:
        """All that is seen in a picture, which may be smaller than the reference.

        known: vectors of this picture that some judge gave already. finished: else it is a
        preview, of which nobody can tell whether it is natural.
        """
        face = self._detector.landmarks_of_crop(pixels)
        confidence = self._detector.confidence(pixels)
        if face is None:
            return Look(None, confidence, "no face was found")
        trouble = implausible(face, pixels.shape[1])
        if trouble is None and confidence < SURE:
            trouble = "no face was found"
        if finished and trouble is None and self._natural and self._natural(pixels) <= 0:
            trouble = "the face is not natural"
        vectors = dict(known or {})
        for judge in self._judges:
            if judge.name not in vectors:
                vector = judge.embed(pixels, face)
                if vector is not None:
                    vectors[judge.name] = vector
        identity = {
            judge.name: compare(judge, self.vectors[judge.name], vectors[judge.name])
            for judge in self._judges
            if judge.name in vectors and judge.name in self.vectors
        }
        moved = None
        if self.face:
            moved = structure.measure(self.face, _scaled(face, self._size / pixels.shape[1]))
        return Look(face, confidence, trouble, vectors, identity, moved)


def _scaled(face: Face, factor: float) -> Face:
    """The same face in a picture of another size."""
    if factor == 1:
        return face
    left, top, right, bottom = (edge * factor for edge in face.box)
    landmarks, mesh = face.landmarks * factor, face.mesh * factor
    return replace(face, box=(left, top, right, bottom), landmarks=landmarks, mesh=mesh)
