"""Children and their parents: how near, beside strangers and the same person (docs/mixing.md).

    python benchmarks/children.py FACES --pairs 50
    python benchmarks/children.py FACES --fit RATINGS.csv   # writes facegen/data/ages.json

FACES: aligned faces, such as One Million Impressions; a pair is two of them, met by the model's
encoder. The children are compared with the photos and with what the encoder makes of them.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from common import Studio, images

from facegen.latent.mix.children import Child, Look, conceive, family, nearness
from facegen.latent.mix.offspring import FILE, LOWER_UP_TO
from facegen.latent.vary.directions import ridge
from facegen.options.mix import ChildOptions
from facegen.types import drained

PICTURES = {".png", ".jpg", ".webp"}
HELD_OUT = 955  # faces from that number on are not fitted to
RIDGE = 100.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--count", type=int, default=6, help="children a pair")
    parser.add_argument("--first", type=int, default=0, help="number of the first face")
    parser.add_argument("--stranger", type=float, default=ChildOptions.stranger)
    parser.add_argument("--fit", type=Path, help="ratings, with the columns stimulus, age, gender")
    parser.add_argument("--model", default="auto")
    arguments = parser.parse_args()
    studio = Studio.load(arguments.model)
    paths = sorted(path for path in arguments.faces.iterdir() if path.suffix in PICTURES)
    if arguments.fit:
        fit(studio, paths, arguments.fit)
        return
    rng = np.random.default_rng(0)
    chosen = arguments.first + rng.permutation(len(paths) - arguments.first)[: 2 * arguments.pairs]
    pairs = [(paths[a], paths[b]) for a, b in chosen.reshape(-1, 2)]
    found: dict[str, list] = {}
    mixer = drained(studio.mixer())
    for number, pair in enumerate(pairs, start=1):
        started = time.perf_counter()
        for key, rows in measured(studio, mixer, pair, arguments).items():
            found.setdefault(key, []).append(rows)
        print(f"pair {number} of {len(pairs)}, {time.perf_counter() - started:.1f} s", flush=True)
    report(studio, found)


@torch.no_grad()
def encoded(studio: Studio, pixels: np.ndarray) -> torch.Tensor:
    size = studio.renderer.previewed
    target = images.to_tensor(images.resize(pixels, size)).to(studio.device)
    return studio.model.encode(target).float().cpu()


def measured(studio, mixer, pair, arguments) -> dict[str, np.ndarray]:
    """(recogniser, compared with) -> [children, 2] distances to both parents; and, for
    "siblings", the distances of all pairs."""
    photos = [images.load(path.read_bytes()) for path in pair]
    codes = [encoded(studio, photo) for photo in photos]
    options = ChildOptions(count=arguments.count, stranger=arguments.stranger)
    met = studio.renderer.previews(codes)
    compared = {
        "photo": [studio.compare(one) for one in photos],
        "met": [studio.compare(one) for one in met],
    }

    def conceived(own: float) -> Iterator[Child]:
        return conceive(*codes, mixer, studio.statistics, options, own)

    def look(children: Sequence[Child]) -> list[Look]:
        pictures = studio.renderer.previews([one.ws for one in children])
        seen = [compared["met"][0].measure(one, finished=False).vectors for one in pictures]
        return [
            Look(child, distances("met", vectors), vectors)
            for child, vectors in zip(children, seen, strict=True)
        ]

    def distances(kind: str, vectors) -> dict[str, list[float]]:
        both = [parent.vectors for parent in compared[kind]]
        return {
            one.name: [one.distance(parent[one.name], vectors[one.name]) for parent in both]
            for one in studio.recognisers
            if one.name in vectors and all(one.name in parent for parent in both)
        }

    search = family(
        conceived,
        look,
        studio.recognisers,
        studio.renderer.previewed,
        options.count,
        studio.renderer.at_once,
    )
    chosen = drained(search)
    result = {}
    for one in studio.recognisers:
        for kind in compared:
            rows = [
                distances(kind, child.vectors).get(one.name, (np.nan, np.nan)) for child in chosen
            ]
            result[f"{one.name} {kind}"] = np.array(rows)
        known = [child.vectors[one.name] for child in chosen if one.name in child.vectors]
        apart = [one.distance(a, b) for a, b in combinations(known, 2)]
        result[f"{one.name} siblings"] = np.array(apart)
    return result


def report(studio: Studio, found: dict[str, list]) -> None:
    for one in studio.recognisers:
        limits = nearness(one.name, studio.renderer.previewed, 0.0)
        print(
            f"\n{one.name}: 5 % of strangers below {limits.limit:.3f}, "
            f"same person (1 in 1000 strangers) below {limits.same:.3f}"
        )
        for kind in ("photo", "met"):
            rows = found[f"{one.name} {kind}"]
            every = np.concatenate(rows)
            both = np.nanmax(every, axis=1)  # the farther parent
            pair_medians = np.array([np.nanmedian(np.nanmax(row, axis=1)) for row in rows])
            print(
                f"  beside the {'photos' if kind == 'photo' else 'model’s pictures of them'}: "
                f"median distance to a parent {np.nanmedian(every):.3f}, to the farther "
                f"{np.nanmedian(both):.3f} (median of the pairs' medians "
                f"{np.median(pair_medians):.3f}); {np.mean(every <= limits.limit):.0%} of "
                f"child-parent pairs and {np.mean(both <= limits.limit):.0%} of children (both "
                f"parents) nearer than 95 % of strangers; {np.sum(every < limits.same)} of "
                f"{every.size} are a parent"
            )
        apart = np.concatenate(found[f"{one.name} siblings"])
        print(
            f"  siblings: median {np.median(apart):.3f}, least {apart.min():.3f}, one person in "
            f"{np.mean(apart < limits.same):.0%} of pairs"
        )


def fit(studio: Studio, paths: list[Path], ratings: Path) -> None:
    """Age and sex by codes; see facegen/latent/mix/offspring.py."""
    with ratings.open(encoding="utf-8") as file:
        rated = {int(row["stimulus"]): row for row in csv.DictReader(file)}
    numbers = [int(path.stem) for path in paths]
    ws = torch.cat([encoded(studio, images.load(path.read_bytes())) for path in paths]).double()
    mean = studio.statistics.mean.double()
    sizes = torch.tensor(studio.model.generator.config.layer_resolutions)
    below = sizes <= LOWER_UP_TO
    x = torch.cat([(ws - mean)[:, below].mean(1), (ws - mean)[:, ~below].mean(1)], dim=1)
    y = torch.tensor([[float(rated[n][k]) for k in ("age", "gender")] for n in numbers]).double()
    used = torch.tensor(numbers) < HELD_OUT
    centred, means = x[used] - x[used].mean(0), y[used].mean(0)
    slopes, _ = ridge(centred, y[used] - means, (RIDGE / max(centred.shape),))
    covariance = torch.cov(centred.T)
    covariance += 1e-3 * covariance.diagonal().mean() * torch.eye(len(covariance))
    spread = covariance @ slopes.T
    moves = spread @ torch.linalg.inv(slopes @ spread)
    offsets = means - slopes @ x[used].mean(0)
    missed = (x[~used] @ slopes.T + offsets - y[~used]).abs().mean(0).tolist()
    print(f"held out ({int((~used).sum())}): age {missed[0]:.1f} years, sex {missed[1]:.1f} of 100")
    known = json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else {}
    fitted = {"slopes": slopes, "moves": moves, "offsets": offsets, "mean": mean}
    known[studio.info.name] = {name: _short(one.tolist()) for name, one in fitted.items()}
    FILE.write_text(json.dumps(known) + "\n", encoding="utf-8")


def _short(values):
    return [_short(one) for one in values] if isinstance(values, list) else float(f"{values:.5g}")


if __name__ == "__main__":
    main()
