"""Walks: how far from the average face can one go before faces stop being faces?

Convention
    A walk starts at w_avg and turns slowly:
        d_t = rho d_(t-1) + sqrt(1 - rho^2) F n_t,    w_t = w_(t-1) + step R d_t / |d_t|
    with n_t standard normal, F F^T the covariance of the model's w, and R the root mean square
    of |w - w_avg|. So distances are in units of R: the model's own faces lie about 1 from the
    average. rho is the persistence; 0 would be a walk that hardly leaves the spot (its distance
    grows with the root of the steps).
    Faces "stop being found" at the first of GONE steps in a row without one: the detector's
    confidence is below SURE, no plausible landmarks can be fitted, or the picture is not
    natural (where the model came with a measure of that).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from .. import runtime
from ..face import detect
from ..face.detect import SURE
from ..options import WalkOptions
from ..studio import Studio

GONE = 5  # steps in a row without a face
_WALK = 4  # key of the random numbers drawn here
_PICTURES = 50  # kept and embedded, evenly over the walk
_LEAST_BATCH = 4  # steps between two reports of progress


@dataclass
class Walk:
    """A walk's results. distances, confidences, found: one a step, the start first.

    thumbs: about _PICTURES pictures, at `thumb_steps`; vectors: the recogniser's, None without a
    face. lost: the step at which faces stop being found, None if they never do; last_face, monster:
    pictures (of the last step with a face before it, and of that step)."""

    seed: int
    distances: list[float] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)
    found: list[bool] = field(default_factory=list)
    thumbs: list[np.ndarray] = field(default_factory=list)
    thumb_steps: list[int] = field(default_factory=list)
    vectors: list[np.ndarray | None] = field(default_factory=list)
    lost: int | None = None
    last_face: np.ndarray | None = None
    last_face_step: int | None = None
    monster: np.ndarray | None = None

    @property
    def lost_at(self) -> float | None:
        """Return the distance at which faces stop being found."""
        return None if self.lost is None else self.distances[self.lost]


def lost_ends(walks: Iterable[Walk]) -> list[tuple[float, Walk]]:
    """Return the walks that lost their face, each with that distance, the nearest first."""
    found = [(walk.lost_at, walk) for walk in walks if walk.lost_at is not None]
    return sorted(found, key=lambda end: end[0])


def path(studio: Studio, options: WalkOptions, seed: int) -> tuple[Tensor, np.ndarray]:
    """Draw (w [steps + 1, w_dim], distances from the average in units of R)."""
    statistics = studio.statistics
    factor, mean = statistics.factor.double(), statistics.mean.double()
    radius = float(factor.square().sum().sqrt())
    noise = runtime.seeded_normal((options.steps, len(mean)), seed, _WALK).double() @ factor.T
    rho = options.persistence
    direction, place, places = noise[0], mean.clone(), [mean]
    for kick in noise:
        direction = rho * direction + math.sqrt(1 - rho**2) * kick
        place = place + options.step * radius * direction / direction.norm()
        places.append(place)
    w = torch.stack(places)
    return w.float(), ((w - mean).norm(dim=1) / radius).numpy()


def walk(studio: Studio, options: WalkOptions, seed: int) -> Iterator[Walk]:
    """Yield the walk so far, every few steps; the last one is complete."""
    w, distances = path(studio, options, seed)
    state = Walk(seed)
    every = max(1, options.steps // _PICTURES)
    recogniser = studio.recognisers[0] if studio.recognisers else None
    recent: list[tuple[int, np.ndarray]] = []  # pictures since the last face
    batch = max(studio.renderer.at_once, _LEAST_BATCH)
    for start in range(0, len(w), batch):
        ws = studio.model.generator.broadcast(w[start : start + batch])[:, None]
        for offset, pixels in enumerate(studio.renderer.previews(list(ws))):
            step = start + offset
            confidence = studio.detector.confidence(pixels)
            state.confidences.append(confidence)
            state.distances.append(float(distances[step]))
            face = studio.detector.landmarks_of_crop(pixels)
            found = (
                face is not None
                and confidence >= SURE
                and detect.implausible(face, pixels.shape[1]) is None
                and _natural(studio, ws[offset], pixels, sure=state.lost is None)
            )
            state.found.append(found)
            if step % every == 0:
                state.thumbs.append(pixels)
                state.thumb_steps.append(step)
                state.vectors.append(recogniser.embed(pixels, face) if recogniser else None)
            if state.lost is None:
                if found:
                    recent.clear()
                    state.last_face, state.last_face_step = pixels, step
                else:
                    recent.append((step, pixels))
                    if len(recent) == GONE:
                        state.lost, state.monster = recent[0]
        yield state


def _natural(studio: Studio, ws: Tensor, preview: np.ndarray, sure: bool) -> bool:
    """Test whether the picture of ws [1, num_ws, w_dim] is a natural face.

    A preview may seem less natural than the finished picture: where it does, and it matters (sure),
    the finished picture is scored."""
    if studio.natural is None or studio.natural(preview) > 0:
        return True
    if not sure or studio.renderer.previewed == studio.renderer.resolution:
        return False
    return studio.natural(studio.renderer.pixels(ws)) > 0


def summary(walks: Sequence[Walk], options: WalkOptions, studio: Studio) -> dict:
    """Summarise several walks, ready for JSON.

    safe_distance: the 5th percentile of the distances at which faces stop being found; where a walk
    never lost them, its farthest distance counts."""
    lost = lost_ends(walks)
    kept = [max(walk.distances) for walk in walks if walk.lost is None]
    ends = [distance for distance, _ in lost]
    return {
        "model": studio.info.name,
        "options": {name: getattr(options, name) for name in options.__dataclass_fields__},
        "sure": SURE,
        "walks": [
            {
                "seed": walk.seed,
                "lost_step": walk.lost,
                "lost_distance": walk.lost_at,
                "last_face_step": walk.last_face_step,
                "farthest": max(walk.distances),
            }
            for walk in walks
        ],
        "lost": len(lost),
        "lost_distance": {
            "median": float(np.median(ends)) if lost else None,
            "nearest": lost[0][0] if lost else None,
            "nearest_seed": lost[0][1].seed if lost else None,
        },
        "safe_distance": float(np.percentile(ends + kept, 5)),
    }
