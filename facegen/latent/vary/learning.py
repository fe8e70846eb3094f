"""What is measured on samples of a model, once: the directions of pose, expression and attributes.

Those of a model with a file in data/directions come with Facegen; others are kept in the user's
cache folder under a digest of the generator, so that only a model's first use waits for them.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ... import weights
from ...files import cache_folder
from ...measure.traits import POSE, Traits
from ...models import FaceModel, Renderer
from ...models.loading import digest_of
from .directions import SAMPLES, Directions
from .perturb import CodeStatistics

FOLDER = Path(__file__).parents[2] / "data" / "directions"
LEAST = 64  # faces; a regression on fewer says nothing
_FIELDS = ("slopes", "explained")
_AT_ONCE = 16  # pictures drawn between two reports

Learner = Generator[float, None, Directions | None]


@dataclass(frozen=True)
class Learned:
    """What was measured on a model's samples; directions None: it shows too few faces."""

    directions: Directions | None


def learn_directions(
    model: FaceModel, statistics: CodeStatistics, traits: Traits, renderer: Renderer
) -> Learner:
    """Those that come with Facegen or lie in the cache; else they are measured now, and it
    yields the share that is done, 0 to 1.

    Returns the directions; None if the model shows too few faces. What is measured here are pose
    and expression: attributes need more samples, and places that are told apart.
    """
    covariance = (statistics.factor @ statistics.factor.T).double()
    file = FOLDER / f"{model.info.name}.safetensors"
    if file.is_file():
        return read(file, covariance)
    path = None
    with contextlib.suppress(RuntimeError):  # who has no home has no cache
        digest = digest_of((model.generator,), SAMPLES, POSE)[:24]
        path = cache_folder() / f"directions-{digest}.json"
    with contextlib.suppress(OSError, ValueError, KeyError):
        kept = json.loads(path.read_text(encoding="utf-8")) if path else {}
        slopes, explained = (torch.tensor(kept[name], dtype=torch.float64) for name in _FIELDS)
        if slopes.shape == (len(POSE), 1, len(covariance)):
            return Directions(POSE, slopes, explained, covariance)
    found = yield from _measure(model, statistics, traits, renderer)
    if found and path:
        content = json.dumps({name: getattr(found, name).tolist() for name in _FIELDS})
        with contextlib.suppress(OSError):  # a cache that cannot be written is no mistake
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}")
            part.write_text(content, encoding="utf-8")
            os.replace(part, path)
    return found


def _measure(
    model: FaceModel, statistics: CodeStatistics, traits: Traits, renderer: Renderer
) -> Learner:
    """Draw SAMPLES faces, measure each, and fit."""
    w = model.sample_w(SAMPLES)
    codes = list(model.generator.broadcast(w)[:, None])
    rows: list[np.ndarray] = []
    for start in range(0, SAMPLES, _AT_ONCE):
        yield start / SAMPLES
        seen = sum(not np.isnan(row[0]) for row in rows)
        if start >= LEAST and seen < LEAST // 4:
            return None  # this model draws no faces
        pictures = renderer.previews(codes[start : start + _AT_ONCE])
        rows += [traits.pose(pixels) for pixels in pictures]
    values = torch.from_numpy(np.array(rows))
    seen_rows = ~values.isnan().any(dim=1)
    if int(seen_rows.sum()) < LEAST:
        return None
    covariance = (statistics.factor @ statistics.factor.T).double()
    offsets = w[seen_rows].cpu() - statistics.mean
    return Directions.fit(POSE, offsets, values[seen_rows], covariance)


# --- the files of data/directions ----------------------------------------------------------


def read(path: Path, covariance: Tensor) -> Directions:
    """What `write` wrote, for a model whose w has that covariance."""
    tensors, about = weights.read(path)
    rows = torch.tensor(json.loads(about["rows"]))  # place of W+ -> row of a measure's slopes
    slopes = tensors["slopes"].double()[:, rows] / rows.bincount()[rows][:, None]
    names = tuple(json.loads(about["names"]))
    return Directions(names, slopes, tensors["explained"].double(), covariance)


def write(
    path: Path,
    names: Sequence[str],
    slopes: np.ndarray,
    explained: np.ndarray,
    rows: Sequence[int],
    facts: Mapping[str, object],
) -> None:
    """slopes [K, G, w_dim]: what a change of the code of a group of places does. rows: place of
    W+ -> its group. Raises OutputError."""
    about = {
        "format": "facegen",
        "kind": "directions",
        "names": json.dumps(list(names)),
        "rows": json.dumps(list(rows)),
        "facts": json.dumps(dict(facts)),
    }
    tensors = {
        "slopes": torch.from_numpy(slopes).float(),
        "explained": torch.from_numpy(explained).float(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    weights.write(path, tensors, about)
