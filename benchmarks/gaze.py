"""What mediapipe's irises see of a look: moved by known amounts, and read again.

    python benchmarks/gaze.py FACES [--first 1] [--last 100]

FACES is a folder of aligned faces. Each iris is cut out, its place is filled from the white
around it, and it is laid in again up to 0.12 of the eye's width aside or 0.06 up or down, below the
same lids. Prints which share of the movement the mesh shows (measure/gaze.py keeps it as GAIN), and
how far the angle that follows is off.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from facegen import images
from facegen.face.detect import Detector
from facegen.measure import gaze

LIDS = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398),
)
RINGS = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))
CORNERS = ((33, 133), (362, 263))
ACROSS, DOWN = (-0.12, -0.06, 0.06, 0.12), (-0.06, -0.03, 0.03, 0.06)
ENLARGED = 4


def moved(pixels: np.ndarray, mesh: np.ndarray, by: tuple[float, float]) -> np.ndarray:
    """The picture with both irises moved by (across, down) in widths of the eye."""
    size = pixels.shape[0]
    large = cv2.resize(pixels, (size * ENLARGED,) * 2, interpolation=cv2.INTER_CUBIC)
    points = mesh[:, :2] * ENLARGED
    for lids, ring, (left, right) in zip(LIDS, RINGS, CORNERS, strict=True):
        opening = np.zeros(large.shape[:2], np.uint8)
        cv2.fillPoly(opening, [points[list(lids)].round().astype(np.int32)], 255)
        centre = points[ring[0]]
        radius = np.linalg.norm(points[list(ring[1:])] - centre, axis=1).mean() * 1.1
        disc = np.zeros_like(opening)
        cv2.circle(disc, [int(v) for v in centre.round()], round(radius), 255, -1)
        along = points[right] - points[left]
        shift = by[0] * along + by[1] * np.array([-along[1], along[0]])
        hole = cv2.dilate(cv2.bitwise_and(disc, opening), np.ones((5, 5), np.uint8))
        white = cv2.inpaint(large, hole, 5, cv2.INPAINT_TELEA)
        matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
        edge = (large.shape[1], large.shape[0])
        # what a lid hid of the iris is not known: the row below or above goes on there
        iris = cv2.warpAffine(large, matrix, edge, borderMode=cv2.BORDER_REPLICATE)
        soft = cv2.GaussianBlur(cv2.warpAffine(disc, matrix, edge), (0, 0), 2) / 255.0
        within = cv2.GaussianBlur(opening, (0, 0), 2) / 255.0
        blend = (soft * within)[:, :, None]
        inside = within[:, :, None]
        eye = white * (1 - blend) + iris * blend
        large = (large * (1 - inside) + eye * inside).round().astype(np.uint8)
    return cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--last", type=int, default=100)
    parser.add_argument("--sheet", type=Path, help="a picture of what was done to four faces")
    arguments = parser.parse_args()
    detector, rows, sheet = Detector(), [], []
    for path in sorted(arguments.faces.glob("*.jpg")):
        if not arguments.first <= int(path.stem) <= arguments.last:
            continue
        pixels = images.load(path)
        mesh = detector.mesh_of_crop(pixels)
        if mesh is None:
            continue
        still = detector.mesh_of_crop(moved(pixels, mesh, (0, 0)))
        if still is None:
            continue
        start = gaze.in_eyes(still)
        for by in [(d, 0.0) for d in ACROSS] + [(0.0, d) for d in DOWN]:
            there = moved(pixels, mesh, by)
            if len(sheet) < 32:
                sheet.append(there)
            if (found := detector.mesh_of_crop(there)) is not None:
                rows.append((*by, *(gaze.in_eyes(found) - start), len(rows)))
    if arguments.sheet:
        cv2.imwrite(str(arguments.sheet), images.grid(sheet, 8)[:, :, ::-1])
    table = np.array(rows)
    for axis, name in enumerate(("across", "down")):
        part = table[table[:, axis] != 0]
        asked, seen = part[:, axis], part[:, 2 + axis]
        gain = float(asked @ seen / (asked @ asked))
        angle = np.arcsin(np.clip(seen / gain / gaze.REACH, -1, 1))
        off = np.abs(angle - np.arcsin(asked / gaze.REACH))
        print(
            f"{name}: {len(part)} movements, the mesh shows {gain:.2f} of each; correlation "
            f"{np.corrcoef(asked, seen)[0, 1]:.2f}; the angle is off by {np.median(off):.3f} rad "
            f"in the median, {np.percentile(off, 90):.3f} in nine of ten"
        )


if __name__ == "__main__":
    main()
