"""Fit the no-reference quality of evaluation/measure.py, and show what it says of known damage.

    python benchmarks/quality.py FACES [--last 704] [--write]

FACES is a folder of aligned faces whose names are numbers. Those up to --last are fitted; of the
next hundred it prints the median as they are, and blurred, recompressed and noisy.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from facegen import images
from facegen.evaluation import measure
from facegen.files import write_file


def damaged(pixels: np.ndarray) -> dict[str, np.ndarray]:
    noise = np.random.default_rng(0).normal(0, 12, pixels.shape)
    _, jpeg = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 20])
    return {
        "as it is": pixels,
        "blur of 1 pixel": cv2.GaussianBlur(pixels, (0, 0), 1),
        "blur of 2 pixels": cv2.GaussianBlur(pixels, (0, 0), 2),
        "JPEG 20": cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[:, :, ::-1],
        "noise of 12": np.clip(pixels + noise, 0, 255).astype(np.uint8),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--last", type=int, default=704)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    paths = sorted(p for p in arguments.faces.glob("*.jpg") if p.stem.isdigit())
    inside = [p for p in paths if int(p.stem) <= arguments.last]
    beyond = [p for p in paths if int(p.stem) > arguments.last][:100]
    quality = measure.Quality.of(
        np.concatenate([measure.patch_statistics(images.load(p)) for p in inside])
    )
    found: dict[str, list[float]] = {}
    for path in beyond:
        for name, picture in damaged(images.load(path)).items():
            found.setdefault(name, []).append(quality(picture))
    for name, values in found.items():
        print(f"{name:18} {np.median(values):.2f} ({np.percentile(values, 90):.2f})")
    if arguments.write:
        content = {
            "source": f"One Million Impressions, faces 1 to {arguments.last}, at 256 pixels",
            "mean": np.round(quality.mean, 5).tolist(),
            "covariance": np.round(quality.covariance, 6).tolist(),
        }
        write_file(measure.QUALITY_FILE, (json.dumps(content) + "\n").encode())


if __name__ == "__main__":
    main()
