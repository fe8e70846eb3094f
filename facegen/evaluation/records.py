"""The records of an evaluation, one a reference or a hundred samples, and their files.

A record's file is an .npz: `facts`, a JSON text, with the vectors and pictures beside it.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..types import StructureDelta

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class PictureFacts:
    """The detector's and recognisers' measurements of one picture, against its reference.

    face: whether it counts as one; trouble: why it does not. confidence: the detector's, 0 to 1.
    identity: recogniser's name -> distance. different: another person to all of them. structure:
    None where there were no landmarks; kept: within the limits. sharpness: in grey levels
    (metrics.sharpness)."""

    face: bool
    trouble: str | None
    confidence: float
    identity: Mapping[str, float]
    different: bool
    structure: StructureDelta | None
    kept: bool
    sharpness: float

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> PictureFacts:
        moved = facts["structure"]
        return cls(**{**facts, "structure": moved and StructureDelta(**moved)})


@dataclass(frozen=True)
class StrengthFacts:
    """The variants of one reference at one strength; their counts as in SelectionReport.

    seconds: for all of them. reached, amounts: of each variant's strength calibration, None where
    there was none."""

    asked: int
    different: int | None
    tried: int
    passed_over: Mapping[str, int]
    between: Mapping[str, list[list[float | None]]]
    seconds: float
    reached: list[bool | None]
    amounts: list[float | None]
    variants: list[PictureFacts]

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> StrengthFacts:
        return cls(**{**facts, "variants": [PictureFacts.of(one) for one in facts["variants"]]})


@dataclass(frozen=True)
class Unusable:
    """A reference that could not be used, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class ReferenceRecord:
    """One reference, its inversion and its variants.

    distance: the inversion's. sharpness: the reference's. strengths: by the strength in words.
    vectors: "reference NAME" and "STRENGTH NAME" -> recogniser NAME's, [N, D]. pictures:
    "reference", "inversion" uint8 [R, R, 3], STRENGTH uint8 [N, R, R, 3], R at most PICTURE.
    """

    name: str
    align_seconds: float
    invert_seconds: float
    distance: float
    sharpness: float
    inversion: PictureFacts
    strengths: Mapping[str, StrengthFacts]
    vectors: Arrays = field(default_factory=dict)
    pictures: Arrays = field(default_factory=dict)

    @classmethod
    def of(cls, facts: Mapping[str, Any], vectors: Arrays, pictures: Arrays) -> ReferenceRecord:
        read = {
            "inversion": PictureFacts.of(facts["inversion"]),
            "strengths": {k: StrengthFacts.of(v) for k, v in facts["strengths"].items()},
        }
        return cls(**{**facts, **read}, vectors=vectors, pictures=pictures)


@dataclass(frozen=True)
class SamplesRecord:
    """Some random faces.

    pose: yaw, pitch and roll in degrees, None where no face was found. vectors: "samples NAME" ->
    [N, D]; pictures: "samples" -> uint8 [N, R, R, 3]."""

    seconds: float
    face: list[bool]
    confidence: list[float]
    sharpness: list[float]
    pose: list[list[float] | None]
    vectors: Arrays = field(default_factory=dict)
    pictures: Arrays = field(default_factory=dict)

    @classmethod
    def of(cls, facts: Mapping[str, Any], vectors: Arrays, pictures: Arrays) -> SamplesRecord:
        return cls(**facts, vectors=vectors, pictures=pictures)


Record = ReferenceRecord | SamplesRecord | Unusable


def references_of(records: Iterable[Record]) -> list[ReferenceRecord]:
    return [record for record in records if isinstance(record, ReferenceRecord)]


def samples_of(records: Iterable[Record]) -> list[SamplesRecord]:
    return [record for record in records if isinstance(record, SamplesRecord)]


def unusable_of(records: Iterable[Record]) -> list[Unusable]:
    return [record for record in records if isinstance(record, Unusable)]


def save(file: Path, record: Record) -> None:
    """Write a record to `file`, whole or not at all."""
    facts = asdict(record)
    vectors, pictures = (facts.pop(name, {}) for name in ("vectors", "pictures"))
    arrays = {f"vectors/{name}": vector.astype(np.float32) for name, vector in vectors.items()}
    arrays |= {f"pictures/{name}": pixels for name, pixels in pictures.items()}
    text = json.dumps({"kind": type(record).__name__, **facts})
    part = file.with_suffix(".part")
    with part.open("wb") as target:
        np.savez_compressed(target, facts=np.array(text), **arrays)
    os.replace(part, file)


def load(file: Path) -> Record | None:
    """Load a record; None if there is none, or it cannot be read."""
    if not file.is_file():
        return None
    try:
        with np.load(file, allow_pickle=False) as content:
            groups: dict[str, Arrays] = {"vectors": {}, "pictures": {}}
            for name in content.files:
                if name != "facts":
                    group, rest = name.split("/", 1)
                    groups[group][rest] = content[name]
            facts = json.loads(str(content["facts"]))
        kind = facts.pop("kind")
        if kind == Unusable.__name__:
            return Unusable(**facts)
        if kind == SamplesRecord.__name__:
            return SamplesRecord.of(facts, **groups)
        return ReferenceRecord.of(facts, **groups)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
