"""From what was found out about each file to the data set: duplicates, numbers, dataset.json.

OUT/images/000001.png        the pictures; augmented ones 000001-flip.png
OUT/dataset.json             written last: with it the data set is complete
OUT/removed.csv              what was left out, and why
OUT/contact-sheet.png
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import images
from .._version import __version__
from ..errors import DataError
from ..files import write_file
from ..images import grid
from .duplicates import BITS, from_hex, near_duplicates
from .listing import DATASET
from .options import PrepareOptions
from .sources import UNREADABLE, Entry

FORMAT = "facegen-dataset"
PICTURES, REMOVED, SHEET = "images", "removed.csv", "contact-sheet.png"
EXACT, NEAR = "exact duplicate", "near duplicate"
_ON_SHEET, _COLUMNS, _THUMB = 100, 10, 96


@dataclass(frozen=True)
class Summary:
    """original: files in the source. cleaned, augmented: pictures in the data set."""

    original: int
    cleaned: int
    augmented: int
    removed: dict[str, int]
    threshold: int
    out: Path


def assemble(
    options: PrepareOptions,
    work: Path,
    entries: Sequence[Entry],
    results: Sequence,
    progress: Callable[[int, int], object] = lambda done, of: None,
) -> Summary:
    """Write the data set into options.out. results: of `examine`, None for an entry's problem.
    progress: pictures written so far, and in all.

    The same source and options give the same bytes, whatever happened before.
    """
    out = Path(options.out)
    pictures, removed = _sift(options, work, entries, results)
    if not pictures:
        raise DataError(f"no picture is left of {len(entries)} files: {_reasons(removed)}")
    shutil.rmtree(work / PICTURES, ignore_errors=True)
    (work / PICTURES).mkdir()
    augmented = []
    for number, picture in enumerate(pictures, start=1):
        progress(number - 1, len(pictures))
        stem = work / picture.pop("stem")
        name = f"{number:06d}"
        picture |= _place(stem.with_suffix(".png"), work, f"{name}.png")
        for kind in options.deciding()["augment"]:
            placed = _place(stem.with_name(f"{stem.name}-{kind}.png"), work, f"{name}-{kind}.png")
            augmented.append({**placed, "of": picture["file"], "augmentation": kind})
    counts = Counter(reason for _, _, reason, _ in removed)
    facts = {
        "format": FORMAT,
        "version": 1,
        "facegen": __version__,
        "source": Path(options.source).absolute().name,
        "licence": options.licence,
        "options": options.deciding(),
        "counts": {
            "original": len(entries),
            "cleaned": len(pictures),
            "augmented": len(augmented),
            "removed": dict(sorted(counts.items())),
        },
        "pictures": pictures,
        "augmented": augmented,
    }
    (out / DATASET).unlink(missing_ok=True)  # of a run that was ended while it cleared up
    shutil.rmtree(out / PICTURES, ignore_errors=True)
    os.replace(work / PICTURES, out / PICTURES)
    write_file(out / SHEET, _sheet([out / picture["file"] for picture in pictures]))
    write_file(out / REMOVED, _csv(removed))
    text = json.dumps(facts, indent=1, ensure_ascii=False) + "\n"
    # the source's name may have any bytes
    write_file(out / DATASET, text.encode("utf-8", "backslashreplace"))
    return Summary(len(entries), len(pictures), len(augmented), counts, options.threshold, out)


def _sift(options: Any, work: Any, entries: Any, results: Any) -> tuple[list[dict], list[tuple]]:
    """(the pictures to keep, in the source's order; (file, face, reason, detail) of the others)."""
    removed: list[tuple] = []
    found: list[dict] = []
    first: dict[str, str] = {}
    for entry, result in zip(entries, results, strict=True):
        if entry.problem:
            removed.append((entry.name, None, *entry.problem))
            continue
        sha256, problem = result
        if sha256 is None:
            removed.append((entry.name, None, UNREADABLE, problem))
            continue
        record = json.loads((work / f"{sha256}.json").read_text())
        # a broken file is broken each time; that it is there twice is not news
        if sha256 in first and record["pictures"]:
            removed.append((entry.name, None, EXACT, f"of {first[sha256]}"))
            continue
        first.setdefault(sha256, entry.name)
        removed += [(entry.name, *left_out) for left_out in record["left_out"]]
        for face in record["pictures"]:
            found.append(
                {
                    "stem": f"{sha256}-{face['face'] or 0}",
                    "source": entry.name,
                    "source_sha256": sha256,
                    "source_size": [record["width"], record["height"]],
                    "faces_found": record["faces_found"],
                    **face,
                }
            )
    if not found:
        return [], removed
    hashes = np.stack([from_hex(face["hash"]) for face in found])
    # of several copies the one with the most pixels stays
    order = sorted(range(len(found)), key=lambda i: (-found[i]["side"], i))
    twins = near_duplicates(hashes, order, options.threshold)
    for index, (kept, bits) in sorted(twins.items()):
        face, other = found[index], found[kept]
        like = f"{bits} of {BITS} bits differ from {_called(other)}"
        removed.append((face["source"], face["face"], NEAR, like))
    return [face for i, face in enumerate(found) if i not in twins], removed


def _called(face: dict) -> str:
    several = face["faces_found"] is not None and face["faces_found"] > 1
    return f"{face['source']} face {face['face']}" if several else face["source"]


def _place(file: Path, work: Path, name: str) -> dict:
    """Put a file of the work folder among the pictures; its name and hash."""
    target = work / PICTURES / name
    try:
        os.link(file, target)
    except OSError:  # a disk without links
        shutil.copyfile(file, target)
    sha256 = hashlib.sha256(target.read_bytes()).hexdigest()
    return {"file": f"{PICTURES}/{name}", "sha256": sha256}


def _csv(removed: Sequence[tuple]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "face", "reason", "detail"])
    for name, face, reason, detail in sorted(removed, key=lambda row: (row[0], row[1] or 0)):
        # spreadsheets run what begins like a formula
        safe = f"'{name}" if name[:1] in ("=", "+", "-", "@") else name
        writer.writerow([safe, "" if face is None else face, reason, detail])
    return text.getvalue().encode()


def _sheet(files: Sequence[Path]) -> bytes:
    """Up to _ON_SHEET pictures, evenly out of all."""
    count = min(len(files), _ON_SHEET)
    chosen = [files[i * len(files) // count] for i in range(count)]
    thumbs = [images.resize(images.load(file), _THUMB) for file in chosen]
    return images.encode_png(grid(thumbs, _COLUMNS))


def _reasons(removed: Sequence[tuple]) -> str:
    counts = Counter(reason for _, _, reason, _ in removed)
    return ", ".join(f"{count} {reason}" for reason, count in counts.most_common()) or "none"
