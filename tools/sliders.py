"""Learn the sliders of `edit`, and who tells ages, from samples; written to facegen/data/.

    python tools/sliders.py draw --seed 1 --count 3000 --out runs/edits
    python tools/sliders.py faces --faces omi-256 --out runs/edits
    python tools/sliders.py learn --ratings omi-attribute-means.csv --out runs/edits
    python tools/sliders.py rate --ratings omi-attribute-means.csv --out runs/edits

`draw` measures faces of the generator's own; `faces` aligned faces of files named NUMBER.jpg, by
what the encoder alone finds for them. `learn` writes data/edits (the sliders) and needs both,
`rate` writes data/attributes.safetensors and needs the faces.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from edit_directions import Axes, calibrate, learn, write
from edit_samples import (
    HELD,
    Extractor,
    Kept,
    Ratings,
    draw_samples,
    fit_rater,
    measure_faces,
    measures_of,
    once,
    read_faces,
    read_ratings,
    read_samples,
)

from facegen import Studio
from facegen.latent.edit.directions import FOLDER
from facegen.measure import attributes
from facegen.measure.attributes import RATERS, Rater
from facegen.options import ATTRIBUTES

MODEL = "mobilestylegan-1024"
MASCULINE = 45  # a rating above which a dark chin may be a beard
LAST = 704  # of the rated faces that the raters are fitted to; the errors are on those beyond
COLUMNS = ("age", "gender", "skin-color")  # of the ratings, in the order of ATTRIBUTES
MIDDLE = 50.0  # of gender presentation
RIDGES = {"dlib": 100.0, "dlib+classifier": 700.0, "encoder": 300.0}  # the best on 705 to 1004

Errors = Mapping[str, Mapping[str, float]]


def learn_sliders(studio: Studio, args: argparse.Namespace) -> None:
    """Learn the directions, scale them, and write their file."""
    extract = Extractor(studio)
    measures = measures_of(studio, args.out, args.ratings)
    kept = read_samples(studio, args.out)
    values = measures(kept)
    detected = ~np.isnan(values["age"])
    values = {name: column[detected] for name, column in values.items()}
    dlib, sface = kept["dlib"][detected] / 0.6, kept["sface"][detected]
    sface = sface / np.linalg.norm(sface, axis=1, keepdims=True) / np.sqrt(2 * 0.45)
    codes = kept["codes"][detected].astype(np.float64)
    axes = Axes.of(codes.reshape(-1, codes.shape[-1]))
    bearded = {"beard": values["gender"] < -MASCULINE}
    directions = learn(codes, values, [dlib, sface], axes, HELD, bearded)
    sliders = {
        name: calibrate(studio, direction, name, values[name], measures, extract)
        for name, direction in directions.items()
        if not args.only or name in args.only
    }
    for name, slider in sliders.items():
        print(name, slider.facts)
    write(args.file, sliders, studio.model.generator.config.layer_resolutions)


def fit_raters(kept: Kept, ratings: Ratings) -> tuple[dict[str, Rater], dict[str, Errors]]:
    """Fit attributes.RATERS to rated faces, and measure each on those beyond LAST.

    kept: of the rated faces, with their `number` and the code `ws` that the encoder guesses.
    Faces that were not detected are left out.
    """
    number = np.asarray(kept["number"])
    both = np.concatenate([kept["dlib"], kept["features"]], axis=1)
    features = {"dlib": kept["dlib"], "dlib+classifier": both}
    features["encoder"] = attributes.code_features(torch.from_numpy(np.array(kept["ws"])))
    usable = once(number) & ~np.isnan(both).any(axis=1)
    table = np.array([[ratings[int(n)][column] for column in COLUMNS] for n in number])
    table[:, 1] = 100 - table[:, 1]  # people rated how masculine a face looks
    fitted, held = usable & (number <= LAST), usable & (number > LAST)
    raters = {
        name: fit_rater(features[name][fitted], table[fitted], RIDGES[name]) for name in RATERS
    }
    errors = {
        name: _errors(rater(features[name][held]), table[held]) for name, rater in raters.items()
    }
    return raters, errors


def _errors(guesses: np.ndarray, ratings: np.ndarray) -> Errors:
    """Measure guesses [N, 3] as attributes.errors has it."""
    errors = {
        name: {
            "error": round(float(np.abs(guesses[:, k] - ratings[:, k]).mean()), 2),
            "correlation": round(float(np.corrcoef(guesses[:, k], ratings[:, k])[0, 1]), 3),
        }
        for k, name in enumerate(ATTRIBUTES)
    }
    sides = (guesses[:, 1] > MIDDLE) == (ratings[:, 1] > MIDDLE)
    errors["gender"]["side"] = round(float(sides.mean()), 3)
    return errors


def rate(studio: Studio, args: argparse.Namespace) -> None:
    """Fit the raters and write their file."""
    raters, errors = fit_raters(read_faces(studio, args.out), read_ratings(args.ratings, COLUMNS))
    for name, facts in errors.items():
        print(name, facts)
    attributes.write(attributes.FILE, raters, errors)


STAGES = {
    "draw": lambda studio, args: draw_samples(studio, args.out, args.seed, args.count),
    "faces": lambda studio, args: measure_faces(studio, args.faces, args.out),
    "learn": learn_sliders,
    "rate": rate,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=tuple(STAGES))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--faces", type=Path)
    parser.add_argument("--ratings", type=Path)
    parser.add_argument("--only", nargs="*", help="sliders to learn, the others are left out")
    parser.add_argument("--file", type=Path, default=FOLDER / f"{MODEL}.safetensors")
    args = parser.parse_args()
    STAGES[args.what](Studio.load(MODEL, "cpu"), args)


if __name__ == "__main__":
    main()
