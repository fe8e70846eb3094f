"""How our crop (mediapipe's mesh) compares with the one from dlib's 68 points.

    python benchmarks/alignment.py FOLDER [--count 500] [--out pairs.png]

FOLDER: photos with one face each. On pictures that are FFHQ crops already (--aligned), the
frame itself is the truth for both. A quad's error is the distance of its corners from the
other quad's, in per cent of that one's side.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from pathlib import Path

import dlib
import numpy as np
from PIL import Image

from facegen import images
from facegen.face import align
from facegen.face.detect import Detector


class Dlib:
    """dlib's frontal face detector and 68-point predictor."""

    def __init__(self):
        package = importlib.util.find_spec("face_recognition_models")
        folder = Path(package.submodule_search_locations[0]) / "models"
        self._detect = dlib.get_frontal_face_detector()
        self._predict = dlib.shape_predictor(str(folder / "shape_predictor_68_face_landmarks.dat"))

    def landmarks(self, pixels: np.ndarray) -> np.ndarray | None:
        """float64 [68, 2] of the only face; None for none or several."""
        boxes = self._detect(pixels, 0)
        if len(boxes) != 1:
            return None
        shape = self._predict(pixels, boxes[0])
        # dlib counts from the middle of the first pixel.
        return np.array([(point.x + 0.5, point.y + 0.5) for point in shape.parts()])


def corner_errors(quad: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """float64 [4]: per cent of the true quad's side."""
    side = np.linalg.norm(truth[3] - truth[0])
    return np.linalg.norm(quad - truth, axis=1) / side * 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--aligned", action="store_true", help="the pictures are FFHQ crops")
    parser.add_argument("--out", type=Path, help="write eight pairs of crops, ours above")
    arguments = parser.parse_args()

    paths = sorted(arguments.folder.glob("*.jpg"))[: arguments.count]
    detector, reference = Detector(), Dlib()
    errors: dict[str, list[np.ndarray]] = {}
    pairs, seconds = [], []
    ours_missing = dlib_missing = 0
    for path in paths:
        pixels = images.load(path)
        started = time.perf_counter()
        faces = detector.detect(pixels)
        seconds.append(time.perf_counter() - started)
        points = reference.landmarks(pixels)
        ours_missing += len(faces) != 1
        dlib_missing += points is None
        if len(faces) != 1 or points is None:
            continue
        ours, theirs = align.ffhq_quad(faces[0].landmarks), align.ffhq_quad(points)
        compared = {"ours, dlib's as the truth": (ours, theirs)}
        if arguments.aligned:
            height, width = pixels.shape[:2]
            frame = np.array([[0, 0], [0, height], [width, height], [width, 0]], dtype=float)
            compared |= {
                "ours, the frame as the truth": (ours, frame),
                "dlib's, the frame as the truth": (theirs, frame),
            }
        for name, quads in compared.items():
            errors.setdefault(name, []).append(corner_errors(*quads))
        if len(pairs) < 8:
            pairs.append([align.crop(pixels, quad, 128) for quad in (ours, theirs)])

    print(f"{len(paths)} pictures; not exactly one face: ours {ours_missing}, dlib {dlib_missing}")
    print(f"detection {np.median(seconds) * 1e3:.0f} ms a picture (median)")
    for name, found in errors.items():
        median, ninety = np.percentile(np.concatenate(found), [50, 90])
        print(f"{name:32} corners off by {median:.2f} % (median), {ninety:.2f} % (90th percentile)")
    if arguments.out:
        rows = [np.concatenate(row, axis=1) for row in zip(*pairs, strict=True)]
        Image.fromarray(np.concatenate(rows)).save(arguments.out)


if __name__ == "__main__":
    main()
