"""How like the reference a variant is: who it shows, and how it holds its head."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import structure
from .detect import Detector
from .identity import Judge, compare
from .types import IdentityDistance, StructureDelta


class Likeness:
    """Measures pictures against one reference.

    reference: the aligned photo, uint8 [R, R, 3], at the resolution of what it is compared
    with: a sharper reference would seem another person for its sharpness alone.
    """

    def __init__(self, detector: Detector, judges: Sequence[Judge], reference: np.ndarray):
        self._detector = detector
        self._judges = judges
        self._face = detector.landmarks_of_crop(reference)
        self._embeddings = [judge.embed(reference, self._face) for judge in judges]

    def compare(
        self, pixels: np.ndarray
    ) -> tuple[dict[str, IdentityDistance], StructureDelta | None]:
        """(judge name -> distance, structure); without what could not be measured."""
        face = self._detector.landmarks_of_crop(pixels)
        identity = {}
        for judge, known in zip(self._judges, self._embeddings, strict=True):
            found = judge.embed(pixels, face)
            if known is not None and found is not None:
                identity[judge.name] = compare(judge, known, found)
        if face is None or self._face is None:
            return identity, None
        return identity, structure.measure(self._face, face)
