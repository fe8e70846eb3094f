"""From codes to pictures on one device: finished ones one at a time, previews in batches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from .. import images, runtime
from ..errors import OptionError
from .cuda_graphs import Replayed
from .face_model import FaceModel
from .styles import Offsets, shifted

PREVIEW = 256  # pixels that a recogniser can use
PREVIEW_BATCH = (2, 16)  # pictures at once on a CPU, on a GPU
_NOISE = 3  # key of the random numbers drawn here


class Renderer:
    """What draws for the stages: they hand over codes and know no network."""

    def __init__(self, model: FaceModel, device: torch.device):
        self.model = model
        self.device = device

    @property
    def resolution(self) -> int:
        return self.model.info.resolution

    @property
    def previewed(self) -> int:
        """Count the pixels of a preview's side."""
        return min(PREVIEW, self.resolution)

    @property
    def at_once(self) -> int:
        """Count the previews that are drawn together; fewer take as long."""
        return PREVIEW_BATCH[self.device.type == "cuda"]

    @torch.no_grad()
    def images(
        self,
        ws: Tensor,
        noise_mode: str = "const",
        seed: int = 0,
        noises: Sequence[Tensor] | None = None,
        offsets: Offsets | None = None,
    ) -> Tensor:
        """Draw the finished picture of ws [1, num_ws, w_dim], float32 [1, 3, R, R], not clamped.

        seed: of the noise, in noise_mode "random"; noises: maps in its place. offsets: on the
        styles, see styles.py.
        """
        if noise_mode == "random":
            noises, noise_mode = self._noises(seed), "const"
        if offsets is not None:  # a recorded call knows none
            generator = self.model.generator
            with shifted(generator, offsets):
                return generator.synthesize(ws.to(self.device), noise_mode, noises).cpu()
        return self._finished(ws.to(self.device), noise_mode, noises).cpu()

    def pixels(
        self,
        ws: Tensor,
        noise_mode: str = "const",
        seed: int = 0,
        noises: Sequence[Tensor] | None = None,
    ) -> np.ndarray:
        """Draw the same as uint8 [R, R, 3]."""
        return images.to_pixels(self.images(ws, noise_mode, seed, noises))[0]

    @torch.no_grad()
    def preview(self, ws: Tensor) -> np.ndarray:
        """Draw the preview of one code alone, for somebody who waits.

        Half of a batch's time on a CPU, and the same picture but for its last bits.
        """
        return images.to_pixels(self._previewed(ws.to(self.device)))[0]

    @torch.no_grad()
    def previews(self, ws: Sequence[Tensor]) -> list[np.ndarray]:
        """Draw pictures of `previewed` pixels, uint8 [P, P, 3], of many ws [1, num_ws, w_dim].

        All batches have one size, the last one filled up: the kernels that a library chooses,
        and with them the last bits, must not depend on how many pictures are drawn.
        """
        batch = self.at_once
        pictures = []
        for start in range(0, len(ws), batch):
            part = list(ws[start : start + batch])
            filled = torch.cat(part + part[:1] * (batch - len(part))).to(self.device)
            pictures += list(images.to_pixels(self._previewed(filled))[: len(part)])
        return pictures

    def check(self, ws: Tensor) -> None:
        """Raise OptionError unless ws is [N, num_ws, w_dim] of this model."""
        config = self.model.generator.config
        if ws.ndim != 3 or tuple(ws.shape[1:]) != (config.num_ws, config.w_dim):
            raise OptionError(
                f"ws has the shape {tuple(ws.shape)}; {self.model.info.name} takes "
                f"[N, {config.num_ws}, {config.w_dim}]"
            )

    def _noises(self, seed: int) -> list[Tensor]:
        shapes = self.model.generator.noise_shapes
        return [
            runtime.seeded_normal(shape, seed, _NOISE, i).to(self.device)
            for i, shape in enumerate(shapes)
        ]

    @cached_property
    def _finished(self) -> Replayed:
        return Replayed(self.model.generator.synthesize)

    @cached_property
    def _previewed(self) -> Replayed:
        generator, size = self.model.generator, self.previewed

        return Replayed(lambda ws, mode, noises: generator.preview(ws, size, mode, noises))
