"""How well somebody who knows N people by another photo recognises them under a cover.

    python benchmarks/cover.py --faces omi-256 [--people 60]

faces: a folder of aligned faces. The other photo is the same one in another light, turned, scaled
and noisy, and covered in the same way: an attacker's best case. They compare 24 x 24 pixels within
the face, each picture normalised.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from facegen import images
from facegen.face import cover
from facegen.face.detect import Detector
from facegen.types import Face

SIZE, SEEN = 256, 24


def ways(pixels: np.ndarray, face: Face, seed: int) -> dict[str, np.ndarray]:
    """The face bare, covered, as a mosaic of 8 tiles and blurred: what is seen of each."""
    left, top, right, bottom = (round(edge) for edge in face.box)
    tiles = max(1, SIZE * 8 // (right - left))
    mosaic = cv2.resize(pixels, (tiles, tiles), interpolation=cv2.INTER_AREA)
    pictures = {
        "bare": pixels,
        "covered": cover.cover(pixels, face, seed)[0],
        "mosaic of 8": cv2.resize(mosaic, (SIZE, SIZE), interpolation=cv2.INTER_NEAREST),
        "blur": cv2.GaussianBlur(pixels, (0, 0), (right - left) / 12),
    }
    oval = cv2.ellipse(np.zeros((SEEN, SEEN), np.uint8), (12, 12), (10, 11), 0, 0, 360, 1, -1) > 0
    seen = {}
    for name, picture in pictures.items():
        inside = picture[max(top, 0) : bottom, max(left, 0) : right]
        small = cv2.resize(inside, (SEEN, SEEN), interpolation=cv2.INTER_AREA).astype(float)[oval]
        seen[name] = (small - small.mean()).ravel() / (small.std() + 1e-6)
    return seen


def again(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The other photo."""
    light = pixels * random.uniform(0.7, 1.3) * random.uniform(0.93, 1.07, 3)
    noisy = np.clip(light + random.normal(0, 4, pixels.shape), 0, 255).astype(np.uint8)
    turn = cv2.getRotationMatrix2D(
        (SIZE / 2, SIZE / 2), random.normal(0, 4), random.uniform(0.9, 1.1)
    )
    return cv2.warpAffine(noisy, turn, (SIZE, SIZE), borderMode=cv2.BORDER_REFLECT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--people", type=int, default=60)
    arguments = parser.parse_args()
    detector, random = Detector(), np.random.default_rng(0)
    paths = sorted(path for path in arguments.faces.iterdir() if path.suffix in images.SUFFIXES)
    known: dict[str, list[np.ndarray]] = {}
    asked: dict[str, list[np.ndarray]] = {}
    for path in paths[:: max(1, len(paths) // arguments.people)][: arguments.people]:
        pixels = images.resize(images.load(path), SIZE)
        other = again(pixels, random)
        faces = [detector.landmarks_of_crop(picture) for picture in (pixels, other)]
        if None in faces:
            continue
        for all_of, picture, face in zip((asked, known), (pixels, other), faces, strict=True):
            for name, vector in ways(picture, face, len(known)).items():
                all_of.setdefault(name, []).append(vector)
    for name in asked:
        apart = np.linalg.norm(np.array(asked[name])[:, None] - np.array(known[name])[None], axis=2)
        right = (apart.argmin(axis=1) == np.arange(len(apart))).mean()
        print(f"{name}: the right one of {len(apart)} in {100 * right:.0f} %")


if __name__ == "__main__":
    main()
