"""Write the data set from the files' records: without duplicates, numbered, with dataset.json.

OUT/images/000001.png        the pictures; augmented ones 000001-flip.png
OUT/dataset.json             written last: with it the data set is complete
OUT/removed.csv              what was left out, and why
OUT/contact-sheet.png

Near duplicates are the same picture after resizing, recompressing, brightening; they are recognised
by the DCT hash of Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions"
(2010), section 3.1: grey, shrunk, its low frequencies compared with their median. With 16x16
frequencies instead of 8x8, since aligned faces resemble one another in the lowest: among 1,570
aligned faces of different people the nearest two differ in 48 of 255 bits, copies (JPEG quality 30,
half the size, 20 % brighter, less contrast) in at most 24.
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
from PIL import Image
from scipy import fft

from .. import images
from .._version import __version__
from ..errors import DataError, counted
from ..files import write_file
from ..images import grid
from ..options.prepare import PrepareOptions
from .sources import DATASET, UNREADABLE, Entry

FORMAT = "facegen-dataset"
PICTURES, REMOVED, SHEET = "images", "removed.csv", "contact-sheet.png"
EXACT, NEAR = "exact duplicate", "near duplicate"
_ON_SHEET, _COLUMNS, _THUMB = 100, 10, 96
_FREQUENCIES = 16
_SHRUNK = 4 * _FREQUENCIES
BITS = _FREQUENCIES**2 - 1  # the mean brightness says nothing
_BLOCK = 512


@dataclass(frozen=True)
class Summary:
    """What became of a source."""

    original: int  # files in the source
    cleaned: int  # pictures in the data set
    augmented: int  # and of these, made from others
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
    """Write the data set into options.out.

    results: of `examine`, None for an entry's problem. progress: pictures written so far, and in
    all. The same source and options give the same bytes, whatever happened before.
    """
    out = Path(options.out)
    pictures, removed = _sift(options, work, entries, results)
    if not pictures:
        files = counted(len(entries), "file")
        raise DataError(f"no picture is left of {files}: {_reasons(removed)}")
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
    """Sift out (the pictures to keep, in order; (file, face, reason, detail) of the others)."""
    removed: list[tuple] = []
    faces: list[dict] = []
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
            faces.append(
                {
                    "stem": f"{sha256}-{face['face'] or 0}",
                    "source": entry.name,
                    "source_sha256": sha256,
                    "source_size": [record["width"], record["height"]],
                    "faces_found": record["faces_found"],
                    **face,
                }
            )
    if not faces:
        return [], removed
    hashes = np.stack([from_hex(face["hash"]) for face in faces])
    # of several copies the one with the most pixels stays
    order = sorted(range(len(faces)), key=lambda i: (-faces[i]["side"], i))
    twins = near_duplicates(hashes, order, options.threshold)
    for index, (kept, bits) in sorted(twins.items()):
        face, other = faces[index], faces[kept]
        like = f"{bits} of {BITS} bits differ from {_called(other)}"
        removed.append((face["source"], face["face"], NEAR, like))
    return [face for i, face in enumerate(faces) if i not in twins], removed


def _called(face: dict) -> str:
    several = face["faces_found"] is not None and face["faces_found"] > 1
    return f"{face['source']} face {face['face'] + 1}" if several else face["source"]


def _place(file: Path, work: Path, name: str) -> dict:
    """Put a file of the work folder among the pictures; returns its name and hash."""
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
        writer.writerow([safe, "" if face is None else face + 1, reason, detail])
    return text.getvalue().encode()


def _sheet(files: Sequence[Path]) -> bytes:
    """Draw up to _ON_SHEET pictures, evenly out of all."""
    count = min(len(files), _ON_SHEET)
    chosen = [files[i * len(files) // count] for i in range(count)]
    thumbs = [images.resize(images.load(file), _THUMB) for file in chosen]
    return images.encode_png(grid(thumbs, _COLUMNS))


def _reasons(removed: Sequence[tuple]) -> str:
    counts = Counter(reason for _, _, reason, _ in removed)
    return ", ".join(f"{count} {reason}" for reason, count in counts.most_common()) or "none"


# --- near duplicates -------------------------------------------------------------------


def perceptual_hash(pixels: np.ndarray) -> np.ndarray:
    """Hash pixels uint8 [H, W, 3]: bool [BITS]."""
    small = Image.fromarray(pixels).convert("L")
    small = small.resize((_SHRUNK, _SHRUNK), Image.Resampling.LANCZOS)
    frequencies = fft.dctn(np.asarray(small, np.float64), norm="ortho")
    low = frequencies[:_FREQUENCIES, :_FREQUENCIES].ravel()[1:]
    return low > np.median(low)


def to_hex(bits: np.ndarray) -> str:
    return np.packbits(bits).tobytes().hex()


def from_hex(text: str) -> np.ndarray:
    return np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8))[:BITS].astype(bool)


def near_duplicates(
    hashes: np.ndarray, order: Sequence[int], threshold: int
) -> dict[int, tuple[int, int]]:
    """Choose what to leave out: index -> (the kept picture most like it, bits that differ).

    hashes: bool [N, BITS]. order: the indices, whoever comes first is kept. No two that are kept
    differ in `threshold` bits or fewer.
    """
    # With bits as -1 and 1 the product of two hashes is BITS minus twice their distance.
    signs = np.where(hashes[list(order)], np.float32(1), np.float32(-1))
    kept = np.zeros(len(signs), bool)
    out: dict[int, tuple[int, int]] = {}
    for start in range(0, len(signs), _BLOCK):
        block = signs[start : start + _BLOCK]
        distances = (BITS - signs[: start + len(block)] @ block.T) / 2
        for column in range(len(block)):
            here = start + column
            among = np.flatnonzero(kept[:here])
            if len(among):
                near = among[distances[among, column].argmin()]
                if distances[near, column] <= threshold:
                    out[order[here]] = (order[near], round(float(distances[near, column])))
                    continue
            kept[here] = True
    return out
