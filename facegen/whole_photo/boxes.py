"""Detections from another program: boxes of faces, as JSON or CSV.

JSON: [[left, top, right, bottom], …] for one photo, or {"photo.jpg": [[…], …], …}. CSV: a header
with left, top, right and bottom, and with several photos file. In pixels of the photo as it is
shown, turned as its camera says.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import OptionError
from ..options import MAX_FACES
from .everybody import Box

MAX_BYTES = 4 * 2**20
EDGES = ("left", "top", "right", "bottom")


def read(path: str | Path) -> Mapping[str, list[Box]]:
    """Read the file: a photo's name, "" where the file names none -> its boxes.

    Raises OptionError in one line for anything wrong with it."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        text = data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise OptionError(f"{path} cannot be read ({error}); give a JSON or a CSV file") from error
    if len(data) > MAX_BYTES:
        raise OptionError(f"{path} has more than {MAX_BYTES >> 20} MB; give only boxes of faces")
    try:
        rows = list(_csv(text) if Path(path).suffix.lower() == ".csv" else _json(text))
        found: dict[str, list[Box]] = {}
        for name, row in rows:
            found.setdefault(name, []).append(_box(row))
    except (ValueError, TypeError, KeyError, RecursionError, csv.Error) as error:
        raise OptionError(
            f"{path} holds no boxes ({' '.join(str(error).split())[:120]}); each is left, top, "
            "right, bottom in pixels, as JSON lists or a CSV with these four in its header"
        ) from error
    for name, boxes in found.items():
        if len(boxes) > MAX_FACES:
            where = f" of {name}" if name else ""
            raise OptionError(f"{path} holds {len(boxes)} boxes{where}; at most {MAX_FACES}")
    return found


def of_photo(boxes: Mapping[str, list[Box]], photo: str | Path) -> list[Box]:
    """Pick a photo's boxes: those under its name, or those of a file that names no photo."""
    return boxes.get(Path(photo).name, boxes.get("", []))


def _json(text: str) -> Iterable[tuple[str, Any]]:
    content = json.loads(text)
    named = content if isinstance(content, dict) else {"": content}
    for name, rows in named.items():
        if not isinstance(rows, list):
            raise ValueError(f"{type(rows).__name__} in the place of a list of boxes")
        yield from ((name, row) for row in rows)


def _csv(text: str) -> Iterable[tuple[str, Any]]:
    for row in csv.DictReader(io.StringIO(text)):
        yield row.get("file") or "", [row[edge] for edge in EDGES]


def _box(row: Any) -> Box:
    values = [row[edge] for edge in EDGES] if isinstance(row, dict) else list(row)
    left, top, right, bottom = (float(value) for value in values)
    if not all(map(math.isfinite, (left, top, right, bottom))) or left >= right or top >= bottom:
        raise ValueError(f"{left:g}, {top:g}, {right:g}, {bottom:g} is not a box")
    return left, top, right, bottom
