"""Move a face's code by its sliders, and tell what they reached."""

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
    """The face after an edit. pixels: uint8 [R, R, 3]. moved: its code. gains: how many times as
    far the code was moved for a slider as elsewhere. reached: what was measured of the sliders that
    are seen in the face's mesh, in their units."""

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
        """Raises OptionError for a model that has none."""
        return directions_of(self.model)

    def check(self, options: EditOptions) -> None:
        """Raise OptionError unless something is asked for that the model can do."""
        self.directions.change(options)
        if not options.asked:
            raise OptionError(
                f"nothing is asked for; set at least one slider to another value than 0: "
                f"{', '.join(NAMES)}"
            )

    def gains(
        self, inversion: Inversion, options: EditOptions, known: Gains | None = None
    ) -> Gains:
        """How much more than elsewhere the sliders that are asked for have to be moved on this face
        (answers.py), and what is known of others. A code that the encoder or a seed gave lies where
        the sliders were learned, and is given what is asked."""
        if not inversion.steps:
            return {}
        measure, draw = answers.measure_with(self.detector), self.renderer.preview
        return answers.gains(inversion.ws, options, known or {}, self.directions, draw, measure)

    def moved(
        self, inversion: Inversion, options: EditOptions, gains: Gains | None = None
    ) -> Moved:
        """The code that was asked for, as far as codes may go."""
        change = self.directions.change_by(answers.strengthened(options, gains or {}))
        radius = self.statistics.spread * math.sqrt(len(self.statistics.mean))
        farthest = calibration.farthest(self.model.info.name)
        return move(inversion.ws, change, self.statistics.mean, radius, farthest)

    def preview(
        self, inversion: Inversion, options: EditOptions, gains: Gains | None = None
    ) -> np.ndarray:
        """uint8 [P, P, 3], P the renderer's previewed size."""
        return self.renderer.preview(self.moved(inversion, options, gains).ws)

    def previews(
        self, inversion: Inversion, options: EditOptions, known: Gains
    ) -> Iterator[tuple[np.ndarray | None, Gains]]:
        """A preview at once, with the gains that are known; and where this face's own are not yet,
        one with those, as soon as they are found; None: it would be the same. With each what is
        known of them then."""
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
        """The face at full size. known: gains of sliders."""
        gains = self.gains(inversion, options, known)
        moved = self.moved(inversion, options, gains)
        pixels = self.renderer.pixels(moved.ws, noises=inversion.noises)
        measure = answers.measure_with(self.detector)
        before, after = measure(inversion.pixels), measure(pixels)
        return Edited(pixels, moved, gains, answers.moved_by(before, after, self.directions))
