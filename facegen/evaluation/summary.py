"""The content of a report, as dataclasses; summarise.py computes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from .records import Unusable

ANGLES = ("yaw_delta", "pitch_delta", "roll_delta")
EXPRESSIONS = ("mouth_delta", "smile_delta", "eyes_delta")
NAMES_IN_FILES = {"recognisers": "judges"}


@dataclass(frozen=True)
class Middle:
    """The median of n values and their 10th and 90th percentile."""

    median: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Middle | None:
        """Compute it; None without values."""
        array = np.array(list(values), dtype=np.float64)
        if not len(array):
            return None
        low, median, high = (float(value) for value in np.percentile(array, (10, 50, 90)))
        return cls(median, low, high, len(array))


@dataclass(frozen=True)
class SetDistance:
    """Distance between two sets of faces.

    n: how many are in each. Precision and recall as shares, None where they are not computed
    (metrics.precision_recall)."""

    frechet: float
    n: tuple[int, int]
    precision: float | None = None
    recall: float | None = None


@dataclass(frozen=True)
class Pairs:
    """Pairs of variants of one reference.

    two, one: the shares that all recognisers call two people, and one person; on the rest they
    disagree, or some found no face."""

    count: int
    two: float
    one: float


@dataclass(frozen=True)
class Bar:
    """A requirement of the project, and the result."""

    bar: str
    reached: float
    wanted: float

    @property
    def met(self) -> bool:
        return self.reached >= self.wanted


@dataclass(frozen=True)
class InversionSummary:
    """The model's own pictures of the references. sharpness: over the reference's."""

    distance: Middle | None
    face: float | None
    structure_kept: float | None
    identity: Mapping[str, Middle | None]
    landmark_nme: Middle | None
    sharpness: Middle | None


@dataclass(frozen=True)
class StrengthSummary:
    """The variants at one strength: a column of the table.

    different, structure_kept and both are shares of all requested variants, face of those made."""

    asked: int
    made: int
    face: float | None
    different: float
    structure_kept: float
    both: float
    dial_reached: float | None
    tried: int
    passed_over: Mapping[str, int]
    confidence: Middle | None
    identity: Mapping[str, Middle | None]
    between: Mapping[str, Middle | None]
    pairs: Pairs | None
    landmark_nme: Middle | None
    largest_angle: Middle | None
    sharpness: Middle | None
    sets: Mapping[str, SetDistance] | None
    mouth_delta: Middle | None
    smile_delta: Middle | None
    eyes_delta: Middle | None


@dataclass(frozen=True)
class SamplesSummary:
    """Random faces. sharpness_levels: in grey levels, as there is no reference."""

    count: int
    truncation_psi: float
    face: float | None
    confidence: Middle | None
    sharpness_levels: Middle | None
    between: Mapping[str, Middle | None]
    sets: Mapping[str, SetDistance] | None


@dataclass(frozen=True)
class Summary:
    """Everything in the report.

    recognisers: name -> the threshold below which two pictures show one person. references: how
    many were used. seconds: medians on this device."""

    model: Mapping[str, Any]
    device: str
    recognisers: Mapping[str, float]
    options: Mapping[str, Any]
    references: int
    unusable: Sequence[Unusable]
    kept_means: Mapping[str, float]
    inversion: InversionSummary | None
    strengths: Mapping[str, StrengthSummary]
    samples: SamplesSummary | None
    seconds: Mapping[str, float] | None
    bars: Sequence[Bar]

    def as_dict(self) -> dict[str, Any]:
        """Convert for JSON, under the names that report.json has always had."""
        content = {
            NAMES_IN_FILES.get(field.name, field.name): _plain(getattr(self, field.name))
            for field in fields(self)
        }
        return content | {"bars": [asdict(bar) | {"met": bar.met} for bar in self.bars]}


def _plain(value: Any) -> Any:
    """Convert dataclasses to dictionaries at any depth."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if hasattr(value, "__dataclass_fields__"):
        return _plain({field.name: getattr(value, field.name) for field in fields(value)})
    return value
