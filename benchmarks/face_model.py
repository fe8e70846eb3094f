"""What a face model is worth: the numbers of its card.

    python benchmarks/face_model.py FACES [--model auto] [--samples 1000] [--variants 4]
        [--first ID --last ID] [--sheet FILE]

FACES is a folder of aligned faces, none of which the model was trained on; --first and --last
choose by the number in the file's name. Prints medians and shares; --sheet draws a contact
sheet of samples, references, inversions and variants.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent.parent))

from facegen import Studio, images
from facegen.likeness import Likeness
from facegen.types import AlignedFace, SampleOptions, VaryOptions

NME, ANGLE = 0.08, 8.0  # what counts as the same structure


def numbered(folder: Path, first: int, last: int) -> list[Path]:
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".jpg", ".png"))
    return [p for p in paths if not p.stem.isdigit() or first <= int(p.stem) <= last]


def samples(studio: Studio, count: int, psi: float) -> tuple[float, list[np.ndarray]]:
    """The share in which the mesh sees a face, and the pictures."""
    drawn = [next(studio.draw(SampleOptions(1, seed, psi))).pixels for seed in range(count)]
    seen = [studio.detector.landmarks_of_crop(pixels) is not None for pixels in drawn]
    return float(np.mean(seen)), drawn


def show(name: str, values: list[float]) -> None:
    low, middle, high = np.percentile(values, [10, 50, 90])
    print(f"{name:34} median {middle:.3f}  (10 %: {low:.3f}, 90 %: {high:.3f}, n {len(values)})")


def sheet(rows: list[list[np.ndarray]], size: int, path: Path) -> None:
    width = max(map(len, rows))
    canvas = np.full((size * len(rows), size * width, 3), 255, np.uint8)
    for y, row in enumerate(rows):
        for x, pixels in enumerate(row):
            canvas[y * size : (y + 1) * size, x * size : (x + 1) * size] = pixels
    Image.fromarray(canvas).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("--model", default="auto")
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--variants", type=int, default=4)
    parser.add_argument("--strength", type=float, nargs="+", default=[VaryOptions.strength])
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--last", type=int, default=10**9)
    parser.add_argument("--sheet", type=Path)
    arguments = parser.parse_args()

    studio = Studio.load(arguments.model)
    print(f"{studio.info.name}, {studio.resolution}x{studio.resolution}, {studio.device}")
    for psi in (1.0, SampleOptions.truncation_psi):
        share, drawn = samples(studio, arguments.samples, psi)
        print(f"a face is seen in {share:.1%} of {len(drawn)} samples at psi {psi}")

    paths = numbered(arguments.faces, arguments.first, arguments.last)
    judge = studio.judges[0]
    inversions, rows = [], []
    distances, to_inversion = [], []
    for path in paths:
        pixels = images.resize(images.load(path), studio.resolution)
        inversion = studio.invert(AlignedFace(pixels, quad=None))
        inversions.append(inversion)
        distances.append(inversion.distance)
        identity, _ = Likeness(studio.detector, [judge], pixels).compare(inversion.pixels)
        if identity:
            to_inversion.append(identity[judge.name].distance)
    show("inversion distance", distances)
    show(f"{judge.name}: photo to inversion", to_inversion)

    for strength in arguments.strength:
        identity, nme, angles, good, seen, between = [], [], [], [], [], []
        for number, inversion in enumerate(inversions):
            made = list(studio.vary(inversion, arguments.variants, strength, seed=100 * number))
            if strength == VaryOptions.strength and number < 8:
                rows.append([inversion.aligned.pixels, inversion.pixels, *[v.pixels for v in made]])
            vectors = [
                judge.embed(v.pixels, studio.detector.landmarks_of_crop(v.pixels)) for v in made
            ]
            pairs = itertools.combinations([v for v in vectors if v is not None], 2)
            between += [judge.distance(a, b) for a, b in pairs]
            for variant in made:
                seen.append(variant.structure is not None)
                kept = False
                if moved := variant.structure:
                    turned = (moved.yaw_delta, moved.pitch_delta, moved.roll_delta)
                    nme.append(moved.landmark_nme)
                    angles.append(max(map(abs, turned)))
                    kept = moved.landmark_nme <= NME and angles[-1] <= ANGLE
                if variant.identity:
                    identity.append(variant.identity[judge.name].distance)
                good.append(kept and bool(variant.different_person))
        print(f"strength {strength}")
        print(f"  a face is seen in {np.mean(seen):.1%} of {len(seen)} variants")
        show(f"  {judge.name}: photo to variant", identity)
        print(f"  different person: {np.mean(np.array(identity) >= judge.threshold):.1%}")
        show(f"  {judge.name}: between variants", between)
        show("  landmark deviation (NME)", nme)
        show("  largest angle, degrees", angles)
        print(f"  different and structure kept:    {np.mean(good):.1%}")

    if arguments.sheet:
        columns = max(map(len, rows), default=8)
        grid = [drawn[i : i + columns] for i in range(0, 4 * columns, columns)]
        sheet(grid + rows, studio.resolution, arguments.sheet)


if __name__ == "__main__":
    main()
