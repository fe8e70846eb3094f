"""Z, W, W+ and S of the photorealistic generator: how near a photo each comes, and how well what
was found can still be edited. docs/latent-spaces.md's table and picture.

    python benchmarks/spaces.py --faces omi-256 --count 6 --steps 30 --out spaces.png

Each space is optimised with the same loss for equally many steps through previews; Z starts at the
nearest of 10,000 samples to the encoder's code, the others at the encoder's code. Then the
sliders `smile` and `yaw` move the result by one standard deviation to either side.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from style_space import layers, shifted, styles
from torch import Tensor

from facegen import Studio, images
from facegen.latent import invert
from facegen.latent.edit.answers import LIFT, lift
from facegen.latent.edit.directions import directions_of
from facegen.measure import structure

MODEL = "mobilestylegan-1024"
SPACES = ("encoder", "Z", "W", "W+", "S")
FIRST = 955  # faces numbered from here on, which nothing was trained on
RATE = 0.14  # Adam's, in units of each number's spread
SIZE = 256


@dataclass(frozen=True)
class Code:
    """ws [1, num_ws, w_dim] and offsets on the styles of each layer, or none."""

    ws: Tensor
    offsets: list[Tensor] | None = None


class Bench:
    def __init__(self) -> None:
        self.studio = Studio.load(MODEL, "cpu")
        self.generator = self.studio.model.generator
        self.w = self.studio.model.sample_w()
        self.spread = self.studio.statistics.spread
        self.directions = directions_of(self.studio.model)

    def picture(self, code: Code, moved: Tensor | float = 0.0) -> Tensor:
        """A preview [1, 3, SIZE, SIZE], with gradients where they are asked for."""
        if code.offsets is None:
            return self.generator.preview(code.ws + moved, SIZE)
        with shifted(self.generator, code.offsets):
            return self.generator.preview(code.ws + moved, SIZE)

    @torch.no_grad()
    def pixels(self, code: Code, moved: Tensor | float = 0.0) -> np.ndarray:
        return images.to_pixels(self.picture(code, moved))[0]

    # -- finding a photo -----------------------------------------------------------------

    def find(self, space: str, pixels: np.ndarray, steps: int) -> tuple[Code, float]:
        """(the code, its distance)."""
        target = images.to_tensor(pixels)
        measure = invert.Distance(self.studio._look).to(target)
        with torch.no_grad():
            start = self.studio.model.encode(target).float()
        free, rates, make = self.parts(space, start)
        best: tuple[Code, float] | None = None
        groups = [{"params": [one], "lr": rate} for one, rate in zip(free, rates, strict=True)]
        optimiser = torch.optim.Adam(groups, betas=invert.PREVIEW_BETAS) if free else None
        for step in range((steps if free else 0) + 1):
            with torch.enable_grad():
                code = make()
                distance = measure(self.picture(code))
            if best is None or float(distance.detach()) < best[1]:
                kept = code.offsets and [one.detach().clone() for one in code.offsets]
                best = Code(code.ws.detach().clone(), kept), float(distance.detach())
            if optimiser is None or step == steps:
                break
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * min(1.0, 2 * (1 - step / steps))
            optimiser.zero_grad(set_to_none=True)
            distance.backward()
            optimiser.step()
        assert best is not None
        return best

    def parts(
        self, space: str, start: Tensor
    ) -> tuple[list[Tensor], list[float], Callable[[], Code]]:
        """(what is optimised, its rates, the code made of it)."""
        w, rate = start.mean(dim=1), RATE * self.spread
        if space == "Z":
            z = self.nearest_z(w).requires_grad_(True)
            mapped = self.generator.mapping
            return [z], [RATE], lambda: Code(self.generator.broadcast(mapped(z)))
        if space == "W":
            w = w.clone().requires_grad_(True)
            return [w], [rate], lambda: Code(self.generator.broadcast(w))
        if space == "W+":
            ws = start.clone().requires_grad_(True)
            return [ws], [rate], lambda: Code(ws)
        if space == "S":
            with torch.no_grad():
                spreads = [
                    float(one.std(dim=0).square().mean().sqrt())
                    for one in styles(self.generator, self.generator.broadcast(self.w[:500]))
                ]
            offsets = [
                torch.zeros_like(affine.bias).requires_grad_(True)
                for affine, _ in layers(self.generator)
            ]
            return offsets, [RATE * one for one in spreads], lambda: Code(start, offsets)
        return [], [], lambda: Code(start)

    def nearest_z(self, w: Tensor) -> Tensor:
        from facegen import runtime

        z = runtime.seeded_normal((len(self.w), self.generator.config.z_dim), 0)  # sample_w's
        return z[int((self.w - w).square().sum(dim=1).argmin())][None].clone()

    # -- editing what was found ----------------------------------------------------------

    def edited(self, code: Code) -> dict[str, float]:
        """How much of what was asked is seen (1: all), and dlib's mean distance over the edits."""
        found, apart = {}, []
        plain = self.pixels(code)
        for name in ("smile", "yaw"):
            facts = self.directions.facts[name]
            amount = float(facts["deviation"])
            step = amount * self.directions.steps[name]
            up, down = self.pixels(code, step), self.pixels(code, -step)
            measured = [self.measure(name, one) for one in (up, down)]
            unit = float(facts["measure"])
            found[name] = (measured[0] - measured[1]) / 2 / amount / unit
            apart += [self.identity(plain, one) for one in (up, down)]
        return found | {"dlib": float(np.nanmean(apart))}

    def measure(self, name: str, pixels: np.ndarray) -> float:
        mesh = self.studio.detector.mesh_of_crop(pixels)
        if mesh is None:
            return float("nan")
        if name == "yaw":
            return structure.pose(mesh[:468])[0]
        return structure.expression(mesh[:468]).smile + LIFT * lift(mesh)

    def identity(self, first: np.ndarray, second: np.ndarray) -> float:
        pictures = [first, second]
        faces = [self.studio.detector.landmarks_of_crop(one) for one in pictures]
        a, b = self.studio.recognisers[0].embed_all(pictures, faces)
        return float("nan") if a is None or b is None else float(np.linalg.norm(a - b))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--count", type=int, default=6)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    bench = Bench()
    rows, sheet = {space: [] for space in SPACES}, []
    held_out = sorted(path for path in args.faces.glob("*.jpg") if int(path.stem) >= FIRST)
    for path in held_out[: args.count]:
        photo = images.resize(images.load(path), SIZE)
        line = []
        for space in SPACES:
            code, distance = bench.find(space, photo, args.steps)
            shown = bench.pixels(code)
            step = bench.directions.steps["smile"] * 0.6
            line += [shown, bench.pixels(code, step)]
            found = {"distance": distance, "likeness": bench.identity(photo, shown)}
            rows[space].append(found | bench.edited(code))
            print(
                path.stem, space, {k: round(v, 3) for k, v in rows[space][-1].items()}, flush=True
            )
        sheet.append(line)
        pictures = [images.resize(one, 128) for row in sheet for one in row]
        args.out.write_bytes(images.encode_png(images.grid(pictures, 2 * len(SPACES))))
    for space, found in rows.items():
        medians = {k: round(statistics.median(one[k] for one in found), 3) for k in found[0]}
        print(space, medians)


if __name__ == "__main__":
    main()
