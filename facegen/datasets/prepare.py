"""Examine all files in several processes, and resume after an interruption.

Each file is decoded, its faces are detected, aligned, and written under the file's hash:

WORK/HASH.json           the record; written last, so whatever it names is there
WORK/HASH-FACE.png       the picture of one face
WORK/HASH-FACE-KIND.png  the same, augmented

Augmentation is for a trainer that does not augment itself. Borders are continued by their mirror
image. Amounts are drawn from the picture's own hash, so that they depend on nothing else: not on
its number, the order, or the processes at work.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from .. import images, process
from ..errors import DataError, ImageError, OutputError
from ..face import align, detect, landmarks
from ..files import make_folder, write_file
from ..options.prepare import PrepareOptions
from .sources import DATASET, UNFINISHED, UNREADABLE, Entry, open_source
from .writer import Summary, assemble, perceptual_hash, to_hex

STATE = "options.json"

Progress = Callable[[int, int], None]  # files done, files in all
NO_FACE, TOO_SMALL, NOT_LARGEST = "no face", "face too small", "not the largest face"
# Of augmentation.
ROTATION = 15.0  # degrees, either way
SHEAR, SCALE, SHIFT = 0.1, 0.1, 0.05  # at most; shift in units of the side
# Gaussian sigma and length of the motion in units of a 64th of the side: a face of 64 pixels
# moved by 2 to 6 of them.
SIGMA = (0.3, 1.0)
MOTION = (2.0, 6.0)


def prepare(
    options: PrepareOptions,
    progress: Progress | None = None,
    writing: Progress = lambda done, whole: None,
) -> Summary:
    """Make the data set, or finish an interrupted one.

    progress: files examined; writing: pictures written. An exception, from `progress` too, leaves
    the work folder behind: call again to resume. Raises DataError for an unusable source,
    OutputError for a folder in other use.
    """
    entries = open_source(options.source).entries()
    if not entries:
        raise DataError(f"{options.source} holds no files; name a folder or ZIP of pictures")
    work = _begin(options)
    results = _examine_all(options, work, entries, progress or (lambda done, whole: None))
    summary = assemble(options, work, entries, results, writing)
    shutil.rmtree(work)
    return summary


def _begin(options: PrepareOptions) -> Path:
    """Make the work folder, or take that of an interrupted run with the same options."""
    out, source = Path(options.out), Path(options.source)
    work = out / UNFINISHED
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise OutputError(f"{out} lies in the source {source}; name a folder outside of it")
    if (out / DATASET).exists() and not (work / STATE).exists():
        shutil.rmtree(work, ignore_errors=True)  # what is left of it
        raise OutputError(f"{out} holds a finished data set; name a new folder, or delete it")
    ours = json.dumps(options.deciding(), indent=1)
    if (work / STATE).exists():
        theirs = (work / STATE).read_text(encoding="utf-8")
        if theirs != ours:
            raise OutputError(
                f"{out} holds an unfinished data set with {_differences(theirs, ours)}; go on "
                f"with its options, or delete {work}"
            )
        return work
    if out.exists() and (not out.is_dir() or set(os.listdir(out)) - {UNFINISHED}):
        raise OutputError(f"{out} is not an empty folder; name a new one for the data set")
    make_folder(work)
    write_file(work / STATE, ours.encode())
    return work


def _differences(theirs: str, ours: str) -> str:
    try:
        before, now = json.loads(theirs), json.loads(ours)
        pairs = [(name, before.get(name), now[name]) for name in now]
        return ", ".join(f"{name} {a}, not {b}" for name, a, b in pairs if a != b)
    except (ValueError, AttributeError):
        return "options that cannot be read"


def _examine_all(
    options: PrepareOptions, work: Path, entries: Sequence[Entry], progress: Progress
) -> list:

    run = partial(examine, options, work)
    results: list = [None] * len(entries)
    wanted = [i for i, entry in enumerate(entries) if not entry.problem]
    count = min(options.workers or os.cpu_count() or 1, max(1, len(wanted)))
    progress(0, len(wanted))
    if count == 1:
        for done, index in enumerate(wanted, start=1):
            results[index] = run(entries[index])
            progress(done, len(wanted))
        return results
    # "fork" would copy mediapipe's threads half alive
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, context, _begin_worker)
    try:
        jobs = {pool.submit(run, entries[index]): index for index in wanted}
        for done, job in enumerate(as_completed(jobs), start=1):
            results[jobs[job]] = job.result()
            progress(done, len(wanted))
    except BrokenProcessPool as error:
        raise DataError(
            "a working process ended unexpectedly (out of memory, perhaps); call the same "
            "command again to go on, with --workers 1 if it happens again"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return results


def _begin_worker() -> None:
    """Use one core in each worker."""
    import torch

    process.end_with_parent()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


@lru_cache(1)
def _source(path: str) -> Any:
    return open_source(path)


@lru_cache(1)
def _detector() -> detect.Detector:
    return detect.Detector()


def examine(options: PrepareOptions, work: Path, entry: Entry) -> tuple[str | None, str]:
    """Write a file's record; returns (its sha256, "") or (None, what is wrong)."""
    try:
        data = _source(options.source).read(entry)
    except ImageError as error:
        return None, str(error)
    sha256 = hashlib.sha256(data).hexdigest()
    record = work / f"{sha256}.json"
    if not record.exists():
        facts = _record(options, work, sha256, data)
        write_file(record, json.dumps(facts).encode())
    return sha256, ""


def _record(options: PrepareOptions, work: Path, sha256: str, data: bytes) -> dict:
    """Write a file's pictures, and collect its record.

    width, height, pictures [{face, side, hash}], left_out [(face, reason, detail)]; face is None
    where none was to be detected. side: of the crop in the source's pixels.
    """
    try:
        pixels = images.load(data)
    except ImageError as error:
        return {"left_out": [(None, UNREADABLE, str(error))], "pictures": []}
    height, width = pixels.shape[:2]
    record: dict[str, Any] = {
        "width": width,
        "height": height,
        "faces_found": None,
        "pictures": [],
        "left_out": [],
    }
    if options.align:
        crops = _faces(options, pixels, record)
    else:
        side = min(height, width)
        crops = [(None, float(side), images.square(pixels, options.size))]
        if side * options.enlarge < options.size:
            crops = []
            record["left_out"].append((None, "too small", _too_small(options, side)))
    for face, side, picture in crops:
        stem = f"{sha256}-{face or 0}"
        write_file(work / f"{stem}.png", images.encode_png(picture))
        for kind in options.augment:
            more = augment(picture, kind, options.seed)
            write_file(work / f"{stem}-{kind}.png", images.encode_png(more))
        bits = to_hex(perceptual_hash(picture))
        record["pictures"].append({"face": face, "side": round(side, 1), "hash": bits})
    return record


def _faces(options: PrepareOptions, pixels: np.ndarray, record: dict) -> Any:
    """Yield (index, side of the crop, aligned picture) of each face that is large enough."""
    faces = _detector().detect(pixels, detect.MIN_FACE)
    record["faces_found"] = len(faces)
    left_out = record["left_out"]
    if not faces:
        left_out.append((None, NO_FACE, "no whole face was found"))
    for index, face in enumerate(faces):
        if index and options.faces == "largest":
            left_out.append((index, NOT_LARGEST, "take every face with --faces all"))
            continue
        high = landmarks.eyes_to_chin(face.landmarks)
        if high < detect.MIN_FACE:
            detail = f"{high:.0f} pixels from the eyes to the chin, {detect.MIN_FACE} are needed"
            left_out.append((index, TOO_SMALL, detail))
            continue
        quad = align.ffhq_quad(face.landmarks)
        side = float(np.linalg.norm(quad[3] - quad[0]))
        if side * options.enlarge < options.size:
            left_out.append((index, TOO_SMALL, _too_small(options, side)))
            continue
        yield index, side, align.crop(pixels, quad, options.size)


def _too_small(options: PrepareOptions, side: float) -> str:
    return (
        f"{side:.0f} pixels would be enlarged {options.size / side:.1f} times, "
        f"the limit is {options.enlarge:g}"
    )


# --- augmentation ----------------------------------------------------------------------


def augment(pixels: np.ndarray, kind: str, seed: int) -> np.ndarray:
    """Apply one of options.AUGMENTATIONS to square pixels uint8 [S, S, 3]; the same shape."""
    rng = _random(pixels, kind, seed)
    side = pixels.shape[0]
    if kind == "flip":
        return np.ascontiguousarray(pixels[:, ::-1])
    if kind == "rotation":
        return _warp(pixels, _turn(rng.uniform(-ROTATION, ROTATION)))
    if kind == "affine":
        shear = rng.uniform(-SHEAR, SHEAR, 2)
        scale = 1 + rng.uniform(-SCALE, SCALE, 2)
        matrix = np.array([[scale[0], shear[0]], [shear[1], scale[1]]])
        return _warp(pixels, matrix, rng.uniform(-SHIFT, SHIFT, 2) * side)
    if kind == "blur":
        sigma = rng.uniform(*SIGMA) * side / 64
        return cv2.GaussianBlur(pixels, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    assert kind == "motion", kind
    kernel = motion_kernel(rng.uniform(*MOTION) * side / 64, rng.uniform(0, 180))
    return cv2.filter2D(pixels, -1, kernel, borderType=cv2.BORDER_REFLECT_101)


def motion_kernel(length: float, degrees: float) -> np.ndarray:
    """Draw the path of a point that moves evenly along a line: sums to 1, odd sides."""
    half = int(np.ceil(length / 2))
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    direction = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    for step in np.linspace(-length / 2, length / 2, 8 * half + 1):
        x, y = half + step * direction[0], half + step * direction[1]
        left, top = int(np.floor(x)), int(np.floor(y))
        for column, row in ((left, top), (left + 1, top), (left, top + 1), (left + 1, top + 1)):
            share = (1 - abs(x - column)) * (1 - abs(y - row))
            if share > 0:
                kernel[row, column] += share
    return kernel / kernel.sum()


def _random(pixels: np.ndarray, kind: str, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(pixels.tobytes() + f"{kind}{seed}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _turn(degrees: float) -> np.ndarray:
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[cos, sin], [-sin, cos]])


def _warp(pixels: np.ndarray, matrix: np.ndarray, shift: np.ndarray | float = 0.0) -> np.ndarray:
    """Map linearly about the centre, then shift by pixels."""
    centre = np.full(2, (pixels.shape[0] - 1) / 2)
    offset = centre - matrix @ centre + shift
    return cv2.warpAffine(
        pixels,
        np.column_stack([matrix, offset]),
        pixels.shape[:2],
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )
