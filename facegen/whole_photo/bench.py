"""The parts of a studio that replacing faces needs."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

import numpy as np

from ..face.detect import Detector
from ..latent.codes import CodeStatistics
from ..latent.vary.selection import VariantSelection
from ..latent.vary.strangers import Strangers
from ..measure.comparison import Comparison
from ..measure.identity.dlib_recogniser import Recogniser
from ..measure.observation import Observer
from ..models import Renderer
from ..options import VaryOptions
from ..types import AlignedFace, Face, Inversion, Progress


class Bench(Protocol):
    """A studio's stages, as in studio.Studio."""

    detector: Detector
    recognisers: tuple[Recogniser, ...]
    renderer: Renderer

    @property
    def resolution(self) -> int: ...
    @property
    def statistics(self) -> CodeStatistics: ...
    @property
    def strangers(self) -> Strangers | None: ...
    @property
    def observer(self) -> Observer: ...

    def get_ready(self) -> Generator[Progress, None, None]: ...
    def detect(self, pixels: np.ndarray) -> list[Face]: ...
    def invert(self, aligned: AlignedFace, steps: int = 0) -> Inversion: ...
    def without_code(self, aligned: AlignedFace) -> Inversion: ...
    def compare(self, reference: np.ndarray, shown: float = ...) -> Comparison: ...
    def select(
        self,
        inversion: Inversion,
        options: VaryOptions,
        reference: Comparison | None = None,
        pasted: bool = False,
    ) -> VariantSelection: ...
