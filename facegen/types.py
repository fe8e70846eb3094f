"""The types passed between stages: photo -> faces -> aligned face -> ws -> variants.

Conventions, the same in every module:
    pixels      uint8 [H, W, 3], RGB
    images      float32 [N, 3, H, W], RGB, in [-1, 1]
    ws          float32 [N, num_ws, w_dim], on the CPU when it travels
    landmarks   float64 [K, 2], (x, y) in pixels; the centre of the first pixel is (0.5, 0.5)
    angles      degrees
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from . import limits

if TYPE_CHECKING:
    import numpy as np
    import torch


@dataclass(frozen=True)
class Face:
    """A face found in a photo.

    box: (left, top, right, bottom) in source pixels. score: the detector's confidence, 0 to 1.
    landmarks: float64 [68, 2], the 68-point definition, in source pixels, ordered as the person has
    them however the photo is turned. rotation: 0, 90, 180 or 270, the degrees by which the photo
    had to be turned clockwise to see the face upright. mesh: float64 [468, 3], mediapipe's points
    with depth (see face/landmarks.py), for measuring structure."""

    box: tuple[float, float, float, float]
    score: float
    landmarks: np.ndarray
    mesh: np.ndarray
    rotation: int = 0


@dataclass(frozen=True)
class Unread:
    """A photo of a set, read when it is its turn.

    name: of the output file, without its suffix. read: its bytes, called once, or twice for a
    consistent set; raises ImageError."""

    name: str
    read: Callable[[], bytes]
    boxes: Sequence[tuple[float, float, float, float]] | None = None


@dataclass(frozen=True)
class AlignedFace:
    """The FFHQ crop of one face.

    pixels: uint8 [R, R, 3]. quad: float64 [4, 2], the crop's corners in source pixels, in the order
    upper left, lower left, lower right, upper right; None where the picture was a crop already.
    face: the index of the face among the faces_found, largest first."""

    pixels: np.ndarray
    quad: np.ndarray | None
    face: int = 0
    faces_found: int = 1
    seconds: float = 0.0

    @property
    def digest(self) -> int:
        """Hash the pixels to 62 bits, by which random numbers differ from photo to photo."""
        return int.from_bytes(hashlib.sha256(self.pixels.tobytes()).digest()[:8], "big") >> 2


@dataclass(frozen=True)
class Inversion:
    """The reference in latent space, and how well it was reproduced.

    ws: float32 [1, num_ws, w_dim] on the CPU. pixels: uint8 [R, R, 3], what the generator makes of
    ws. distance: see invert.Distance; 0 is a perfect copy. measure: whose features it counts in,
    "classifier" or "recogniser". steps: optimisation steps taken, 0 for the encoder alone. noises:
    the noise maps found along with ws, one [H, W] a layer; None for the generator's own."""

    aligned: AlignedFace
    ws: torch.Tensor
    pixels: np.ndarray
    distance: float
    steps: int
    seconds: float
    noises: tuple[torch.Tensor, ...] | None = None
    measure: str = "recogniser"


@dataclass(frozen=True)
class IdentityDistance:
    """One recogniser's comparison of two pictures: below the threshold, the same person."""

    distance: float
    threshold: float

    @property
    def same_person(self) -> bool:
        return self.distance < self.threshold


@dataclass(frozen=True)
class StructureDelta:
    """How far pose and geometry moved.

    landmark_nme: mean distance of the 68 landmarks in the aligned crop, over the distance
    between the outer corners of the reference's eyes. Angles in degrees, variant minus
    reference. The expression's share (see structure.Expression), variant minus reference.
    """

    landmark_nme: float
    yaw_delta: float
    pitch_delta: float
    roll_delta: float
    mouth_delta: float = 0.0
    smile_delta: float = 0.0
    eyes_delta: float = 0.0

    @property
    def kept(self) -> bool:
        """Test for the same structure: within KEPT_NME and KEPT_ANGLE of limits.py."""
        angles = (self.yaw_delta, self.pitch_delta, self.roll_delta)
        return self.landmark_nme <= limits.KEPT_NME and max(map(abs, angles)) <= limits.KEPT_ANGLE


@dataclass(frozen=True)
class AttributeShift:
    """How a picture's age, gender presentation or skin tone differs from the reference's.

    In the units of measure/attributes.py."""

    name: str
    reference: float
    variant: float

    @property
    def delta(self) -> float:
        return self.variant - self.reference

    @property
    def kept(self) -> bool:
        """Test that it moved within KEPT_ATTRIBUTES of limits.py, or gender stayed on its side."""
        sides = (self.reference > limits.MIDDLE_GENDER) == (self.variant > limits.MIDDLE_GENDER)
        return abs(self.delta) <= limits.KEPT_ATTRIBUTES[self.name] or (
            self.name == "gender" and sides
        )


@dataclass(frozen=True)
class DialReading:
    """Where a variant lies between the photo and its stranger (see latent/vary/strength.py).

    amount: how far along the way, 0 to 1. wanted, strength: the requested strength, and the
    measured one."""

    amount: float
    wanted: float
    strength: float

    @property
    def reached(self) -> bool:
        return self.strength >= self.wanted


@dataclass(frozen=True)
class SelectionReport:
    """The outcome of "count variants": see latent/vary/selection.py.

    asked: variants wanted. made: variants made. different: those that every recogniser calls a
    different person; None where nothing was promised or no recogniser could tell. tried: seeds
    tried. passed_over: reason -> how many seeds were. between: recogniser's name -> N x N distances
    of the variants. measured: whether there was a face to measure by. alike_pairs: pairs of the
    variants that not every recogniser calls two people; None where `different` is. unseen: what was
    to stay and could not be measured on the photo. moved: variants whose structure is not kept.
    changed: variants of which an attribute that was to be kept is not. note: what to say instead of
    how many were found."""

    asked: int
    made: int
    different: int | None
    tried: int
    passed_over: Mapping[str, int] = field(default_factory=dict)
    between: Mapping[str, list[list[float | None]]] = field(default_factory=dict)
    measured: bool = False
    alike_pairs: int | None = None
    unseen: tuple[str, ...] = ()
    moved: int = 0
    changed: int = 0
    note: str = ""

    @property
    def found(self) -> bool:
        """Test that all variants exist, and none of them is the reference."""
        return self.made == self.asked and self.different in (None, self.asked)

    @property
    def kept(self) -> bool:
        """Test that all were found, and no two of them are one person."""
        return self.found and not self.alike_pairs

    def in_words(self) -> str:
        """Say how many there are and why not all; empty where nothing was measured."""
        if not self.measured:
            return ""
        if self.note:
            return f"{self.note}."
        if self.made == self.asked:
            none = ", not" if self.made == 1 else ", none of them"
            who = "" if self.different is None else f"{none} the person in the photo"
            told = [f"{_people(self.made, 'new ')}{who}"]
        else:
            why = max(self.passed_over, key=lambda reason: self.passed_over[reason], default="")
            verb = "was" if self.made == 1 else "were"
            told = [
                f"{self.made or 'None'} of {self.asked} {verb} found: of {_people(self.tried)} "
                f"tried nobody else fits the photo (most often: {why})"
            ]
        if self.different is not None and self.different < self.made:
            told.append(f"{self.different} of {self.made} are not the person in the photo")
        if self.alike_pairs:
            pairs = self.made * (self.made - 1) // 2
            told.append(f"{self.alike_pairs} of {pairs} pairs of them look like one person")
        if self.unseen:
            told.append(f"The photo does not show clearly enough: {', '.join(self.unseen)}")
        return ". ".join(told) + "."


def _people(count: int, kind: str = "") -> str:
    return f"{count} {kind}{'person' if count == 1 else 'people'}"


@dataclass(frozen=True)
class Variant:
    """Another person. ws: float32 [1, num_ws, w_dim]; pixels: uint8 [R, R, 3].

    identity: recogniser's name -> IdentityDistance to the reference; empty where none found a face.
    structure: None where no landmarks were found. attributes: by name; empty where they could not
    be rated. All are measured against the inversion's aligned photo."""

    ws: torch.Tensor
    pixels: np.ndarray
    seed: int
    strength: float
    identity: Mapping[str, IdentityDistance] = field(default_factory=dict)
    structure: StructureDelta | None = None
    attributes: Mapping[str, AttributeShift] = field(default_factory=dict)
    seconds: float = 0.0
    dial: DialReading | None = None

    @property
    def different_person(self) -> bool | None:
        """Return True if every recogniser says so, None if no recogniser could tell."""
        if not self.identity:
            return None
        return not any(found.same_person for found in self.identity.values())


# -- what takes a while -------------------------------------------------------------------

Told = TypeVar("Told")
Result = TypeVar("Result")


LOADING = "loading"  # the stage of a model's first use


@dataclass(frozen=True)
class Progress:
    """The progress of a stage: `done` of `of`.

    note: in words, what is done next. preview: uint8 [H, W, 3], how it looks so far."""

    stage: str
    done: float
    of: int
    note: str = ""
    preview: np.ndarray | None = field(default=None, compare=False, repr=False)


def drained(
    parts: Generator[Told, None, Result], tell: Callable[[Told], object] = lambda part: None
) -> Result:
    """Exhaust a generator and return its result; `tell` gets what it yields on the way."""
    try:
        while True:
            tell(next(parts))
    except StopIteration as end:
        return end.value
