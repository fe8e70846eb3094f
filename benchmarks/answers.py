"""What sliders reach on refined photographs, with and without being tried first (docs/edits.md).

    python benchmarks/answers.py FACES --count 8

FACES: aligned faces, the last 50 of which no network here has seen; the first --count of those are
refined as `edit` does it, and each slider that is tried is moved both ways, by 0.5, 10 degrees of
yaw or 6 of pitch. "Reached" is what was measured over what was asked.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from common import Studio, images

from facegen.latent.edit import answers
from facegen.latent.edit.directions import directions_of
from facegen.options import InvertOptions
from facegen.options.edit import EditOptions
from facegen.types import AlignedFace

HELD_OUT = 50
AMOUNTS = dict.fromkeys(answers.STEERED, 0.5) | {"yaw": 10.0, "pitch": 6.0}
RIGHT = 0.5, 1.5  # of what was asked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--model", default="auto")
    arguments = parser.parse_args()
    studio = Studio.load(arguments.model)
    found: dict[str, list] = {name: [] for name in AMOUNTS}
    for path in sorted(arguments.faces.iterdir())[-HELD_OUT:][: arguments.count]:
        pixels = images.resize(images.load(path.read_bytes()), studio.resolution)
        steps = studio.steps(InvertOptions().steps)
        *_, inversion = studio.refine(AlignedFace(pixels, None), steps)
        for name, rows in measured(studio, inversion).items():
            found[name] += rows
        report(found)


def measured(studio, inversion) -> dict[str, list]:
    """Slider -> for each way it was moved (reached, dlib, SFace) plain, the same with its gain, and
    the gain."""
    measure, directions = answers.measure_with(studio.detector), directions_of(studio.model)
    plain = studio.renderer.preview(inversion.ws)
    comparison = studio.compare(plain)
    before = measure(plain)
    found: dict[str, list] = {}
    for name, size in AMOUNTS.items():
        for amount in (size, -size):
            options = EditOptions(**{name: amount})
            gains = studio.editor.gains(inversion, options)
            row: list[float] = []
            for given in ({}, gains):
                pixels = studio.editor.preview(inversion, options, given)
                moved = answers.moved_by(before, measure(pixels), directions)
                seen = comparison.measure(pixels, finished=False).identity
                row.append(moved.get(name, np.nan) / amount)
                row += [seen[k].distance if k in seen else np.nan for k in ("dlib", "sface")]
            found.setdefault(name, []).append([*row, gains[name, amount > 0]])
    return found


def report(found: dict[str, list]) -> None:
    print(
        f"\n{len(found['smile']) // 2} faces, both ways: median; share within {RIGHT}; same person"
    )
    print(
        "| slider | reached | within | dlib | same | tried: reached | within | dlib | same | gain |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, rows in found.items():
        values, line = np.array(rows, float), [f"`{name}`"]
        for start in (0, 3):
            reached, dlib, sface = values[:, start : start + 3].T
            within = np.mean((reached > RIGHT[0]) & (reached < RIGHT[1]))
            same = np.mean((dlib < 0.6) & (sface < 0.45))
            line += [f"{np.nanmedian(reached):.0%}", f"{within:.0%}"]
            line += [f"{np.nanmean(dlib):.2f}", f"{same:.0%}"]
        print(f"| {' | '.join(line)} | {values[:, 6].mean():.1f} |", flush=True)


if __name__ == "__main__":
    main()
