"""How much a face answers to a slider, and how much more of the slider it is given for that.

A direction was learned on the model's own faces. A refined photo's code lies beside those, and the
same change of it is seen less: of a smile a third to a half (docs/edits.md). So the slider is tried
on a preview, what it moved is measured there, and the step is made as much longer, twice over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from torch import Tensor

from ...face.detect import Detector
from ...measure import sliders
from ...options.edit import EditOptions
from .directions import EditDirections

# Beard and glasses are measured by edges and darkness: too rough to steer by.
STEERED = ("smile", "mouth", "eyes", "gaze", "yaw", "pitch", "light")
MOST = 3.0  # times as far as elsewhere: beyond, faces break before they answer
LEAST = 0.05  # of what was asked: who answers less cannot (a closed mouth cannot close)
TRIES = 2

Gains = Mapping[tuple[str, bool], float]  # (slider, whether above 0) -> what its amount is times
Measure = Callable[[np.ndarray], Mapping[str, float] | None]


def measure_with(detector: Detector) -> Measure:
    """A preview uint8 [P, P, 3] -> slider -> its measure; None where no face is seen."""

    def measure(pixels: np.ndarray) -> Mapping[str, float] | None:
        mesh = detector.mesh_of_crop(pixels)
        if mesh is None:
            return None
        found = dict(zip(sliders.SEEN, sliders.seen(pixels, mesh), strict=False))
        return {name: found[name] for name in STEERED}

    return measure


def moved_by(
    before: Mapping[str, float] | None,
    after: Mapping[str, float] | None,
    directions: EditDirections,
) -> dict[str, float]:
    """By how much of a slider's unit each measure moved; empty where no face was seen."""
    if before is None or after is None:
        return {}
    return {
        name: (after[name] - before[name]) / float(str(directions.facts[name]["measure"]))
        for name in STEERED
        if name in directions.facts
    }


def gains(
    ws: Tensor,
    asked: EditOptions,
    known: Gains,
    directions: EditDirections,
    draw: Callable[[Tensor], np.ndarray],
    measure: Measure,
) -> Gains:
    """Of the sliders that are asked for, the way they are asked for, and those known already. Tried
    by one standard deviation of the model's faces.

    ws [1, num_ws, w_dim]; draw: a code -> its preview.
    """
    found = dict(known)
    wanted = [(name, amount > 0) for name, amount in asked.asked.items()]
    wanted = [one for one in wanted if one[0] in directions.facts and one[0] in STEERED]
    missing = [one for one in wanted if one not in found]
    if not missing:
        return found
    before = measure(draw(ws))
    for name, up in missing:
        amount = float(str(directions.facts[name]["deviation"])) * (1 if up else -1)
        gain = 1.0
        for _ in range(TRIES):
            after = measure(draw(ws + gain * amount * directions.steps[name]))
            answer = moved_by(before, after, directions).get(name, 0.0) / amount
            if answer < LEAST:
                break
            gain = min(max(gain / answer, 1.0), MOST)
        found[name, up] = gain
    return found


def strengthened(asked: EditOptions, known: Gains) -> dict[str, float]:
    """Slider -> its amount times its gain."""
    return {name: known.get((name, v > 0), 1.0) * v for name, v in asked.asked.items()}
