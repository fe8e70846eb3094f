"""What is measured on samples of a model, once: the directions of pose and expression.

Kept in the user's cache folder under a digest of the generator, so that only a model's first
use waits for it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...face.detect import Detector
from ...files import cache_folder
from ...measure import structure
from ...models import FaceModel, Renderer
from ...models.loading import digest_of
from .directions import NAMES, SAMPLES, Directions
from .perturb import CodeStatistics

_FIELDS = ("slopes", "means", "explained")
LEAST = 64  # faces; a regression on fewer says nothing
_AT_ONCE = 16  # pictures drawn between two reports

Learner = Generator[float, None, Directions | None]


@dataclass(frozen=True)
class Learned:
    """What was measured on a model's samples; directions None: it shows too few faces."""

    directions: Directions | None


def learn_directions(
    model: FaceModel,
    statistics: CodeStatistics,
    detector: Detector,
    renderer: Renderer,
) -> Learner:
    """Those that came with the model or lie in the cache; else they are measured now, and it
    yields the share that is done, 0 to 1.

    Returns the directions; None if the model shows too few faces.
    """
    covariance = (statistics.factor @ statistics.factor.T).double()
    if set(_FIELDS) <= model.measured.keys():
        slopes, means, explained = (model.measured[name].double().cpu() for name in _FIELDS)
        return Directions(slopes, means, explained, covariance)
    path = None
    with contextlib.suppress(RuntimeError):  # who has no home has no cache
        digest = digest_of((model.generator,), SAMPLES, NAMES)[:24]
        path = cache_folder() / f"directions-{digest}.json"
    with contextlib.suppress(OSError, ValueError, KeyError):
        kept = json.loads(path.read_text(encoding="utf-8")) if path else {}
        slopes, means, explained = (
            torch.tensor(kept[name], dtype=torch.float64) for name in _FIELDS
        )
        if slopes.shape == (len(NAMES), len(covariance)):
            return Directions(slopes, means, explained, covariance)
    found = yield from _measure(model, statistics, detector, renderer)
    if found and path:
        content = json.dumps({name: getattr(found, name).tolist() for name in _FIELDS})
        with contextlib.suppress(OSError):  # a cache that cannot be written is no mistake
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}")
            part.write_text(content, encoding="utf-8")
            os.replace(part, path)
    return found


def of_face(detector: Detector, pixels: np.ndarray) -> tuple[float, ...] | None:
    """What directions.NAMES name, of an aligned crop uint8 [R, R, 3]; None: no face is seen."""
    face = detector.landmarks_of_crop(pixels)
    if face is None:
        return None
    shown = structure.expression(face.mesh)
    return (*structure.pose(face.mesh), shown.mouth, shown.smile, shown.eyes)


def fit(w: Tensor, values: Tensor, statistics: CodeStatistics) -> Directions | None:
    """From codes [N, w_dim] and what was measured on the face of each, [N, K]; None if they are
    fewer than LEAST."""
    if len(w) < LEAST:
        return None
    covariance = (statistics.factor @ statistics.factor.T).double()
    return Directions.fit(w.cpu() - statistics.mean, values, covariance)


def _measure(
    model: FaceModel, statistics: CodeStatistics, detector: Detector, renderer: Renderer
) -> Learner:
    """Draw SAMPLES faces, measure each, and fit."""
    w = model.sample_w(SAMPLES)
    codes = list(model.generator.broadcast(w)[:, None])
    rows: list[int] = []
    values: list[tuple[float, ...]] = []
    for start in range(0, SAMPLES, _AT_ONCE):
        yield start / SAMPLES
        if start >= LEAST and len(rows) < LEAST // 4:
            return None  # this model draws no faces
        pictures = renderer.previews(codes[start : start + _AT_ONCE])
        for index, pixels in enumerate(pictures, start):
            if (numbers := of_face(detector, pixels)) is not None:
                rows.append(index)
                values.append(numbers)
    return fit(w[rows], torch.tensor(values), statistics)
