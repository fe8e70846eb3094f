"""Moving a face's code by its sliders, and measuring what they reached."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ...errors import OptionError
from ...face.detect import Detector
from ...measure.identity import calibration
from ...models import FaceModel, Renderer
from ...options.edit import NAMES, EditOptions
from ...types import Inversion
from ..codes import CodeStatistics
from . import answers
from .answers import Gains
from .directions import EditDirections, Moved, directions_of, move


@dataclass(frozen=True, eq=False)
class Edited:
    """A face after an edit.

    pixels: uint8 [R, R, 3]. moved: its code. gains: slider -> by how much its step was lengthened.
    reached: measured effect, in their units, of the sliders that can be measured on the face's
    mesh."""

    pixels: np.ndarray
    moved: Moved
    gains: Gains
    reached: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Editor:
    """The sliders of one model."""

    model: FaceModel
    renderer: Renderer
    detector: Detector
    statistics: CodeStatistics

    @property
    def directions(self) -> EditDirections:
        """Load the model's directions. Raises OptionError for a model that has none."""
        return directions_of(self.model)

    def check(self, options: EditOptions) -> None:
        """Raise OptionError unless a slider is set and the model has all that are."""
        self.directions.change(options)
        if not options.asked:
            raise OptionError(
                f"nothing is asked for; set at least one slider to another value than 0: "
                f"{', '.join(NAMES)}"
            )

    def gains(
        self, inversion: Inversion, options: EditOptions, known: Gains | None = None
    ) -> Gains:
        """Measure how much longer this face needs the steps of the set sliders (answers.py).

        `known` gains are kept. A code from the encoder or a seed lies where the sliders were
        learned and needs no gains."""
        if not inversion.steps:
            return {}
        measure, draw = answers.measure_with(self.detector), self.renderer.preview
        return answers.gains(inversion.ws, options, known or {}, self.directions, draw, measure)

    def moved(
        self, inversion: Inversion, options: EditOptions, gains: Gains | None = None
    ) -> Moved:
        """Move the code by the options and gains, as far as codes may go."""
        change = self.directions.change_by(answers.strengthened(options, gains or {}))
        radius = self.statistics.spread * math.sqrt(len(self.statistics.mean))
        farthest = calibration.farthest(self.model.info.name)
        return move(inversion.ws, change, self.statistics.mean, radius, farthest)

    def preview(
        self, inversion: Inversion, options: EditOptions, gains: Gains | None = None
    ) -> np.ndarray:
        """Draw an edit's preview, uint8 [P, P, 3], P the renderer's previewed size."""
        return self.renderer.preview(self.moved(inversion, options, gains).ws)

    def previews(
        self, inversion: Inversion, options: EditOptions, known: Gains
    ) -> Iterator[tuple[np.ndarray | None, Gains]]:
        """Yield a preview with the known gains at once, then one with this face's own gains.

        The second comes only where they were not yet known; None: it would be the same. Each with
        the gains it was drawn with."""
        yield self.preview(inversion, options, known), known
        found = self.gains(inversion, options, known)
        if found == known:
            return
        amounts = (answers.strengthened(options, gains) for gains in (known, found))
        same = next(amounts) == next(amounts)
        yield (None if same else self.preview(inversion, options, found)), found

    def edit(
        self, inversion: Inversion, options: EditOptions, known: Gains | None = None
    ) -> Edited:
        """Draw the edited face at full size. known: gains of sliders."""
        gains = self.gains(inversion, options, known)
        moved = self.moved(inversion, options, gains)
        pixels = self.renderer.pixels(moved.ws, noises=inversion.noises)
        measure = answers.measure_with(self.detector)
        before, after = measure(inversion.pixels), measure(pixels)
        return Edited(pixels, moved, gains, answers.moved_by(before, after, self.directions))
