"""Observation of one aligned crop: everything that is measured on it, at once.

Convention
    traits: in the order of TRAITS. yaw, pitch, roll in degrees; the openings of mouth, smile and
    eyes (structure.Expression); gaze, light and forehead (appearance.Appearance); then
    options.ATTRIBUTES (attributes.py). NaN for what is not seen or cannot be measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .. import images
from ..face import detect
from ..face.detect import Detector
from ..face.landmarks import MESH_POINTS, from_mesh
from ..options import ATTRIBUTES
from ..types import Face
from . import structure
from .appearance import appearance, gaze, light_apart, shading
from .attributes import Attributes
from .identity.dlib_recogniser import DlibRecogniser, Recogniser
from .kinds import Kinds
from .naturalness import Seer

POSE = ("yaw", "pitch", "roll", "mouth", "smile", "eyes", "gaze")
LOOKS = ("light", "forehead")
LOOKED_AT = 256  # pixels at most: what networks of 112 to 256 pixels want to see
TRAITS = (*POSE, *LOOKS, *ATTRIBUTES)


@dataclass(frozen=True, eq=False)
class Observation:
    """What one crop shows.

    face: None where no mesh fits. mesh: [478, 3], with the irises, in pixels of the crop.
    confidence: the detector's, 0 to 1. trouble: why it is not a face, None if it is one. kinds:
    name of kinds.KINDS -> log odds; empty where no classifier is available. shading: where the
    light falls (appearance.shading). natural: a score, above 0 natural; None where it cannot be
    judged. vectors: recogniser's name -> its vector. size: the crop's side in pixels."""

    size: int
    face: Face | None
    mesh: np.ndarray | None
    confidence: float
    trouble: str | None
    traits: np.ndarray
    kinds: Mapping[str, float] = field(default_factory=dict)
    natural: float | None = None
    vectors: Mapping[str, np.ndarray] = field(default_factory=dict)
    shading: np.ndarray | None = None

    def light_apart(self, other: Observation) -> float:
        """Measure the difference in light, of a face's brightness.

        Root mean square over the places of appearance.SHADED; 0 where a face is missing."""
        if self.shading is None or other.shading is None:
            return 0.0
        return light_apart(self.shading, other.shading)

    def scaled_face(self, size: int) -> Face | None:
        """Scale the face to a picture of another size."""
        if self.face is None or size == self.size:
            return self.face
        factor = size / self.size
        left, top, right, bottom = (edge * factor for edge in self.face.box)
        landmarks, mesh = self.face.landmarks * factor, self.face.mesh * factor
        return replace(self.face, box=(left, top, right, bottom), landmarks=landmarks, mesh=mesh)


class Observer:
    """Observes crops with everything that is available.

    seer: a classifier's features. natural: a picture's score. Attributes are read from dlib's
    vector of a face: without that recogniser they are not measured."""

    def __init__(
        self,
        detector: Detector,
        recognisers: Sequence[Recogniser] = (),
        seer: Seer | None = None,
        natural: Callable[[np.ndarray], float] | None = None,
    ):
        self.detector = detector
        self.recognisers = tuple(recognisers)
        self.seer = seer
        self._natural = natural
        known = any(isinstance(one, DlibRecogniser) for one in recognisers)
        self.attributes = Attributes(seer) if known else None
        self.kinds = Kinds(seer) if seer and known else None

    def __call__(self, pixels: np.ndarray) -> Observation:
        """Observe an aligned crop, uint8 [R, R, 3], at LOOKED_AT pixels at most."""
        pixels = looked_at(pixels)
        size = pixels.shape[1]
        mesh = self.detector.mesh_of_crop(pixels)
        face = None if mesh is None else face_of(mesh[:MESH_POINTS])
        confidence = self.detector.confidence(pixels)
        trouble = detect.trouble(face, confidence, size)
        traits = np.full(len(TRAITS), np.nan)
        if face is None or mesh is None:
            return Observation(size, face, mesh, confidence, trouble, traits)
        found = {one.name: one.embed(pixels, face) for one in self.recognisers}
        vectors = {name: vector for name, vector in found.items() if vector is not None}
        shown = appearance(pixels, mesh)
        traits[: len(POSE) + len(LOOKS)] = (*of_mesh(mesh), shown.light, shown.above)
        kinds: Mapping[str, float] = {}
        vector = vectors.get(DlibRecogniser.name)
        if self.attributes and vector is not None:
            traits[-len(ATTRIBUTES) :] = self.attributes(pixels, vector)
            if self.kinds:
                kinds = self.kinds(pixels, vector)
        natural = self._natural(pixels) if self._natural else None
        light = shading(pixels, mesh)
        return Observation(
            size, face, mesh, confidence, trouble, traits, kinds, natural, vectors, light
        )


def looked_at(pixels: np.ndarray) -> np.ndarray:
    """Shrink a crop, uint8 [R, R, 3], to LOOKED_AT pixels; smaller ones stay as they are."""
    return images.resize(pixels, min(LOOKED_AT, pixels.shape[1]))


def of_mesh(mesh: np.ndarray) -> tuple[float, ...]:
    """Return the values of POSE for a mesh [478, 3] with the irises."""
    shown = structure.expression(mesh[:MESH_POINTS])
    return (*structure.pose(mesh[:MESH_POINTS]), shown.mouth, shown.smile, shown.eyes, gaze(mesh))


def face_of(mesh: np.ndarray) -> Face:
    """Build the face of a mesh [468, 3]."""
    (left, top), (right, bottom) = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    return Face((float(left), float(top), float(right), float(bottom)), 1.0, from_mesh(mesh), mesh)
