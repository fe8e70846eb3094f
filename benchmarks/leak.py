"""Does a model draw its training faces? The nearest training face of each random face.

    python benchmarks/leak.py --training FOLDER ... --held-out FOLDER [--model bundled]
        [--count 200] [--held-out-count 300] [--json FILE]

Prints, by dlib's distance between identities, how near random faces lie to their nearest training
face; beside it, how near faces lie to it that the model never saw. A model that copies has samples
far nearer than those, below the distance at which two pictures count as one person. Figures only
are written, never a picture.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from facegen import Studio, images
from facegen.measure.identity.dlib_recogniser import DlibRecogniser
from facegen.options import MAX_COUNT, SampleOptions

PERCENTILES = (0, 1, 5, 25, 50, 75, 95)


def embeddings(studio: Studio, recogniser: DlibRecogniser, pictures: Iterable[np.ndarray]):
    """float64 [n, 128] of those pictures on which a face is found."""
    found = []
    for pixels in pictures:
        faces = studio.detect(images.resize(pixels, 256))
        if faces and (code := recogniser.embed(images.resize(pixels, 256), faces[0])) is not None:
            found.append(code)
    return np.array(found, np.float64)


def nearest(codes: np.ndarray, training: np.ndarray) -> np.ndarray:
    """float64 [n]: each one's distance to the nearest of the training faces."""
    return np.array([np.linalg.norm(training - code, axis=1).min() for code in codes])


def of_folders(folders: Iterable[Path], count: int | None = None) -> Iterable[np.ndarray]:
    found = [path for folder in folders for path in sorted(folder.glob("*.jpg"))]
    return (images.load(path) for path in found[:count])


def of_model(studio: Studio, count: int) -> Iterable[np.ndarray]:
    for first in range(0, count, MAX_COUNT):
        options = SampleOptions(min(MAX_COUNT, count - first), 100_000 + first, 1.0)
        yield from (portrait.pixels for portrait in studio.draw(options))


def told(distances: np.ndarray, threshold: float) -> dict:
    return {
        "faces": len(distances),
        "percentiles": {str(p): round(float(np.percentile(distances, p)), 3) for p in PERCENTILES},
        "below_threshold": round(float((distances < threshold).mean()), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--training", type=Path, nargs="+", required=True)
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--held-out-count", type=int, default=300)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    studio = Studio.load(arguments.model, "cpu")
    recogniser = DlibRecogniser()
    threshold = recogniser.threshold
    training = embeddings(studio, recogniser, of_folders(arguments.training))
    samples = embeddings(studio, recogniser, of_model(studio, arguments.count))
    unseen = of_folders([arguments.held_out], arguments.held_out_count)
    held_out = embeddings(studio, recogniser, unseen)
    found = {
        "recogniser": recogniser.name,
        "threshold": threshold,
        "training_faces": len(training),
        "random": told(nearest(samples, training), threshold),
        "unseen": told(nearest(held_out, training), threshold),
    }
    print(json.dumps(found, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps({studio.info.name: found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
