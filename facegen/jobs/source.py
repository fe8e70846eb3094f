"""The picture that a job begins with, and its code where the picture says itself which it has."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .. import images
from ..studio import Studio
from ..types import AlignedFace, Inversion

_MOST_OFF = 4.0  # of 255, at 64 pixels: what JPEG and other processors change


@dataclass(frozen=True)
class Source:
    """A picture, uint8 [H, W, 3]. sha256: of its file, the only trace it leaves. marks: of origin
    that the file carries, see output.check.marks_entry. facts: what a picture of ours says of
    itself. face: 0 is the largest."""

    pixels: np.ndarray
    sha256: str
    marks: Mapping | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    face: int = 0


def known(studio: Studio, source: Source) -> Inversion | None:
    """Return the code of a random face that this model drew as it is; None for all other pictures.

    The file may say anything: its picture has to be the one that the seed makes.
    """
    facts = source.facts
    other = {"strength", "edit", "style"} & {*facts}
    if facts.get("model") != studio.info.name or facts.get("noise_mode") != "const" or other:
        return None
    try:
        seed, psi = int(str(facts["seed"])), float(str(facts["truncation_psi"]))
        if seed < 0 or not 0 <= psi <= 1:
            return None
    except (KeyError, ValueError):
        return None
    started = time.perf_counter()
    ws = studio.model.code_of(seed, psi).float().cpu()
    pixels = studio.renderer.pixels(ws)
    given = images.resize(source.pixels, 64).astype(float)
    if np.abs(images.resize(pixels, 64).astype(float) - given).mean() > _MOST_OFF:
        return None
    aligned = AlignedFace(pixels, None)
    return Inversion(aligned, ws, pixels, 0.0, 0, time.perf_counter() - started)
