"""Predicts what a code's face shows before it is drawn, from a model's own samples.

Some thousands of samples are drawn once and observed (measure/observation.py); ridge regressions on
w then predict traits, kinds, naturalness, landmarks and the recognisers' vectors of any code. No
sample is stored, so that nobody is ever given a stored person: only the regressions are, and the
vectors of some samples as decoys (measure/decoys.py). Those of the shipped models were made by
tools/strangers.py; another model's are learned at its first use and kept in the user's cache.

Convention
    A guess is offsets + slopes (w - centre), one row for each of `names`: TRAITS, KINDS,
    "natural", "shape i" (the first principal components of the 68 landmarks over the crop's side,
    in units of their spread) and "<recogniser> i".
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ... import weights
from ...errors import FacegenError
from ...files import cache_folder
from ...measure.decoys import Decoys, spread_evenly
from ...measure.groups import by_attributes
from ...measure.kinds import KINDS
from ...measure.observation import POSE, TRAITS, Observation, Observer
from ...models import FaceModel, Renderer
from ...models.loading import digest_of
from ...options import ATTRIBUTES
from ..codes import CodeStatistics
from .directions import LEAST_EXPLAINED, Directions, ridge

FOLDER = Path(__file__).parents[2] / "data" / "strangers"
PSI = 0.8  # truncation of the samples
LEARNED = 500  # samples that a model without a file is learned from
LEAST = 64  # faces; a regression on fewer says nothing
SHAPES = 16  # principal components of the landmarks
DECOYS = 4000
STEERED = (*POSE, *ATTRIBUTES)  # traits that a code is moved along
FIRST_SEED = 7_000_000  # of the samples


@dataclass(frozen=True, eq=False)
class Strangers:
    """The regressions of one model.

    names: [K]. slopes [K, w_dim], offsets [K], centre [w_dim], float32; explained [K]: the share of
    the variance, by leaving one sample out in turn. basis [SHAPES, 136], mean [136]: of the
    landmarks."""

    names: tuple[str, ...]
    slopes: Tensor
    offsets: Tensor
    centre: Tensor
    explained: Tensor
    basis: np.ndarray
    mean: np.ndarray
    decoys: Decoys

    def guess(self, w: Tensor) -> Mapping[str, np.ndarray]:
        """Predict what codes [N, w_dim] show.

        "traits" [N, T], "shape" [N, SHAPES], "natural" [N], "kinds" [N, len(KINDS)] and each
        recogniser's vectors [N, D], as far as they were fitted."""
        found = (torch.addmm(self.offsets, w - self.centre, self.slopes.T)).numpy()
        return {name: found[:, part] for name, part in self._parts.items()}

    def shape_of(self, seen: Observation) -> np.ndarray | None:
        """Compute the shape [SHAPES] of an observed face; None without a face."""
        if seen.face is None:
            return None
        return self.basis @ (seen.face.landmarks.ravel() / seen.size - self.mean)

    def directions(self, statistics: CodeStatistics) -> Directions:
        """Return what in w moves the traits of STEERED, as far as it is explained."""
        rows = [
            row
            for row, name in enumerate(self.names)
            if name in STEERED and float(self.explained[row]) >= LEAST_EXPLAINED
        ]
        names = tuple(self.names[row] for row in rows)
        return Directions(names, self.slopes[rows].double(), statistics.covariance)

    @cached_property
    def _parts(self) -> dict[str, Any]:
        parts: dict[str, list[int]] = {}
        for row, name in enumerate(self.names):
            group = name.rsplit(" ", 1)[0]
            group = "traits" if name in TRAITS else "kinds" if name in KINDS else group
            parts.setdefault(group, []).append(row)
        parts.setdefault("natural", [])
        return {name: slice(rows[0], rows[-1] + 1) for name, rows in parts.items() if rows}


def fit(
    w: Tensor, seen: Sequence[Observation], earlier: Strangers | None = None
) -> Strangers | None:
    """Fit to samples w [N, w_dim] and their observations; None where too few show a face.

    earlier: a fit to other samples, that the slopes are shrunk towards in place of 0."""
    rows = [i for i, one in enumerate(seen) if one.trouble is None and one.vectors]
    if len(rows) < LEAST:
        return None
    kept = [seen[i] for i in rows]
    landmarks = np.array([one.face.landmarks.ravel() / one.size for one in kept if one.face])
    if earlier:
        mean, basis = earlier.mean, earlier.basis
    else:
        mean = landmarks.mean(axis=0)
        _, values, basis = np.linalg.svd(landmarks - mean, full_matrices=False)
        basis = basis[:SHAPES] / (values[:SHAPES, None] / np.sqrt(len(kept)))
    columns: dict[str, np.ndarray] = {
        name: np.array([one.traits[i] for one in kept]) for i, name in enumerate(TRAITS)
    }
    if kept[0].kinds:
        columns |= {name: np.array([one.kinds[name] for one in kept]) for name in KINDS}
    if kept[0].natural is not None:
        columns["natural"] = np.array([one.natural for one in kept], dtype=np.float64)
    projected = (landmarks - mean) @ basis.T
    columns |= {f"shape {i}": projected[:, i] for i in range(len(basis))}
    for name in kept[0].vectors:
        vectors = np.array([one.vectors[name] for one in kept])
        columns |= {f"{name} {i}": vectors[:, i] for i in range(vectors.shape[1])}
    columns = {name: values for name, values in columns.items() if not np.isnan(values).any()}
    x, y = w[rows].double().cpu(), torch.from_numpy(np.stack([*columns.values()], axis=1)).double()
    x, centre, offsets = x - x.mean(dim=0), x.mean(dim=0), y.mean(dim=0)
    known = torch.zeros(y.shape[1], x.shape[1], dtype=torch.float64)
    for row, name in enumerate(columns):
        if earlier and name in earlier.names:
            known[row] = earlier.slopes[earlier.names.index(name)]
    left = y - offsets - x @ known.T
    slopes, explained = ridge(x, left)
    share = left.square().mean(dim=0) / (y - offsets).square().mean(dim=0).clamp_min(1e-12)
    explained = 1 - (1 - explained) * share
    return Strangers(
        tuple(columns),
        (known + slopes).float(),
        offsets.float(),
        centre.float(),
        explained.float(),
        basis,
        mean,
        _decoys(kept),
    )


def _decoys(seen: Sequence[Observation]) -> Decoys:
    rated = np.array([one.traits[-len(ATTRIBUTES) :] for one in seen])
    groups = [
        np.stack([*members.values()]).argmax(axis=0)
        for members in by_attributes(np.nan_to_num(rated)).values()
    ]
    rows = spread_evenly(groups, DECOYS)
    return Decoys(
        {
            name: np.array([seen[i].vectors[name] for i in rows], np.float32)
            for name in seen[0].vectors
        },
        rated[rows].astype(np.float32),
    )


# --- learning ------------------------------------------------------------------------------

Learner = Generator[float, None, Strangers | None]


def learn(model: FaceModel, observer: Observer, renderer: Renderer) -> Learner:
    """Read a model's file or cache; else learn it now, yielding the share that is done, 0 to 1.

    Returns None if the model shows too few faces."""
    file = FOLDER / f"{model.info.name}.safetensors"
    if file.is_file():
        return read(file)
    path = None
    with contextlib.suppress(RuntimeError):  # no home, no cache
        recognisers = tuple(one.name for one in observer.recognisers)
        about = digest_of((model.generator,), LEARNED, PSI, recognisers, observer.kinds is None)
        path = cache_folder() / f"strangers-{about[:24]}.safetensors"
    if path and path.is_file():
        with contextlib.suppress(FacegenError, ValueError, KeyError):
            return read(path)
    codes: list[Tensor] = []
    seen: list[Observation] = []
    for number in range(LEARNED):
        if number % 16 == 0:
            yield number / LEARNED
            if number >= LEAST and sum(one.face is not None for one in seen) < LEAST // 4:
                return None  # this model does not draw faces
        ws = sample(model, number)
        codes.append(ws[:, 0])
        seen.append(observer(renderer.pixels(ws)))
    found = fit(torch.cat(codes), seen)
    if found and path:
        with contextlib.suppress(FacegenError, OSError):  # an unwritable cache is not an error
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}")
            write(part, found, {})
            os.replace(part, path)
    return found


def sample(model: FaceModel, number: int) -> Tensor:
    """Return ws [1, num_ws, w_dim] of the sample of that number."""
    return model.code_of(FIRST_SEED + number, PSI)


# --- files ---------------------------------------------------------------------------------


def read(path: Path) -> Strangers:
    """Read what `write` wrote. Raises WeightsError."""
    tensors, about = weights.read(path)
    names = tuple(json.loads(about["names"]))
    decoys = {
        name.removeprefix("decoys."): tensor.float().numpy() * float(tensors[f"scale.{name[7:]}"])
        for name, tensor in tensors.items()
        if name.startswith("decoys.")
    }
    return Strangers(
        names,
        tensors["slopes"].float() * tensors["size"][:, None],
        tensors["offsets"],
        tensors["centre"],
        tensors["explained"],
        tensors["basis"].double().numpy(),
        tensors["mean"].double().numpy(),
        Decoys(decoys, tensors["attributes"].float().numpy()),
    )


def write(path: Path, strangers: Strangers, facts: Mapping[str, object]) -> None:
    """Write a model's file: slopes in half precision, decoys in 8 bits.

    facts: measurements of them. Raises OutputError."""
    size = strangers.slopes.abs().amax(dim=1).clamp_min(1e-12)
    tensors = {
        "slopes": (strangers.slopes / size[:, None]).half(),
        "size": size,
        "offsets": strangers.offsets,
        "centre": strangers.centre,
        "explained": strangers.explained,
        "basis": torch.from_numpy(strangers.basis).float(),
        "mean": torch.from_numpy(strangers.mean).float(),
        "attributes": torch.from_numpy(strangers.decoys.attributes).half(),
    }
    for name, vectors in strangers.decoys.vectors.items():
        scale = float(np.abs(vectors).max()) / 127
        tensors[f"decoys.{name}"] = torch.from_numpy(np.round(vectors / scale)).to(torch.int8)
        tensors[f"scale.{name}"] = torch.tensor([scale])
    about = {
        "format": "facegen",
        "kind": "strangers",
        "names": json.dumps(strangers.names),
        "facts": json.dumps(dict(facts)),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    weights.write(path, tensors, about)
