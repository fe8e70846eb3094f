"""What each slider of `edit` does to faces that nothing was learned from: docs/edits.md's tables.

    python benchmarks/edits.py ours --kept runs/edits --ratings omi-attribute-means.csv
    python benchmarks/edits.py sheet --out docs/edits.jpg
    python benchmarks/edits.py others --kept runs/edits --ratings omi-attribute-means.csv \
        --samples 20 --faces 10

`kept`: what tools/sliders.py left. Each face is moved by one standard deviation of the
samples, every other face to the other side. `ours`: the committed directions; `others`: the
same sliders in S, and the best of SeFa's and GANSpace's directions, on fewer faces.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from style_space import layers, shifted, styles
from torch import Tensor

sys.path.append(str(Path(__file__).parents[1] / "tools"))

from edit_directions import fresh_codes
from edit_samples import (
    LAST,
    SIZE,
    Extractor,
    measures_of,
    read_faces,
    read_samples,
    spread_out,
)
from sliders import MODEL

from facegen import Studio, images
from facegen.latent.edit.directions import directions_of
from facegen.latent.vary.directions import ridge
from facegen.options.edit import NAMES

FIRST = 200_000  # seeds of the samples measured here
TEST = 954  # photographs numbered above it
ANGLES = ("yaw", "pitch")
BASELINES = ("age", "gender", "smile", "yaw", "hair_colour", "light")
COMPONENTS = 24  # of SeFa's and GANSpace's that are looked through
SHOWN = (21, 12, 3)  # seeds of the faces on the sheet
RIDGE = 0.1  # of the regression on S
CHANNELS = 64  # of S that a direction keeps
Draw = Callable[[list[Tensor], np.ndarray], list[np.ndarray]]  # codes, signs -> previews


class Bench:
    def __init__(self, args: argparse.Namespace):
        self.studio = Studio.load(MODEL, "cpu")
        self.extract = Extractor(self.studio)
        self.measures = measures_of(self.studio, args.kept, args.ratings)
        kept = read_faces(self.studio, args.kept)
        numbers = kept["number"]
        rows = [int(np.flatnonzero(numbers == n)[0]) for n in np.unique(numbers[numbers > TEST])]
        photos = torch.from_numpy(np.array(kept["ws"][rows[: args.faces]]))
        self.codes = fresh_codes(self.studio, args.samples, FIRST) + [ws[None] for ws in photos]
        self.samples = args.samples
        signs = np.where(np.arange(len(self.codes)) % 2, -1, 1)
        self.signs = signs
        self.before = self.seen(self.studio.renderer.previews(self.codes))

    def seen(self, pictures: list[np.ndarray]) -> dict[str, np.ndarray]:
        kept = self.extract(pictures)
        return {**self.measures(kept), "dlib_": kept["dlib"], "sface_": kept["sface"]}

    def row(self, name: str, deviation: dict[str, float], draw: Draw) -> dict:
        """What a shift by one deviation does, by sort of face."""
        after = self.seen(draw(self.codes, self.signs))
        moved = {
            other: self.signs * (after[other] - self.before[other]) / deviation[other]
            for other in NAMES
        }
        dlib = np.linalg.norm(after["dlib_"] - self.before["dlib_"], axis=1)
        a, b = after["sface_"], self.before["sface_"]
        norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        sface = 1 - (a * b).sum(axis=1) / norms
        found = {}
        for sort, part in {
            "samples": slice(0, self.samples),
            "photographs": slice(self.samples, None),
        }.items():
            target = moved[name][part]
            others = {o: float(np.nanmean(np.abs(moved[o][part]))) for o in NAMES if o != name}
            same = (dlib[part] < 0.6) & (sface[part] < 0.45)
            found[sort] = {
                "target": float(np.nanmean(target)),
                "as_asked": float(np.nanmean(target[~np.isnan(target)] > 0)),
                "same_person": float(same.mean()),
                "dlib": float(np.nanmean(dlib[part])),
                "sface": float(np.nanmean(sface[part])),
                "degrees": max(
                    float(np.nanmean(np.abs(moved[o][part]))) * deviation[o]
                    for o in ANGLES
                    if o != name
                ),
                "most": max(others.items(), key=lambda item: item[1]),
                "others": float(np.mean(list(others.values()))),
                "lost": float(np.isnan(target).mean()),
            }
        return found


def in_w(bench: Bench, change: Tensor) -> Draw:
    return lambda codes, signs: bench.studio.renderer.previews(
        [ws + float(sign) * change for ws, sign in zip(codes, signs, strict=True)]
    )


def in_s(bench: Bench, offsets: list[Tensor]) -> Draw:
    generator = bench.studio.model.generator

    def draw(codes: list[Tensor], signs: np.ndarray) -> list[np.ndarray]:
        pictures = []
        for ws, sign in zip(codes, signs, strict=True):
            with torch.no_grad(), shifted(generator, [float(sign) * one for one in offsets]):
                picture = generator.preview(ws, SIZE)
            pictures += list(images.to_pixels(picture))
        return pictures

    return draw


def ours(bench: Bench, only: list[str] | None) -> Iterator[tuple[str, str, dict]]:
    found = directions_of(bench.studio.model)
    deviation, one = units(found.facts)
    for name in only or NAMES:
        change = found.steps[name] * (deviation[name] / one[name])
        yield "W+", name, bench.row(name, deviation, in_w(bench, change))


def units(facts: dict) -> tuple[dict[str, float], dict[str, float]]:
    """(standard deviation, a slider's unit), both in the measure's own unit."""
    one = {name: float(facts[name]["measure"]) for name in NAMES}
    return {name: float(facts[name]["deviation"]) * one[name] for name in NAMES}, one


def others(bench: Bench, kept_folder: Path) -> Iterator[tuple[str, str, dict]]:
    facts = directions_of(bench.studio.model).facts
    deviation, _ = units(facts)
    generator = bench.studio.model.generator
    read = read_samples(bench.studio, kept_folder)
    values = bench.measures(read)
    seen = ~np.isnan(values["age"])
    codes = torch.from_numpy(read["codes"][seen])
    y = np.stack([values[name][seen] / deviation[name] for name in NAMES], axis=1)

    s = torch.cat(styles(generator, spread(generator, codes)), dim=1).double().numpy()
    scale = s.std(axis=0) + 1e-9
    x = torch.from_numpy((s - s.mean(axis=0)) / scale)
    centred = torch.from_numpy(y - y.mean(axis=0))
    slopes = ridge(x, centred, (RIDGE,))[0].T.numpy()
    sizes = [len(affine.bias) for affine, _ in layers(generator)]
    found = directions_of(bench.studio.model).steps
    for name in BASELINES:
        k = NAMES.index(name)
        step = found[name] * float(facts[name]["deviation"])
        yield "W+", name, bench.row(name, deviation, in_w(bench, step))
        weights = slopes[:, k].copy()
        weights[np.argsort(-np.abs(weights))[CHANNELS:]] = 0
        offset = torch.from_numpy(weights / np.square(weights).sum() * scale).float()
        offsets = calibrated(bench, name, deviation, list(offset.split(sizes)))
        yield "S", name, bench.row(name, deviation, in_s(bench, offsets))

    w = bench.studio.model.sample_w().double().cpu()
    for what, basis in (("SeFa", sefa(generator)), ("GANSpace", ganspace(w))):
        directions = basis[:COMPONENTS] * float((w - w.mean(0)).square().sum(1).mean().sqrt()) * 0.3
        yield from baseline(bench, what, directions, deviation)


def baseline(
    bench: Bench, what: str, directions: Tensor, deviation: dict[str, float]
) -> Iterator[tuple[str, str, dict]]:
    """For each slider the direction that moves it most beside all it moves, scaled to move it by
    one deviation."""
    codes = fresh_codes(bench.studio, 6, FIRST + 5000)
    plain = bench.seen(bench.studio.renderer.previews(codes))
    effects = []
    for direction in directions:
        drawn = bench.studio.renderer.previews([ws + direction.float() for ws in codes])
        after = bench.seen(drawn)
        effects.append(
            [np.nanmean((after[name] - plain[name]) / deviation[name]) for name in NAMES]
        )
    table = np.nan_to_num(np.array(effects))
    for name in BASELINES:
        k = NAMES.index(name)
        purity = np.abs(table[:, k]) / np.sqrt(np.square(table).sum(axis=1) + 0.05)
        best = int(purity.argmax())
        step = directions[best].float() / max(abs(table[best, k]), 0.15) * np.sign(table[best, k])
        yield what, name, bench.row(name, deviation, in_w(bench, step[None]))


def calibrated(
    bench: Bench, name: str, deviation: dict[str, float], offsets: list[Tensor]
) -> list[Tensor]:
    codes, signs = fresh_codes(bench.studio, 6, FIRST + 5000), np.ones(6)
    drawn = in_s(bench, offsets)
    up, down = bench.seen(drawn(codes, signs))[name], bench.seen(drawn(codes, -signs))[name]
    effect = float(np.nanmedian(up - down)) / 2 / deviation[name]
    return [one / max(effect, 0.2) for one in offsets]


def spread(generator, codes: Tensor) -> Tensor:
    return torch.cat([spread_out(generator, one) for one in codes])


def sefa(generator) -> Tensor:
    """Shen and Zhou 2021, https://arxiv.org/abs/2007.06600: the right singular vectors of all
    style maps, one above the other."""
    weights = torch.cat([affine.weight.double() for affine, _ in layers(generator)])
    weights = weights / weights.norm(dim=1, keepdim=True)
    return torch.linalg.eigh(weights.T @ weights)[1].flip(1).T


def ganspace(w: Tensor) -> Tensor:
    """Haerkoenen et al. 2020, https://arxiv.org/abs/2004.02546: the principal components of w."""
    return torch.linalg.eigh(torch.cov(w.T))[1].flip(1).T


def sheet(out: Path) -> None:
    """docs/edits.jpg: each slider at -2, -1, 0, 1 and 2 standard deviations, on three faces."""
    from facegen.output import provenance

    studio = Studio.load(MODEL, "cpu")
    found = directions_of(studio.model)
    rows = []
    for name in NAMES:
        step = found.steps[name] * float(found.facts[name]["deviation"])
        codes = [studio.model.code_of(seed, 0.7) for seed in SHOWN]
        moved = [ws + amount * step for ws in codes for amount in (-2, -1, 0, 1, 2)]
        rows += [images.resize(one, 96) for one in studio.renderer.previews(moved)]
    pixels = images.grid(rows, 5 * len(SHOWN))
    xmp = provenance.xmp_packet(provenance.NAME, provenance.TRAINED_MEDIA)
    out.write_bytes(images.encode_jpeg(pixels, xmp, quality=70))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("ours", "others", "sheet"))
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--ratings", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", nargs="*", help="sliders to measure")
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--faces", type=int, default=50)
    args = parser.parse_args()
    if args.what == "sheet":
        sheet(args.out)
        return
    assert TEST >= LAST, "what is measured must not have been learned from"
    bench = Bench(args)
    rows = ours(bench, args.only) if args.what == "ours" else others(bench, args.kept)
    for space, name, found in rows:
        print(json.dumps({"space": space, "slider": name, **found}), flush=True)


if __name__ == "__main__":
    main()
