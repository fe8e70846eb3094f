"""Calibrate the recognisers of identity: how far apart strangers are, and two views of one face.

    python benchmarks/calibrate.py FACES [--last 904] [--recogniser NAME] [--source WORDS] [--write]

FACES is a folder of aligned faces, one person each, 256 pixels or more. At 64, 128 and 256 pixels
every available recogniser embeds all of them: all pairs are impostors. Views of one face are its
mirror image and copies that are turned, nearer, shifted, darker, brighter, flatter, recompressed,
or of half the size. Prints the percentiles and what three thresholds get wrong; --write stores the
percentiles in facegen/data/recognisers.json.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance
from scipy.spatial.distance import pdist

sys.path.insert(0, str(Path(__file__).parent.parent))

from facegen import images
from facegen.face.detect import Detector
from facegen.measure.identity import calibration, recognisers

SOURCE = "One Million Impressions, faces 1 to 904"
SIZES = (64, 128, 256)  # pixels


def views(pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Other pictures of the same face, all of them mild."""
    picture = Image.fromarray(pixels)
    size = pixels.shape[0]
    edge = round(0.06 * size)

    def turned(degrees: float) -> Image.Image:
        return picture.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=(128, 128, 128))

    def recompressed(quality: int) -> Image.Image:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality)
        return Image.open(file)

    made = {
        "mirror": picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        "turned left": turned(6),
        "turned right": turned(-6),
        "nearer": picture.crop((edge, edge, size - edge, size - edge)).resize((size, size)),
        "shifted": picture.transform(
            (size, size), Image.Transform.AFFINE, (1, 0, 0.03 * size, 0, 1, -0.03 * size)
        ),
        "darker": ImageEnhance.Brightness(picture).enhance(0.7),
        "brighter": ImageEnhance.Brightness(picture).enhance(1.3),
        "flatter": ImageEnhance.Contrast(picture).enhance(0.7),
        "JPEG 40": recompressed(40),
        "half the size": picture.resize((size // 2, size // 2)).resize((size, size)),
    }
    return {name: np.asarray(one.convert("RGB")) for name, one in made.items()}


def calibrate(recogniser, detector, faces: list[np.ndarray], size: int, source: str):
    small = [images.resize(pixels, size) for pixels in faces]
    found = [detector.landmarks_of_crop(pixels) for pixels in small]
    known = recogniser.embed_all(small, found)
    vectors = np.array([one for one in known if one is not None])
    impostor = pdist(vectors, recogniser.distance)
    genuine: dict[str, list[float]] = {}
    for pixels, vector in zip(small, known, strict=True):
        if vector is None:
            continue
        others = views(pixels)
        seen = [detector.landmarks_of_crop(one) for one in others.values()]
        for name, other in zip(others, recogniser.embed_all([*others.values()], seen), strict=True):
            if other is not None:
                genuine.setdefault(name, []).append(recogniser.distance(vector, other))
    print(f"{recogniser.name} at {size} pixels: {len(vectors)} of {len(faces)} faces were seen")
    for name, distances in genuine.items():
        half, most = np.percentile(distances, [50, 99])
        missed = np.mean(np.array(distances) >= recogniser.threshold)
        print(f"  {name:14} median {half:.3f}, 99 %: {most:.3f}, not one person: {missed:.2%}")
    together = np.concatenate([np.array(one) for one in genuine.values()])
    print(f"  strangers are {np.mean(impostor):.3f} apart on average")
    thresholds = {
        "the recogniser's": recogniser.threshold,
        "equal error": equal_error(impostor, together),
        "1 in 1000": np.percentile(impostor, 0.1),
    }
    for name, threshold in thresholds.items():
        matches, misses = np.mean(impostor < threshold), np.mean(together >= threshold)
        print(f"  {name:12} {threshold:.3f}: {matches:.3%} false matches, {misses:.3%} missed")
    return calibration.Calibration.of(size, impostor, together, source)


def equal_error(impostor: np.ndarray, genuine: np.ndarray) -> float:
    """The threshold that is wrong as often about strangers as about views of one face."""
    places = np.unique(np.concatenate([impostor[impostor < genuine.max()], genuine]))
    matches = np.searchsorted(np.sort(impostor), places) / len(impostor)
    misses = 1 - np.searchsorted(np.sort(genuine), places) / len(genuine)
    return float(places[np.argmin(np.abs(matches - misses))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("--last", type=int, default=904)
    parser.add_argument("--source", default=SOURCE)
    parser.add_argument("--recogniser", help="this one alone; the others' tables stay")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    paths = sorted(p for p in arguments.faces.glob("*.jpg") if int(p.stem) <= arguments.last)
    faces = [images.load(path) for path in paths]
    detector, tables = Detector(), dict(calibration.tables() if calibration.TABLES.exists() else {})
    for recogniser in recognisers.at_hand():
        if arguments.recogniser not in (None, recogniser.name):
            continue
        tables[recogniser.name] = tuple(
            calibrate(recogniser, detector, faces, size, arguments.source) for size in SIZES
        )
        for one in tables[recogniser.name]:
            print(one.as_dict())
    if arguments.write:
        calibration.write(calibration.TABLES, tables)


if __name__ == "__main__":
    main()
