"""Learn the sliders of `edit` and who tells ages from samples; written to facegen/data/.

    python benchmarks/directions.py draw --seed 1 --count 3000 --out runs/edits
    python benchmarks/directions.py faces --faces omi-256 --out runs/edits
    python benchmarks/directions.py learn --ratings omi-attribute-means.csv --out runs/edits
    python benchmarks/directions.py rate --ratings omi-attribute-means.csv --out runs/edits

`draw` measures faces of the generator's own; `faces` aligned faces of files named NUMBER.jpg, by
what the encoder alone finds for them. `learn` (the sliders) needs both, `rate` (data/attributes)
the faces.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from facegen import Studio, images
from facegen.measure import attributes
from facegen.measure.attributes import Rater
from facegen.measure.perceptual import features_at_hand
from facegen.training import (
    edit_calibrate,
    edit_directions,
    edit_measures,
    edit_samples,
    raters,
)
from facegen.training.records import Records

MODEL = "mobilestylegan-1024"
LAST = 904  # of the rated faces that are learned from; the others are measured
MASCULINE = 45  # a rating above which a dark chin may be a beard
FILE = Path(__file__).parents[1] / "facegen" / "data" / "edits" / f"{MODEL}.safetensors"


def drawn(studio: Studio, args: argparse.Namespace) -> None:
    look = looking(studio)
    generator = studio.model.generator
    kept = edit_samples.samples(args.out / f"samples-{args.seed}", generator, look)
    edit_samples.draw(
        kept, generator, look, studio.renderer.previews, args.seed, args.count, report
    )


def faces(studio: Studio, args: argparse.Namespace) -> None:
    look = looking(studio)
    paths = sorted(args.faces.glob("*.jpg"), key=lambda path: int(path.stem))
    kept = faces_kept(args.out, studio)
    encode = studio.model.encode
    assert encode is not None

    @torch.no_grad()
    def make(first: int, count: int) -> dict[str, np.ndarray]:
        taken = [paths[min(i, len(paths) - 1)] for i in range(first, first + count)]
        pictures = [images.resize(images.load(path), edit_samples.SIZE) for path in taken]
        ws = torch.cat([encode(images.to_tensor(picture)) for picture in pictures])
        numbers = np.array([int(path.stem) for path in taken], np.int32)
        return {"number": numbers, "ws": ws.numpy(), **look(pictures)}

    kept.fill(len(paths), edit_samples.AT_ONCE, make, report)


def learned(studio: Studio, args: argparse.Namespace) -> None:
    look = looking(studio)
    generator = studio.model.generator
    measures = edit_measures.Measures(rater(args.out, args.ratings, studio))
    read = samples_read(studio, args.out)
    values = measures(read)
    seen = ~np.isnan(values["age"])
    values = {name: found[seen] for name, found in values.items()}
    dlib = read["dlib"][seen] / 0.6
    sface = read["sface"][seen]
    sface = sface / np.linalg.norm(sface, axis=1, keepdims=True) / np.sqrt(2 * 0.45)
    codes = read["codes"][seen].astype(np.float64)
    axes = edit_directions.Axes.of(codes.reshape(-1, codes.shape[-1]))
    bearded = {"beard": values["gender"] < -MASCULINE}
    held = edit_measures.HELD
    found = edit_directions.learn(codes, values, [dlib, sface], axes, held, bearded)
    sliders = {
        name: edit_calibrate.calibrated(studio, one, name, values[name], measures, look)
        for name, one in found.items()
        if not args.only or name in args.only
    }
    for name, slider in sliders.items():
        print(name, slider.facts)
    edit_calibrate.write(args.file, sliders, generator.config.layer_resolutions)


def samples_read(studio: Studio, out: Path) -> dict[str, np.ndarray]:
    """All that `draw` kept, of every seed."""
    kept = [
        edit_samples.samples(folder, studio.model.generator, looking(studio))
        for folder in sorted(out.glob("samples-*"))
    ]
    counts = [len(one) for one in kept]  # `draw` may still be adding to them
    return {
        name: np.concatenate([one.read(name, n) for one, n in zip(kept, counts, strict=True)])
        for name in kept[0].layout
    }


def rated(studio: Studio, args: argparse.Namespace) -> None:
    kept = faces_kept(args.out, studio)
    read = {name: kept.read(name, len(kept)) for name in kept.layout}
    fitted, errors = raters.fit_raters(read, ratings_of(args.ratings, raters.COLUMNS))
    for name, found in errors.items():
        print(name, found)
    attributes.write(attributes.FILE, fitted, errors)


def rater(out: Path, ratings: Path, studio: Studio) -> Rater:
    """What people would say of a face, learned from the faces 1 to 904."""
    kept = faces_kept(out, studio)
    read = {name: kept.read(name, len(kept)) for name in kept.layout}
    columns = [column for column, _ in edit_measures.RATED.values()]
    return edit_measures.fit_rater(read, ratings_of(ratings, columns), last=LAST)


def ratings_of(path: Path, columns: Sequence[str]) -> dict[int, dict[str, float]]:
    """number of the face -> column -> mean rating"""
    with path.open(newline="", encoding="utf-8") as file:
        return {
            int(row["stimulus"]): {column: float(row[column]) for column in columns}
            for row in csv.DictReader(file)
        }


def faces_kept(out: Path, studio: Studio) -> Records:
    config = studio.model.generator.config
    layout = {
        "number": ((), "int32"),
        "ws": ((config.num_ws, config.w_dim), "float32"),
        **looking(studio).layout(),
    }
    return Records(out / "faces", layout)


def looking(studio: Studio) -> edit_samples.Seen:
    features = features_at_hand(studio.device)
    assert features is not None, "efficientnet-lite0 is missing: facegen weights fetch it"
    return edit_samples.Seen(studio.detector, studio.recognisers, features)


def report(told: dict) -> None:
    print(told, flush=True)


STAGES = {"draw": drawn, "faces": faces, "learn": learned, "rate": rated}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=tuple(STAGES))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--faces", type=Path)
    parser.add_argument("--ratings", type=Path)
    parser.add_argument("--only", nargs="*", help="sliders to learn, the others are left out")
    parser.add_argument("--file", type=Path, default=FILE)
    args = parser.parse_args()
    studio = Studio.load(MODEL, "cpu")
    STAGES[args.what](studio, args)


if __name__ == "__main__":
    main()
