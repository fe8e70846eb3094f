"""How like the reference a variant is: who it shows, how it holds its head, how old it looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..face import detect
from ..face.detect import Detector
from ..options import ATTRIBUTES
from ..types import AttributeShift, Face, IdentityDistance, StructureDelta
from . import structure
from .identity.dlib_recogniser import DlibRecogniser, Recogniser, compare
from .traits import Traits, moved


@dataclass(frozen=True)
class Measurement:
    """What detector and recognisers see in one picture.

    confidence: the detector's, 0 to 1. trouble: why it is no face, None if it is one. vectors:
    recogniser name -> its vector; identity, structure and attributes: against the reference, as
    in Variant.
    """

    face: Face | None
    confidence: float
    trouble: str | None
    vectors: Mapping[str, np.ndarray] = field(default_factory=dict)
    identity: Mapping[str, IdentityDistance] = field(default_factory=dict)
    structure: StructureDelta | None = None
    attributes: Mapping[str, AttributeShift] = field(default_factory=dict)


class Comparison:
    """Measures pictures against one reference.

    natural: a picture's score, above 0 natural (naturalness.py); None: not asked. reference: the
    aligned photo, uint8 [R, R, 3], as sharp as what it is compared with: a sharper
    reference would seem another person for its sharpness alone. Recognisers look at 256 pixels at
    most, so beyond those a preview and a finished picture are compared alike. traits: what pose
    and attributes are measured by; None: they are not.
    """

    def __init__(
        self,
        detector: Detector,
        recognisers: Sequence[Recogniser],
        reference: np.ndarray,
        natural: Callable[[np.ndarray], float] | None = None,
        traits: Traits | None = None,
    ):
        self._detector = detector
        self._recognisers = recognisers
        self._natural = natural
        self._size = reference.shape[1]
        self._measure_traits = traits
        self.face = detector.landmarks_of_crop(reference)
        found = {
            recogniser.name: recogniser.embed(reference, self.face) for recogniser in recognisers
        }
        self.vectors = {name: vector for name, vector in found.items() if vector is not None}
        self._traits: np.ndarray | None = None
        if traits and self.face:
            self._traits = traits(reference, self.vectors.get(DlibRecogniser.name))

    def moved(self, pixels: np.ndarray, vector: np.ndarray | None) -> np.ndarray | None:
        """How traits.NAMES differ from the reference's, as traits.moved counts; NaN for what is not
        seen, None where they are not measured. vector: dlib's of the picture, if it is known."""
        if self._measure_traits is None or self._traits is None:
            return None
        return moved(self._measure_traits(pixels, vector), self._traits)

    def attributes(
        self, pixels: np.ndarray, vector: np.ndarray | None
    ) -> dict[str, AttributeShift]:
        """By name, those that can be measured. vector: dlib's of the picture."""
        rate = self._measure_traits.attributes if self._measure_traits else None
        if rate is None or vector is None or self._traits is None:
            return {}
        before, now = self._traits[-len(ATTRIBUTES) :], rate(pixels, vector)
        return {
            name: AttributeShift(name, float(was), float(is_now))
            for name, was, is_now in zip(ATTRIBUTES, before, now, strict=True)
            if not np.isnan(was)
        }

    def measure(
        self,
        pixels: np.ndarray,
        known: Mapping[str, np.ndarray] | None = None,
        finished: bool = True,
    ) -> Measurement:
        """All that is seen in a picture, which may be smaller than the reference.

        known: vectors of this picture that some recogniser gave already. finished: else it is a
        preview, of which nobody can tell whether it is natural.
        """
        face = self._detector.landmarks_of_crop(pixels)
        confidence = self._detector.confidence(pixels)
        trouble = detect.trouble(face, confidence, pixels.shape[1])
        if face is None:
            return Measurement(None, confidence, trouble)
        if finished and trouble is None and self._natural and self._natural(pixels) <= 0:
            trouble = "the face is not natural"
        vectors = dict(known or {})
        for recogniser in self._recognisers:
            if recogniser.name not in vectors:
                vector = recogniser.embed(pixels, face)
                if vector is not None:
                    vectors[recogniser.name] = vector
        identity = {
            recogniser.name: compare(
                recogniser, self.vectors[recogniser.name], vectors[recogniser.name]
            )
            for recogniser in self._recognisers
            if recogniser.name in vectors and recogniser.name in self.vectors
        }
        delta = None
        if self.face:
            delta = structure.measure(self.face, _scaled(face, self._size / pixels.shape[1]))
        attributes = self.attributes(pixels, vectors.get(DlibRecogniser.name)) if finished else {}
        return Measurement(face, confidence, trouble, vectors, identity, delta, attributes)


def _scaled(face: Face, factor: float) -> Face:
    """The same face in a picture of another size."""
    if factor == 1:
        return face
    left, top, right, bottom = (edge * factor for edge in face.box)
    landmarks, mesh = face.landmarks * factor, face.mesh * factor
    return replace(face, box=(left, top, right, bottom), landmarks=landmarks, mesh=mesh)
