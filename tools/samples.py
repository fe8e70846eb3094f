"""Draw a model's samples and keep what is measured of each; resumes where it was interrupted.

    python tools/samples.py FOLDER [--model auto] [--samples 12000] [--part 0] [--parts 1]

The first PLAIN samples are the model's as they come: labels/samples.txt names them. Of those
beyond, every other one is the rarest of FEW by what facegen/data/strangers guesses (poses, ages,
skin, glasses and so on), where that model has a file of an earlier fit, so that the rare kinds are
there.

Several parts can run side by side, each in a process of its own: part k of n draws the samples k,
k + n, k + 2n and so on, into FOLDER/samples-k. tools/kinds.py and tools/strangers.py read them.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from facegen import Studio, images
from facegen.face.landmarks import MESH_POINTS
from facegen.latent.vary.strangers import FIRST_SEED, FOLDER, sample
from facegen.measure.appearance import appearance
from facegen.measure.kinds import KINDS, classifier
from facegen.measure.naturalness import seen
from facegen.measure.observation import (
    LOOKED_AT,
    TRAITS,
    Observation,
    face_of,
    looked_at,
    of_mesh,
)
from facegen.training.data import Records

PLAIN, FEW = 4000, 12
WIDER = 0.9  # truncation beyond PLAIN
MESH = 478
Kept = Mapping[str, np.ndarray]


class Extractor:
    """Measures everything that is kept of a picture."""

    def __init__(self, studio: Studio):
        self.studio = studio

    def __call__(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Measure uint8 [R, R, 3]; NaN where no face is detected."""
        studio = self.studio
        mesh = studio.detector.mesh_of_crop(pixels)
        face = None if mesh is None else face_of(mesh[:MESH_POINTS])
        with torch.no_grad():
            features = seen(studio._features, images.to_tensor(images.resize(pixels, 256)))[0]
        kept = {
            "pictures": pixels,
            "mesh": np.full((MESH, 3), np.nan) if mesh is None else mesh,
            "confidence": np.array(studio.detector.confidence(pixels)),
            "features": features.numpy(),
        }
        for recogniser in studio.recognisers:
            vector = recogniser.embed(pixels, face)
            kept[recogniser.name] = np.full(128, np.nan) if vector is None else vector
        return kept


def code_of(studio: Studio, number: int) -> torch.Tensor:
    """Draw ws [1, num_ws, w_dim] of the sample of that number."""
    if number < PLAIN:
        return sample(studio.model, number)
    first = FIRST_SEED + number * FEW
    if number % 2 or not (FOLDER / f"{studio.info.name}.safetensors").is_file():
        return studio.model.code_of(first, WIDER)
    several = [studio.model.code_of(first + i, WIDER) for i in range(FEW)]
    strangers = studio.strangers
    assert strangers is not None
    guess = strangers.guess(torch.cat([ws[:, 0] for ws in several]).float().cpu())
    values = np.concatenate([guess["traits"], guess["kinds"]], axis=1)
    usual = strangers.guess(studio.statistics.mean[None].float())
    middle = np.concatenate([usual["traits"], usual["kinds"]], axis=1)
    spread = np.array(
        [
            float(slope @ studio.statistics.covariance.float() @ slope)
            for slope, name in zip(strangers.slopes, strangers.names, strict=True)
            if name in (*TRAITS, *KINDS)
        ]
    )
    rarity = np.minimum((values - middle) ** 2 / spread, 6.0).sum(axis=1)
    return several[int(rarity.argmax())]


def records(folder: Path, studio: Studio) -> Records:
    """Open the records of a part."""
    size, w_dim = min(LOOKED_AT, studio.resolution), studio.model.generator.config.w_dim
    features = Extractor(studio)(np.zeros((size, size, 3), np.uint8))["features"]
    vectors = {recogniser.name: ((128,), "float32") for recogniser in studio.recognisers}
    return Records(
        folder,
        {
            "number": ((), "int64"),
            "w": ((w_dim,), "float32"),
            "pictures": ((size, size, 3), "uint8"),
            "mesh": ((MESH, 3), "float32"),
            "confidence": ((), "float32"),
            "features": (features.shape, "float32"),
            **vectors,
        },
    )


def read(folder: Path, studio: Studio) -> Kept:
    """Read all parts, in the order of the samples' numbers."""
    parts = [records(path, studio) for path in sorted(folder.glob("samples-*"))]
    counts = [len(part) for part in parts]  # once: they may be growing
    kept = {
        name: np.concatenate([part.read(name, n) for part, n in zip(parts, counts, strict=True)])
        for name in parts[0].layout
        if name != "pictures"
    }
    order = np.argsort(kept["number"])
    kept = {name: values[order] for name, values in kept.items()}
    looks = [_looks(part, count) for part, count in zip(parts, counts, strict=True)]
    return kept | {"looks": np.concatenate(looks)[order]}


def _looks(part: Records, count: int) -> np.ndarray:
    """Measure light and forehead of appearance.py, [N, 2], which want the picture."""
    pictures, meshes = part.read("pictures", count), part.read("mesh", count)
    looks = np.full((len(part), 2), np.nan)
    for i, mesh in enumerate(meshes):
        if not np.isnan(mesh).any():
            shown = appearance(np.asarray(pictures[i]), mesh.astype(float))
            looks[i] = shown.light, shown.above
    return looks


def observations(kept: Kept, studio: Studio) -> Sequence[Observation]:
    """Collect what was measured of each, as an Observer would have said it."""
    size = min(LOOKED_AT, studio.resolution)
    features = np.concatenate([kept["dlib"], kept["features"]], axis=1).astype(float)
    rate = studio.observer.attributes
    assert rate is not None, "dlib is needed"
    rated, odds = rate.rater(features), classifier()(features)
    natural = studio.natural
    scores = natural.of(torch.from_numpy(kept["features"])).numpy() if natural else None
    observed = []
    for i, mesh in enumerate(kept["mesh"].astype(float)):
        traits = np.full(len(TRAITS), np.nan)
        if np.isnan(mesh).any():
            observed.append(Observation(size, None, None, 0.0, "no face", traits))
            continue
        traits[:] = (*of_mesh(mesh), *kept["looks"][i], *rated[i])
        observed.append(
            Observation(
                size,
                face_of(mesh[:MESH_POINTS]),
                mesh,
                float(kept["confidence"][i]),
                None,
                traits,
                dict(zip(KINDS, odds[i], strict=True)),
                None if scores is None else float(scores[i]),
                {r.name: kept[r.name][i].astype(float) for r in studio.recognisers},
            )
        )
    return observed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="auto")
    parser.add_argument("--samples", type=int, default=12_000)
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--parts", type=int, default=1)
    args = parser.parse_args()
    studio = Studio.load(args.model)
    extract = Extractor(studio)

    def make(first: int, count: int) -> dict[str, np.ndarray]:
        numbers = [(first + i) * args.parts + args.part for i in range(count)]
        codes = [code_of(studio, number) for number in numbers]
        measured = [extract(looked_at(studio.renderer.pixels(ws))) for ws in codes]
        arrays = {name: np.stack([sample[name] for sample in measured]) for name in measured[0]}
        return {
            "number": np.array(numbers), "w": torch.cat([ws[:, 0] for ws in codes]).cpu().numpy(),
            **arrays,
        }  # fmt: skip

    folder = args.folder / f"samples-{args.part}"
    records(folder, studio).fill(-(-args.samples // args.parts), 1, make, print)


if __name__ == "__main__":
    main()
