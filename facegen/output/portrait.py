"""The finished picture, and what is saved of a run: PNGs, a manifest, a ZIP of all."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..files import make_folder, replacing
from ..types import Variant
from . import provenance
from .manifest import MANIFEST


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

    def save(self, folder: Path | str, stem: str | None = None) -> list[Path]:
        """Write stem.png and, with a style, stem-anime.png; returns their paths.

        stem: "portrait-" and the seed unless given. The folder is made if need be. Raises
        OutputError.
        """
        folder = Path(folder)
        stem = f"portrait-{self.seed}" if stem is None else stem
        make_folder(folder)
        path = folder / f"{stem}.png"
        provenance.save_png(path, self.pixels, self.facts)
        if self.stylized is None:
            return [path]
        anime = folder / f"{stem}-anime.png"
        provenance.save_png(anime, self.stylized, self.stylized_facts)
        return [path, anime]


def zip_folder(folder: Path, path: Path, patterns: Sequence[str] = ("*.png", MANIFEST)) -> Path:
    """The files of a run that are named so, in one ZIP, stored as they are (PNG is compressed).

    All of it or nothing, also where two of these write it at once. Raises OutputError.
    """
    with (
        replacing(path) as part,
        zipfile.ZipFile(part, "x", zipfile.ZIP_STORED) as archive,
    ):
        for file in sorted(file for pattern in patterns for file in folder.glob(pattern)):
            archive.write(file, file.name)
    return path
