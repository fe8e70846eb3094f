"""Faces replaced in whole photos: recognised again, found again, moved, and how long it takes.

    python benchmarks/anonymise.py [--photos DIR] [--faces DIR --first 955 --last 1004]
        [--steps 16] [--strength 0.5] [--seed 7] [--out DIR] [--model auto] [--device cpu]

--photos: photos as they are, of one or more people. --faces: aligned faces NUMBER.jpg; each is put,
at a size drawn between SIDES pixels, into a scene of its own (a blurred, enlarged other face), and
the whole scene is the photo. Of each face that is replaced: whether a recogniser still takes it for
the person before, whether the detector finds it again at its place, how far its landmarks and its
look (measure/gaze.py, radians) moved.
All is measured in the finished photo, where the face lies. --out: before and after, side by side.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import common  # noqa: F401  (settles the process before torch is loaded)
import cv2
import numpy as np
from PIL import Image

from facegen import FacegenError, Studio, images
from facegen.face import align
from facegen.face.landmarks import eyes_to_chin
from facegen.measure import gaze
from facegen.options import AnonymiseOptions
from facegen.types import Face, drained
from facegen.whole_photo import everybody
from facegen.whole_photo.replace import replace_faces

SIDES = (96, 400)  # pixels of a face's crop in a scene
SCENE = (640, 960)  # its height and width
NEAR = 0.5  # of eyes to chin: a face found nearer than this is the one that was replaced


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--faces", type=Path)
    parser.add_argument("--first", type=int, default=955)
    parser.add_argument("--last", type=int, default=1004)
    parser.add_argument("--steps", type=int, default=AnonymiseOptions.steps)
    parser.add_argument("--strength", type=float, default=AnonymiseOptions.strength)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--model", default="auto")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    studio = Studio.load(arguments.model, arguments.device)
    options = AnonymiseOptions(
        rest="keep", strength=arguments.strength, seed=arguments.seed, steps=arguments.steps
    )
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
    sets: dict[str, Iterator[tuple[str, np.ndarray]]] = {}
    if arguments.photos:
        sets["photos"] = photos(arguments.photos)
    if arguments.faces:
        sets["scenes"] = scenes(arguments.faces, arguments.first, arguments.last)
    for title, pictures in sets.items():
        rows = [
            row
            for name, pixels in pictures
            for row in measured(studio, name, pixels, options, arguments.out)
        ]
        told(title, rows, options)


def photos(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in images.SUFFIXES:
            yield path.stem, images.load(path)


def scenes(folder: Path, first: int, last: int) -> Iterator[tuple[str, np.ndarray]]:
    random = np.random.default_rng(0)
    paths = {int(path.stem): path for path in folder.iterdir() if path.stem.isdecimal()}
    numbers = [number for number in sorted(paths) if first <= number <= last]
    height, width = SCENE
    for number, other in zip(numbers, numbers[1:] + numbers[:1], strict=True):
        behind = images.resize(images.load(paths[other]), (height, width)).astype(np.float32)
        behind = cv2.GaussianBlur(behind, (0, 0), 80)
        side = int(random.integers(*SIDES))
        face = images.resize(images.load(paths[number]), side).astype(np.float32)
        top, left = int(random.integers(height - side)), int(random.integers(width - side))
        ramp = np.clip(np.minimum(np.arange(side), np.arange(side)[::-1]) / (0.06 * side), 0, 1)
        alpha = (ramp[:, None] * ramp[None, :])[..., None].astype(np.float32)
        place = behind[top : top + side, left : left + side]
        place += alpha * (face - place)
        noisy = behind + random.normal(0, 3, (height, width, 1))
        yield f"{number:04d}", np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def measured(
    studio: Studio, name: str, pixels: np.ndarray, options: AnonymiseOptions, out: Path | None
) -> Iterator[dict]:
    began = time.perf_counter()
    try:
        before = everybody.find(studio.detector, pixels, options, None)
        done = drained(replace_faces(studio, pixels, options, before))
    except FacegenError as error:
        print(f"{name}: {error}", flush=True)
        return
    seconds = time.perf_counter() - began
    after = studio.detect(done.pixels)
    assert np.array_equal(done.pixels[~done.changed], pixels[~done.changed])
    if out:
        Image.fromarray(np.concatenate([pixels, done.pixels], axis=1)).save(out / f"{name}.png")
    for entry in done.faces:
        face = before[entry["face"] - 1]
        row = {
            "name": name,
            "status": entry["status"],
            "size": entry["pixels_eyes_to_chin"],
            "recognised": bool(entry.get("recognised_by")),
            "found": any(near(face, other) for other in after),
            "nme": entry.get("landmark_nme"),
            "gaze": looked_aside(studio, pixels, done.pixels, face),
            "seconds": seconds / len(done.faces),
            "tries": entry.get("tries", 0),
        }
        print(row, flush=True)
        yield row


def looked_aside(studio: Studio, before: np.ndarray, after: np.ndarray, face: Face) -> float | None:
    """The angle between the two looks, in crops of one place; None where a mesh is not seen."""
    crop, quad = align.align(before, face, studio.resolution)
    meshes = [
        studio.detector.mesh_of_crop(one)
        for one in (crop, align.crop(after, quad, studio.resolution))
    ]
    if meshes[0] is None or meshes[1] is None:
        return None
    return gaze.apart(gaze.direction(meshes[0]), gaze.direction(meshes[1]))


def near(face: Face, other: Face) -> bool:
    apart = np.linalg.norm(face.landmarks.mean(axis=0) - other.landmarks.mean(axis=0))
    return bool(apart < NEAR * eyes_to_chin(face.landmarks))


def told(title: str, rows: list[dict], options: AnonymiseOptions) -> None:
    done = [row for row in rows if row["status"].startswith("replaced")]
    moved = [row["nme"] for row in done if row["nme"] is not None]
    print(f"{title}: {len(rows)} faces, {len(done)} replaced; {options.steps} steps")
    if not done:
        return
    share = lambda name: 100 * sum(row[name] for row in done) / len(done)  # noqa: E731
    print(f"  recognised again by either recogniser: {share('recognised'):.1f} %")
    print(f"  found again by the detector: {share('found'):.1f} %")
    print(f"  landmarks moved, NME: median {statistics.median(moved):.3f}, worst {max(moved):.3f}")
    looks = [row["gaze"] for row in done if row["gaze"] is not None]
    print(
        f"  gaze moved, rad: mean {statistics.mean(looks):.3f}, median "
        f"{statistics.median(looks):.3f}, worst {max(looks):.3f}"
    )
    print(f"  NME above 0.06: {sum(one > 0.06 for one in moved)} of {len(moved)}")
    print(
        f"  one stranger was enough in "
        f"{100 * sum(row['tries'] == 1 for row in done) / len(done):.0f} %"
    )
    print(f"  seconds a face: median {statistics.median(row['seconds'] for row in done):.1f}")


if __name__ == "__main__":
    main()
