"""Fit facegen/data/kinds.safetensors: glasses, beards, hats and the like, from labels.

    python tools/kinds.py SAMPLES FACES [--out facegen/data/kinds.safetensors]

SAMPLES: a folder of tools/samples.py; FACES: a folder of faces with the names that
tools/labels/faces.txt has. The labels were given by looking at the pictures at 192 pixels: number
or name, glasses (none, clear, dark, broken), beard (none, stubble, full), head (nothing, headwear),
gender presentation, age in years, and what is wrong with the picture. 300 faces are left out of the
first fit, to say what it misses; the file's own fit has all.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from samples import Extractor, read
from scipy.optimize import minimize

from facegen import Studio, images, limits
from facegen.measure import kinds
from facegen.measure.attributes import Rater

LABELS = Path(__file__).parent / "labels"
HELD_OUT = 300
RIDGE = 0.1
_MOST = 4.0  # standard deviations of a feature: beyond, it says nothing more


def labels(path: Path) -> dict[str, list[str]]:
    """Read a file of labels: number or name -> the others."""
    rows = (line.split() for line in path.read_text().splitlines() if line.strip())
    return {row[0]: row[1:] for row in rows}


def targets(rows: list[list[str]]) -> np.ndarray:
    """Convert labels to [N, len(KINDS)]: 0 or 1, NaN where the label does not say."""
    glasses = [{"n": 0, "c": 1, "d": 1, "b": np.nan}[row[0]] for row in rows]
    dark = [{"n": 0, "c": 0, "d": 1, "b": np.nan}[row[0]] for row in rows]
    beard = [{"n": 0, "s": 1, "f": 1}[row[1]] for row in rows]
    headwear = [{"n": 0, "h": 1}[row[2]] for row in rows]
    feminine = [{"m": 0, "f": 1}.get(row[3], np.nan) for row in rows]
    age = np.array([float(row[4]) for row in rows])
    clutter = [row[5] != "ok" or row[0] == "b" for row in rows]
    return np.stack(
        [glasses, dark, beard, headwear, feminine, clutter, age < 13, age >= 55], axis=1
    ).astype(float)


def fit(features: np.ndarray, wanted: np.ndarray) -> Rater:
    """Fit logistic regressions with an L2 penalty; the rarer side weighs the ratio's root more."""
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    x = (features - mean) / scale
    columns, offsets = [], []
    for y in wanted.T:
        labelled = ~np.isnan(y)
        side, rows = np.where(y[labelled] > 0, 1.0, -1.0), np.clip(x[labelled], -_MOST, _MOST)
        weight = np.where(side > 0, np.sqrt((side < 0).sum() / max((side > 0).sum(), 1)), 1.0)
        weight /= weight.sum()

        def loss(p: np.ndarray, rows=rows, side=side, weight=weight) -> tuple[float, np.ndarray]:
            margin = side * (rows @ p[:-1] + p[-1])
            pull = -weight * side / (1 + np.exp(margin))
            value = weight @ np.logaddexp(0, -margin) + RIDGE / 2 * p[:-1] @ p[:-1]
            return value, np.concatenate([rows.T @ pull + RIDGE * p[:-1], [pull.sum()]])

        start = np.zeros(x.shape[1] + 1)
        fitted = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 400}).x
        columns.append(fitted[:-1])
        offsets.append(fitted[-1])
    return Rater(mean, scale, np.stack(columns, axis=1), np.array(offsets))


def missed(odds: np.ndarray, wanted: np.ndarray) -> dict[str, dict[str, float]]:
    """Measure what is wrong, as kinds.errors has it."""
    errors = {}
    for name, column, y in zip(kinds.KINDS, odds.T, wanted.T, strict=True):
        labelled = ~np.isnan(y)
        wrong, sure = (column > 0) != (y > 0), np.abs(column) >= limits.SURE
        errors[name] = {
            "faces": int(labelled.sum()),
            "of_the_kind": int((y[labelled] > 0).sum()),
            "wrong": round(float(wrong[labelled].mean()), 4),
            "unsure": round(float((~sure)[labelled].mean()), 4),
            "wrong_when_sure": round(float(wrong[labelled & sure].mean()), 4),
        }
    return errors


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("samples", type=Path)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--out", type=Path, default=kinds.FILE)
    args = parser.parse_args()
    studio = Studio.load()
    kept = read(args.samples, studio)
    of_samples, of_faces = labels(LABELS / "samples.txt"), labels(LABELS / "faces.txt")
    place = {int(number): i for i, number in enumerate(kept["number"])}
    rows = [place[int(number)] for number in of_samples]
    cache = args.samples / "faces.npy"  # measuring them takes minutes
    if not cache.is_file():
        extract = Extractor(studio)
        faces = [extract(images.load((args.faces / name).read_bytes())) for name in of_faces]
        np.save(cache, [np.concatenate([face["dlib"], face["features"]]) for face in faces])
    of_sample_rows = np.concatenate([kept["dlib"][rows], kept["features"][rows]], axis=1)
    features = np.concatenate([of_sample_rows, np.load(cache)]).astype(float)
    wanted = targets([*of_samples.values(), *of_faces.values()])
    detected = ~np.isnan(features).any(axis=1)
    features, wanted = features[detected], wanted[detected]
    order = np.random.default_rng(0).permutation(len(features))
    test, rest = order[:HELD_OUT], order[HELD_OUT:]
    errors = missed(fit(features[rest], wanted[rest])(features[test]), wanted[test])
    for name, facts in errors.items():
        print(name, facts)
    kinds.write(args.out, fit(features, wanted), errors)


if __name__ == "__main__":
    main()
