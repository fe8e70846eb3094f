"""Labels of a set of pictures: what training and testing a face program wants to know of each.

    labels.json     COCO's keypoint format: 68 points, box, the person's mask, attributes
    labels.parquet  the same as a table, a row a picture
    README.md       a data card: what it is, its licence, how people are spread, what is uneven

Everything is measured on the picture, so it errs as the measures do (docs/evaluation.md). A split
is drawn from the person: nobody is in two of them.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import images
from ..errors import require
from ..files import write_file
from ..measure.groups import by_attributes
from ..measure.observation import TRAITS, Observation
from ..options import ATTRIBUTES

COCO, TABLE, CARD = "labels.json", "labels.parquet", "README.md"
SPLITS = (("train", 80), ("validation", 90), ("test", 100))  # per cent of people, from the last one
MASK = 256  # pixels of a mask's side
_POINTS = 68


@dataclass
class Labels:
    """The labels of a set, of which `write` makes files.

    model, terms: the model's name and its licence in words. rows: a picture each."""

    model: str
    terms: str
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self, file: str, size: int, person: str, seen: Observation, share: np.ndarray, **more: Any
    ) -> None:
        """Add a picture.

        size: its side in pixels. person: who it is, by which it is put into a split. seen: its
        observation. share: how much of each pixel is the person's (backdrop.py). more: further
        columns."""
        face = seen.scaled_face(size)
        measured = {
            name: None if np.isnan(value) else round(float(value), 3)
            for name, value in zip(TRAITS, seen.traits, strict=True)
        }
        kinds = {f"{name}_log_odds": round(float(odds), 2) for name, odds in seen.kinds.items()}
        row = {
            "file_name": file, "person": person, "split": split_of(person), "size": size,
            "box": None if face is None else [round(edge, 1) for edge in face.box],
            "landmarks": None if face is None else np.round(face.landmarks, 2).tolist(),
            **measured, **kinds, **more,
        }  # fmt: skip
        row["mask"] = run_lengths(images.resize(np.round(share * 255).astype(np.uint8), MASK) > 127)
        self.rows.append(row)

    def write(self, folder: Path) -> None:
        """Write all three files. Raises OutputError, MissingExtraError without pyarrow."""
        write_file(folder / COCO, (json.dumps(self.as_coco()) + "\n").encode())
        write_file(folder / TABLE, self._parquet())
        write_file(folder / CARD, self.card().encode())

    def as_coco(self) -> dict[str, Any]:
        """Return the labels in COCO's format (https://cocodataset.org/#format-data)."""
        pictures, annotations = [], []
        for number, row in enumerate(self.rows, start=1):
            size = row["size"]
            pictures.append(
                {"id": number, "file_name": row["file_name"], "width": size, "height": size}
            )
            if row["box"] is None:
                continue
            left, top, right, bottom = row["box"]
            points = [value for x, y in row["landmarks"] for value in (x, y, 2)]
            own = {"file_name", "size", "box", "landmarks", "mask"}
            annotations.append(
                {
                    "id": number, "image_id": number, "category_id": 1, "iscrowd": 0,
                    "bbox": [left, top, round(right - left, 1), round(bottom - top, 1)],
                    "area": round((right - left) * (bottom - top), 1),
                    "keypoints": points, "num_keypoints": _POINTS,
                    "segmentation": {"size": [MASK, MASK], "counts": row["mask"]},
                    "attributes": {name: v for name, v in row.items() if name not in own},
                }
            )  # fmt: skip
        return {
            "info": {"description": f"Faces of people who do not exist, drawn by {self.model}"},
            "licenses": [{"id": 1, "name": self.terms}],
            "images": [picture | {"license": 1} for picture in pictures],
            "annotations": annotations,
            "categories": [
                {
                    "id": 1, "name": "face", "supercategory": "person", "skeleton": [],
                    "keypoints": [f"point {number}" for number in range(1, _POINTS + 1)],
                }
            ],
        }  # fmt: skip

    def _parquet(self) -> bytes:
        require("batch")
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(self.rows), sink)
        return sink.getvalue().to_pybytes()

    def card(self) -> str:
        """Write the data card in Markdown."""
        people = {row["person"]: row for row in self.rows}
        splits = Counter(row["split"] for row in self.rows)
        pictures, who = (
            f"{count} {one if count == 1 else many}"
            for count, one, many in (
                (len(self.rows), "picture", "pictures"), (len(people), "person", "people"),
            )
        )  # fmt: skip
        lines = [
            "# Faces of people who do not exist", "",
            f"{pictures} of {who}, drawn by the model {self.model}. "
            "Nobody in them exists; somebody real may look like one of them by chance.", "",
            f"**Licence of the pictures:** {self.terms}", "",
            "| split | pictures |", "|---|---|",
            *(f"| {name} | {splits[name]} |" for name, _ in SPLITS), "",
            "No person is in two splits. `labels.json` is COCO's keypoint format, with a mask of "
            f"{MASK} x {MASK} pixels as run lengths; `labels.parquet` has a row a picture.", "",
            "## Who is in it", "",
            "As classifiers see the pictures, which err. They say nothing about who anybody is.",
            "", "| | group | people | share |", "|---|---|---|---|",
            *self._spread([*people.values()]), "",
            "The model draws what it learned unevenly: fewer children, old people, dark skin, hats "
            "and turned faces than there are among people. Do not conclude from a set like this "
            "that a program is fair.", "",
        ]  # fmt: skip
        return "\n".join(lines)

    @staticmethod
    def _spread(people: Sequence[Mapping[str, Any]]) -> list[str]:
        rated = np.array([[row[name] or np.nan for name in ATTRIBUTES] for row in people], float)
        rated = rated.reshape(-1, len(ATTRIBUTES))
        known = rated[~np.isnan(rated).any(axis=1)]
        return [
            f"| {trait} | {group} | {int(members.sum())} | {100 * members.mean():.0f} % |"
            for trait, groups in by_attributes(known).items()
            for group, members in groups.items()
            if len(known)
        ]


def split_of(person: str) -> str:
    """Draw a person's split from their name, the same in every run."""
    number = int.from_bytes(hashlib.sha256(person.encode()).digest()[:4], "big") % 100
    return next(name for name, below in SPLITS if number < below)


def run_lengths(mask: np.ndarray) -> list[int]:
    """Write a mask, bool [H, W], as COCO's uncompressed run lengths.

    Column by column, the number of places outside, then inside, and so on."""
    flat = np.concatenate([[False], mask.T.ravel()])
    ends = np.flatnonzero(flat[1:] != flat[:-1])
    return np.diff([0, *ends, mask.size]).tolist()
