"""What travels through Facegen: photo -> faces -> aligned face -> ws -> variants.

Conventions, the same in every module:
    pixels      uint8 [H, W, 3], RGB
    images      float32 [N, 3, H, W], RGB, in [-1, 1]
    ws          float32 [N, num_ws, w_dim], on the CPU when it travels
    landmarks   float64 [K, 2], (x, y) in pixels; the centre of the first pixel is (0.5, 0.5)
    angles      degrees
Options carry the defaults of the whole project: the command line and the page read them
from here and never repeat one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from .errors import OptionError

if TYPE_CHECKING:
    import numpy as np
    import torch

MAX_COUNT = 16
MAX_SEED = 2**31 - 1
USUAL = -1  # refinement steps: what is usual for the model
NOISE_MODES = ("const", "random", "none")
DIFFERENT_FROM = 0.5  # the strength from which on a variant has to be a different person
MOVED = "pose or geometry moved"  # why a variant does not hold
KEPT_NME, KEPT_ANGLE = 0.08, 8.0  # degrees; up to these the structure counts as kept


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise OptionError unless low <= value <= high. NaN is outside every range."""
    if not low <= value <= high:
        raise OptionError(f"{name} is {value}; it must lie between {low} and {high}")


def option(default: float, low: float, high: float):
    """A dataclass field with its default and its range, both of them written here only."""
    return field(default=default, metadata={"range": (low, high)})


def range_of(options: type, name: str) -> tuple[float, float]:
    """The range of an option, for a slider or a help text: range_of(VaryOptions, "count")."""
    return next(one.metadata["range"] for one in fields(options) if one.name == name)


def range_in_words(options: type, name: str) -> str:
    """range_in_words(VaryOptions, "count") -> "1 to 16"."""
    return "{} to {}".format(*range_of(options, name))


def check_ranges(options) -> None:
    """Raise OptionError unless every option that has a range lies within it.

    An option whose default is an int takes whole numbers only.
    """
    for one in fields(options):
        if "range" in one.metadata:
            value = getattr(options, one.name)
            check_range(one.name, value, *one.metadata["range"])
            if type(one.default) is int and value != int(value):
                raise OptionError(f"{one.name} is {value}; it must be a whole number")


# --- options ---------------------------------------------------------------------------


@dataclass(frozen=True)
class InvertOptions:
    """How a photo becomes ws. steps 0: the encoder alone; more: refined by optimisation.

    USUAL: as many as are worth their time on the model, see Studio.steps.
    """

    steps: int = option(USUAL, USUAL, 2000)

    def __post_init__(self):
        check_ranges(self)


@dataclass(frozen=True)
class VaryOptions:
    """How far variants go from the reference, and which layers move.

    coarse, middle, fine: how much of `strength` reaches the layers up to 8x8 (pose and the
    shape of the head), 16x16 and 32x32 (features; 64x64 too at 1024 pixels), and above (colour
    and texture); 1 is the tuned default. truncation_psi pulls the variant towards
    the average face (1 = not at all). dial: strength is a promise that is searched for (see
    dial.py); without it, how far along the path to a stranger, with nothing promised.
    """

    count: int = option(6, 1, MAX_COUNT)
    strength: float = option(0.5, 0.0, 1.0)
    seed: int = option(0, 0, MAX_SEED)
    coarse: float = option(1.0, 0.0, 2.0)
    middle: float = option(1.0, 0.0, 2.0)
    fine: float = option(1.0, 0.0, 2.0)
    truncation_psi: float = option(1.0, 0.0, 1.0)
    noise_mode: str = "const"
    dial: bool = True

    def __post_init__(self):
        check_ranges(self)
        check_noise_mode(self.noise_mode)


@dataclass(frozen=True)
class SampleOptions:
    """Random faces with no reference."""

    count: int = option(6, 1, MAX_COUNT)
    seed: int = option(0, 0, MAX_SEED)
    truncation_psi: float = option(0.7, 0.0, 1.0)
    noise_mode: str = "const"

    def __post_init__(self):
        check_ranges(self)
        check_noise_mode(self.noise_mode)


@dataclass(frozen=True)
class StyleOptions:
    """The drawn look: which style, and how much of it (0 = the photo, 1 = all drawing)."""

    style: str = "cel"
    blend: float = option(1.0, 0.0, 1.0)

    def __post_init__(self):
        check_ranges(self)


def check_noise_mode(mode: str) -> None:
    if mode not in NOISE_MODES:
        raise OptionError(f"noise_mode is {mode!r}; it must be const, random or none")


# --- results ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Face:
    """A face found in a photo.

    box: (left, top, right, bottom) in source pixels. score: the detector's confidence, 0 to 1.
    landmarks: float64 [68, 2], the 68-point definition, in source pixels, ordered as the
    person has them however the photo is turned. rotation: 0, 90, 180 or 270, the degrees by
    which the photo had to be turned clockwise to see the face upright.
    mesh: float64 [468, 3], mediapipe's points with depth (see landmarks.py), for measuring
    structure.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: np.ndarray
    mesh: np.ndarray
    rotation: int = 0


@dataclass(frozen=True)
class AlignedFace:
    """The FFHQ crop of one face.

    pixels: uint8 [R, R, 3]. quad: float64 [4, 2], the crop's corners in source pixels, in
    the order upper left, lower left, lower right, upper right. face: the index of the face
    among the faces_found, largest first.
    """

    pixels: np.ndarray
    quad: np.ndarray
    face: int = 0
    faces_found: int = 1
    seconds: float = 0.0

    @property
    def digest(self) -> int:
        """A number of 62 bits made of the pixels, by which random numbers differ from photo to
        photo."""
        return int.from_bytes(hashlib.sha256(self.pixels.tobytes()).digest()[:8], "big") >> 2


@dataclass(frozen=True)
class Inversion:
    """The reference in latent space, and how well it was met.

    ws: float32 [1, num_ws, w_dim] on the CPU. pixels: uint8 [R, R, 3], what the generator
    makes of ws. distance: see invert.Distance; 0 is a perfect copy. measure: whose features it
    counts in, "classifier" or "recogniser". steps: optimisation steps taken, 0 for the encoder
    alone. noises: the noise maps found along with ws, one
    [H, W] a layer; None for the generator's own.
    """

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
    """One judge's opinion of two pictures: below the threshold they show the same person."""

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
        """The same structure: landmarks within KEPT_NME, each angle within KEPT_ANGLE."""
        angles = (self.yaw_delta, self.pitch_delta, self.roll_delta)
        return self.landmark_nme <= KEPT_NME and max(map(abs, angles)) <= KEPT_ANGLE


@dataclass(frozen=True)
class DialReading:
    """What the dial did for a variant (see dial.py).

    amount: how far along the path. target, distance: wanted and measured, as the search judge
    sees it. reached: whether the path went that far.
    """

    amount: float
    target: float
    distance: float
    judge: str

    @property
    def reached(self) -> bool:
        return self.distance >= self.target


def _without(known: Mapping, name: str | None) -> Mapping:
    return {key: value for key, value in known.items() if key != name} or known


def _counted(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {why}" for why, count in reasons.items())


@dataclass(frozen=True)
class Promise:
    """What became of "count variants": see casting.py.

    asked: variants wanted. made: variants there are. different: those that every judge at hand
    calls a different person; None where nothing was promised or nobody could judge. tried:
    seeds tried. passed_over: reason -> how many were. last_resorts: reason -> how many variants
    do not hold for it and are shown because nothing better was found. between: judge name -> N x N
    distances of the variants. search_judge: who steered the dial; None where it was not used.
    alike_pairs: pairs of the variants that not every judge calls two people; None where `different`
    is. unreached: variants nearer than the dial's target. moved: variants whose structure is not
    kept.
    """

    asked: int
    made: int
    different: int | None
    tried: int
    passed_over: Mapping[str, int] = field(default_factory=dict)
    last_resorts: Mapping[str, int] = field(default_factory=dict)
    between: Mapping[str, list[list[float | None]]] = field(default_factory=dict)
    search_judge: str | None = None
    alike_pairs: int | None = None
    unreached: int = 0
    moved: int = 0

    @property
    def reported(self) -> Mapping[str, list[list[float | None]]]:
        """between without the search judge, where another one reports."""
        return _without(self.between, self.search_judge)

    @property
    def found(self) -> bool:
        """As many as were asked for, and none of them the reference."""
        return self.made == self.asked and self.different in (None, self.asked)

    @property
    def kept(self) -> bool:
        """Found, and no two of them one person."""
        return self.found and not self.alike_pairs

    def in_words(self) -> str:
        """How many were reached and why not all; empty where nothing was promised."""
        if self.search_judge is None:
            return ""
        told = [self._all() if self.found else self._short()]
        if self.alike_pairs:
            pairs = self.made * (self.made - 1) // 2
            told.append(f"{self.alike_pairs} of {pairs} pairs of them are one person to a judge")
        if self.unreached:
            told.append(f"{self.unreached} of {self.made} stay nearer than the strength asks for")
        if self.moved:
            told.append(f"{self.moved} of {self.made} moved in pose or geometry")
        resorts = {why: count for why, count in self.last_resorts.items() if why != MOVED}
        if resorts:
            told.append(f"Last resorts among them: {_counted(resorts)}")
        return ". ".join(told) + "."

    def _all(self) -> str:
        reached = "" if self.different is None else ", every one of them a different person"
        return f"All {self.asked} were found{reached} ({self.tried} seeds tried)"

    def _short(self) -> str:
        short = f"{self.made} of {self.asked} were found" if self.made < self.asked else ""
        if self.different is not None and self.different < self.made:
            short += " and " * bool(short) + (
                f"only {self.different} of {self.made} are a different person"
            )
        short = short[:1].upper() + short[1:]
        why = f": {_counted(self.passed_over)}" if self.passed_over else ""
        return f"{short}: the budget of {self.tried} seeds ran out{why}"


@dataclass(frozen=True)
class Variant:
    """Somebody else. ws: float32 [1, num_ws, w_dim]; pixels: uint8 [R, R, 3].

    identity: judge name -> IdentityDistance to the reference; empty where no judge found a
    face. structure: None where no landmarks were found. Both are measured against the
    inversion's aligned photo.
    """

    ws: torch.Tensor
    pixels: np.ndarray
    seed: int
    strength: float
    identity: Mapping[str, IdentityDistance] = field(default_factory=dict)
    structure: StructureDelta | None = None
    seconds: float = 0.0
    dial: DialReading | None = None

    @property
    def different_person(self) -> bool | None:
        """True if every judge says so, None if no judge could tell."""
        if not self.identity:
            return None
        return not any(one.same_person for one in self.identity.values())

    @property
    def reported(self) -> Mapping[str, IdentityDistance]:
        """identity without the judge that steered the dial, where another one reports."""
        return _without(self.identity, self.dial and self.dial.judge)
