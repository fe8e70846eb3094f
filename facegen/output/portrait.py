"""A finished picture, and how it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..files import make_folder
from ..types import Variant
from . import provenance
from .label import labelled


@dataclass(frozen=True)
class Portrait:
    """A person who does not exist.

    pixels: uint8 [R, R, 3]. stylized: uint8 [S, S, 3] with S >= R, or None without an anime
    style. facts: what the files say about themselves (see provenance.FACTS); stylized_facts
    adds the style and its licence. variant: what it was made from, None for a random face.
    """

    pixels: np.ndarray
    seed: int
    facts: Mapping[str, object]
    stylized: np.ndarray | None = None
    style: str | None = None
    stylized_facts: Mapping[str, object] = field(default_factory=dict)
    variant: Variant | None = None

    def telling(self, facts: Mapping[str, object]) -> Portrait:
        """Return a copy whose files carry these facts as well."""
        drawn = {**self.stylized_facts, **facts} if self.stylized is not None else {}
        return replace(self, facts={**self.facts, **facts}, stylized_facts=drawn)

    def save(self, folder: Path | str, stem: str | None = None, label: bool = False) -> list[Path]:
        """Write stem.png and, with a style, stem-anime.png; returns their paths.

        The files are marked and signed, which `pixels` are not; see provenance.png_bytes. label:
        write "AI-generated" in a corner. stem: "portrait-" and the seed unless given. The folder is
        made if need be. Raises OutputError."""
        folder = Path(folder)
        stem = f"portrait-{self.seed}" if stem is None else stem
        make_folder(folder)
        path = folder / f"{stem}.png"
        provenance.save_png(path, labelled(self.pixels) if label else self.pixels, self.facts)
        if self.stylized is None:
            return [path]
        anime = folder / f"{stem}-anime.png"
        drawing = labelled(self.stylized) if label else self.stylized
        provenance.save_png(anime, drawing, self.stylized_facts)
        return [path, anime]
