"""Measure what the sliders of `edit` and the raters are learned from, and keep it on disk.

Two sets: samples of the generator, and aligned faces that people rated (One Million Impressions).
The places of W+ of a sample fall into groups (`groups`) that have codes of their own, so that a
regression on them says in which group a feature lies, not only where in w.

Six measures are what people said of faces, handed on by a regression from a picture's features;
the others are measured on the face's mesh.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from facegen import Studio, images, runtime
from facegen.latent.edit.answers import HELD, SEEN
from facegen.latent.edit.answers import seen as mesh_measures
from facegen.latent.vary.directions import ridge
from facegen.measure.attributes import Rater
from facegen.measure.naturalness import seen
from facegen.measure.perceptual import features_at_hand
from facegen.models import Generator
from facegen.training.data import Records

PSI = (0.5, 1.0)  # truncation of each group's code, as for the encoder's pool
SIZE = 256  # pixels of the pictures: a preview's
AT_ONCE = 2
MESH = 478  # points, with the irises
COARSE, MIDDLE, FINE = 8, 16, 64  # pixels up to which the first three groups of places work
LAST = 904  # of the rated faces that are learned from; the others are measured
RIDGE = 300.0  # of the raters that measure samples
# our name -> the column of the ratings, and which way it counts
RATED = {
    "age": ("age", 1),
    "gender": ("gender", -1),
    "hair_length": ("long-haired", 1),
    "hair_colour": ("hair-color", -1),
    "skin_tone": ("skin-color", 1),
}
DEGREES_AND_YEARS = ("age", "yaw", "pitch")  # the others' unit is the spread of the samples
_EDIT = 4  # key of the random numbers drawn here

Kept = Mapping[str, np.ndarray]  # a name of Extractor.layout -> [N, ...]
Ratings = Mapping[int, Mapping[str, float]]  # number of the face -> column -> mean rating


def groups(layer_resolutions: Sequence[int]) -> tuple[slice, ...]:
    """List the places of W+ that share a code in a sample: up to 8, 16, 64 pixels, and above."""
    counts = [sum(size <= limit for size in layer_resolutions) for limit in (COARSE, MIDDLE, FINE)]
    edges = [0, *counts, len(layer_resolutions)]
    return tuple(slice(a, b) for a, b in itertools.pairwise(edges) if b > a)


def rows(layer_resolutions: Sequence[int]) -> list[int]:
    """Say the group of each place of W+."""
    parts = enumerate(groups(layer_resolutions))
    return [index for index, part in parts for _ in range(part.stop - part.start)]


def spread_out(generator: Generator, codes: Tensor) -> Tensor:
    """Repeat the groups' codes [G, w_dim] over their places -> ws [1, num_ws, w_dim]."""
    return codes[rows(generator.config.layer_resolutions)][None]


@torch.no_grad()
def draw_codes(generator: Generator, seed: int, index: int) -> Tensor:
    """Draw w [G, w_dim] of a sample: one for each group, truncated by a psi of its own."""
    count = len(groups(generator.config.layer_resolutions))
    random = runtime.seeded(seed, _EDIT, index)
    z = torch.randn(count, generator.config.z_dim, generator=random)
    low, high = PSI
    psi = (low + (high - low) * torch.rand(count, 1, generator=random)).to(generator.w_avg.device)
    w_avg = generator.w_avg
    return w_avg + (generator.mapping(z.to(w_avg.device)) - w_avg) * psi


class Extractor:
    """Measures all that is kept of pictures, uint8 [SIZE, SIZE, 3]."""

    def __init__(self, studio: Studio):
        features = features_at_hand(studio.device)
        assert features is not None, "efficientnet-lite0 is missing: facegen weights fetch it"
        self._studio, self._features = studio, features

    def layout(self) -> dict[str, tuple[Sequence[int], str]]:
        """Name the arrays: name -> (shape of a record, dtype)."""
        with torch.no_grad():
            length = seen(self._features, torch.zeros(1, 3, SIZE, SIZE)).shape[1]
        return {
            "pictures": ((SIZE, SIZE, 3), "uint8"),
            "mesh": ((MESH, 3), "float32"),
            "features": ((length,), "float32"),
            **{recogniser.name: ((128,), "float32") for recogniser in self._studio.recognisers},
        }

    @torch.no_grad()
    def __call__(self, pictures: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Measure pictures; NaN where no face is detected."""
        detector = self._studio.detector
        meshes = [detector.mesh_of_crop(picture) for picture in pictures]
        faces = [detector.landmarks_of_crop(picture) for picture in pictures]
        no_mesh, no_vector = np.full((MESH, 3), np.nan), np.full(128, np.nan)
        kept = {
            "pictures": np.stack(pictures),
            "mesh": np.stack([no_mesh if mesh is None else mesh for mesh in meshes]),
            "features": seen(self._features, images.to_tensor(list(pictures))).numpy(),
        }
        for recogniser in self._studio.recognisers:
            vectors = recogniser.embed_all(pictures, faces)
            kept[recogniser.name] = np.stack([no_vector if v is None else v for v in vectors])
        return kept


# --- the two sets on disk --------------------------------------------------------------


def samples(folder: Path, generator: Generator, extract: Extractor) -> Records:
    """Open the records of samples: their codes, and all that Extractor.layout names."""
    count, w_dim = len(groups(generator.config.layer_resolutions)), generator.config.w_dim
    return Records(folder, {"codes": ((count, w_dim), "float32"), **extract.layout()})


def draw_samples(studio: Studio, out: Path, seed: int, total: int) -> None:
    """Fill OUT/samples-SEED up to `total` samples; resumes where it was interrupted."""
    generator, extract = studio.model.generator, Extractor(studio)

    def make(first: int, count: int) -> dict[str, np.ndarray]:
        codes = [draw_codes(generator, seed, first + i) for i in range(count)]
        pictures = studio.renderer.previews([spread_out(generator, w) for w in codes])
        return {"codes": torch.stack(codes).cpu().numpy(), **extract(pictures)}

    samples(out / f"samples-{seed}", generator, extract).fill(total, AT_ONCE, make, print)


def read_samples(studio: Studio, out: Path) -> dict[str, np.ndarray]:
    """Read the samples of every seed."""
    generator, extract = studio.model.generator, Extractor(studio)
    parts = [samples(folder, generator, extract) for folder in sorted(out.glob("samples-*"))]
    counts = [len(part) for part in parts]  # once: they may still be growing
    return {
        name: np.concatenate([part.read(name, n) for part, n in zip(parts, counts, strict=True)])
        for name in parts[0].layout
    }


def faces(studio: Studio, out: Path) -> Records:
    """Open the records of rated faces: number, the encoder's code and Extractor.layout."""
    config = studio.model.generator.config
    layout = {
        "number": ((), "int32"),
        "ws": ((config.num_ws, config.w_dim), "float32"),
        **Extractor(studio).layout(),
    }
    return Records(out / "faces", layout)


def measure_faces(studio: Studio, folder: Path, out: Path) -> None:
    """Fill OUT/faces with aligned faces of files named NUMBER.jpg."""
    paths = sorted(folder.glob("*.jpg"), key=lambda path: int(path.stem))
    encode, extract = studio.model.encode, Extractor(studio)
    assert encode is not None

    @torch.no_grad()
    def make(first: int, count: int) -> dict[str, np.ndarray]:
        chosen = [paths[min(i, len(paths) - 1)] for i in range(first, first + count)]
        pictures = [images.resize(images.load(path), SIZE) for path in chosen]
        ws = torch.cat([encode(images.to_tensor(picture)) for picture in pictures])
        numbers = np.array([int(path.stem) for path in chosen], np.int32)
        return {"number": numbers, "ws": ws.numpy(), **extract(pictures)}

    faces(studio, out).fill(len(paths), AT_ONCE, make, print)


def read_faces(studio: Studio, out: Path) -> dict[str, np.ndarray]:
    """Read all rated faces."""
    records = faces(studio, out)
    count = len(records)
    return {name: records.read(name, count) for name in records.layout}


def read_ratings(path: Path, columns: Sequence[str]) -> Ratings:
    """Read the mean ratings of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return {
            int(row["stimulus"]): {column: float(row[column]) for column in columns}
            for row in csv.DictReader(file)
        }


def once(numbers: np.ndarray) -> np.ndarray:
    """Mark the first record of each number, bool [N]: an interrupted run repeats some."""
    first = np.zeros(len(numbers), dtype=bool)
    first[np.unique(numbers, return_index=True)[1]] = True
    return first


# --- measures --------------------------------------------------------------------------


def fit_rater(features: np.ndarray, ratings: np.ndarray, amount: float) -> Rater:
    """Fit a ridge regression to features [N, D] and ratings [N, M].

    amount: of the ridge, for standardised features.
    """
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    x, offsets = (features - mean) / scale, ratings.mean(axis=0)
    y = torch.from_numpy(ratings - offsets)
    slopes, _ = ridge(torch.from_numpy(x), y, (amount / max(x.shape),))
    return Rater(mean, scale, slopes.T.numpy(), offsets)


def rater_features(kept: Kept) -> np.ndarray:
    """Join what a sample's rater reads, [N, D]."""
    return np.concatenate([kept["features"], kept["dlib"], kept["sface"]], axis=1)


def rater_of(kept: Kept, ratings: Ratings, last: int = LAST) -> Rater:
    """Fit the rater of RATED to the faces numbered up to `last`, without undetected ones."""
    chosen = (kept["number"] <= last) & ~np.isnan(rater_features(kept)).any(axis=1)
    chosen &= once(kept["number"])
    table = [
        [way * ratings[int(number)][column] for column, way in RATED.values()]
        for number in kept["number"][chosen]
    ]
    return fit_rater(rater_features(kept)[chosen], np.array(table, dtype=float), RIDGE)


def measures_of(studio: Studio, out: Path, ratings: Path) -> Measures:
    """Fit what measures the samples to OUT/faces and a CSV file of ratings."""
    columns = [column for column, _ in RATED.values()]
    return Measures(rater_of(read_faces(studio, out), read_ratings(ratings, columns)))


@dataclass(frozen=True)
class Measures:
    """Kept pictures -> slider -> [N]; NaN where no face is detected."""

    rater: Rater

    def __call__(self, kept: Kept) -> dict[str, np.ndarray]:
        """Measure every slider, and what no slider may move (HELD)."""
        rated = self.rater(rater_features(kept))
        pairs = zip(kept["pictures"], kept["mesh"], strict=True)
        meshes = np.array([mesh_measures(picture, mesh) for picture, mesh in pairs])
        table = np.concatenate([rated, meshes], axis=1)
        table[np.isnan(table).any(axis=1)] = np.nan
        return dict(zip((*RATED, *SEEN, *HELD), table.T, strict=True))


def unit(name: str, values: np.ndarray) -> float:
    """Say how much of the measure a slider's 1 is.

    A year, a degree, or the way from the 5th to the 95th percentile of the samples.
    """
    if name in DEGREES_AND_YEARS:
        return 1.0
    low, high = np.percentile(values, (5, 95))
    return float(high - low)
