"""One person, one new face: how like each other it is in several photos, and who is sorted wrong.

    python benchmarks/consistent.py PHOTO [PHOTO ...] [--copies] [--runs 2]
        [--out DIR] [--model auto] [--device cpu]

PHOTO: of people who are there more than once. --copies: of each PHOTO a copy that is mirrored,
smaller and brighter stands beside it in the set. Told, of the finished photos: pairs of new faces
of one person (as the clustering has it) and the share that each recogniser takes for one person;
the same of new faces of different people, which should be none; of each new face whether a
recogniser still knows the old one. --runs: sets of new faces, each with a key of its own.
--out: the new faces, a row a person and run.
"""

from __future__ import annotations

import argparse
import statistics
import time
from itertools import combinations
from pathlib import Path

import common  # noqa: F401  (settles the process before torch is loaded)
import numpy as np
from PIL import Image

from facegen import Studio, images
from facegen.face import align
from facegen.options import AnonymiseOptions
from facegen.types import drained
from facegen.whole_photo import consistent
from facegen.whole_photo.replace import replace_faces


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--copies", action="store_true")
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--model", default="auto")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    studio = Studio.load(arguments.model, arguments.device)
    photos = [(path.stem, images.load(path)) for path in arguments.photos]
    if arguments.copies:
        photos += [(f"{name} copy", copied(pixels)) for name, pixels in photos]
    options = AnonymiseOptions(rest="keep", consistent=True)
    faces = [studio.detect(pixels) for _, pixels in photos]
    looks = [
        look
        for number, ((_, pixels), found) in enumerate(zip(photos, faces, strict=True))
        for look in consistent.look_at(studio, number, pixels, found)
    ]
    people = consistent.people(studio.recognisers, studio.resolution, looks)
    for person in people:
        names = [f"{photos[look.photo][0]} face {look.number}" for look in person.looks]
        print(f"person {person.number}: {', '.join(names)}", flush=True)
    same: dict[str, list[float]] = {one.name: [] for one in studio.recognisers}
    other: dict[str, list[float]] = {one.name: [] for one in studio.recognisers}
    rows: list[dict] = []
    for run in range(arguments.runs):
        began = time.perf_counter()
        key = consistent.new_key()
        found = {
            one: consistent.find(studio, key, one, photos[one.best.photo][1], options)
            for one in people
        }
        print(f"run {run + 1}: {time.perf_counter() - began:.0f} s for {len(people)} new faces")
        places = consistent.by_photo(found, len(photos))
        vectors: dict[int, list[dict]] = {one.number: [] for one in people}
        shown: dict[int, list[np.ndarray]] = {one.number: [] for one in people}
        for (name, pixels), there, stand_ins in zip(photos, faces, places, strict=True):
            if not stand_ins:
                continue
            began = time.perf_counter()
            only = AnonymiseOptions(rest="keep", faces=tuple(stand_ins), consistent=True)
            done = drained(replace_faces(studio, pixels, only, there, stand_ins))
            seconds = (time.perf_counter() - began) / len(stand_ins)
            for entry in done.faces:
                rows.append(entry | {"seconds": seconds})
                told = {name: entry[name] for name in ("identity", "to_the_new_face", "tries")}
                print(f"  {name}: {told}", flush=True)
            for number, one in stand_ins.items():
                crop, _ = align.align(done.pixels, there[number - 1], studio.resolution)
                face = studio.detector.landmarks_of_crop(crop)
                seen = {each.name: each.embed(crop, face) for each in studio.recognisers}
                vectors[one.number].append(seen)
                shown[one.number].append(images.resize(crop, 256))
        for each in studio.recognisers:
            for ours in vectors.values():
                same[each.name] += [
                    each.distance(a[each.name], b[each.name]) for a, b in combinations(ours, 2)
                ]
            for mine, yours in combinations(vectors.values(), 2):
                other[each.name] += [
                    each.distance(a[each.name], b[each.name]) for a in mine for b in yours
                ]
        if arguments.out:
            arguments.out.mkdir(parents=True, exist_ok=True)
            for number, crops in shown.items():
                path = arguments.out / f"run-{run + 1}-person-{number}.png"
                Image.fromarray(np.concatenate(crops, axis=1)).save(path)
    tell(studio, same, other, rows)


def copied(pixels: np.ndarray) -> np.ndarray:
    """Mirrored, at 0.7 of its size, brighter."""
    height, width = (round(0.7 * side) for side in pixels.shape[:2])
    small = images.resize(np.ascontiguousarray(pixels[:, ::-1]), (height, width))
    return np.clip(small.astype(np.float32) * 1.15 + 5, 0, 255).astype(np.uint8)


def tell(studio: Studio, same: dict, other: dict, rows: list[dict]) -> None:
    for each in studio.recognisers:
        for what, found in (("one person's", same[each.name]), ("different", other[each.name])):
            if found:
                below = 100 * sum(one < each.threshold for one in found) / len(found)
                print(
                    f"{each.name}, {len(found)} pairs of {what} new faces: median "
                    f"{statistics.median(found):.3f}, {below:.0f} % below {each.threshold}"
                )
    replaced = [row for row in rows if row["status"].startswith("replaced")]
    again = sum(bool(row["recognised_by"]) for row in replaced)
    moved = [row["landmark_nme"] for row in replaced if "landmark_nme" in row]
    print(f"{len(rows)} faces, {len(replaced)} replaced, {again} recognised again")
    print(f"landmarks moved, NME: median {statistics.median(moved):.3f}, worst {max(moved):.3f}")
    print(f"seconds a face: median {statistics.median(row['seconds'] for row in rows):.1f}")


if __name__ == "__main__":
    main()
