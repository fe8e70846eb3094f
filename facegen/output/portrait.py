"""A finished picture, its optional visible label, and how it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .. import images
from ..files import make_folder, write_file
from ..types import Face, Variant
from . import provenance

TEXT = "AI-generated"
_SHARE = 0.045  # the letters' size of the picture's shorter side: 17 pixels on a telephone
_LEAST = 9  # pixels; smaller letters cannot be read
REFERENCE_COLOUR, VARIANT_COLOUR = (
    (0, 150, 136),
    (230, 81, 0),
)  # teal and orange, for the colour-blind too
OVERLAY_SIZE = 512  # pixels of the picture, at least

# The contours of the 68 points: (first, last, closed).
_CONTOURS = (
    *((0, 16, False), (17, 21, False), (22, 26, False), (27, 30, False), (31, 35, False)),
    *((36, 41, True), (42, 47, True), (48, 59, True), (60, 67, True)),
)


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
    alpha: np.ndarray | None = None  # uint8 [R, R], what of it is the person's; None: all
    webp: bool = False  # saved as WebP, which tells no facts; a drawing is a PNG all the same

    def telling(self, facts: Mapping[str, object]) -> Portrait:
        """Return a copy whose files carry these facts as well."""
        drawn = {**self.stylized_facts, **facts} if self.stylized is not None else {}
        return replace(self, facts={**self.facts, **facts}, stylized_facts=drawn)

    def save(self, folder: Path | str, stem: str | None = None, label: bool = False) -> list[Path]:
        """Write stem.png (or .webp) and, with a style, stem-anime.png; returns their paths.

        The files are marked and signed, which `pixels` are not; see provenance.png_bytes. label:
        write "AI-generated" in a corner. stem: "portrait-" and the seed unless given. The folder is
        made if need be. Raises OutputError."""
        folder = Path(folder)
        stem = f"portrait-{self.seed}" if stem is None else stem
        make_folder(folder)
        path = folder / f"{stem}.{'webp' if self.webp else 'png'}"
        shown = labelled(self.pixels) if label else self.pixels
        if self.webp:
            write_file(path, provenance.webp_bytes(shown, self.alpha))
        else:
            provenance.save_png(path, shown, self.facts, alpha=self.alpha)
        if self.stylized is None:
            return [path]
        anime = folder / f"{stem}-anime.png"
        drawing = labelled(self.stylized) if label else self.stylized
        provenance.save_png(anime, drawing, self.stylized_facts)
        return [path, anime]


def labelled(pixels: np.ndarray) -> np.ndarray:
    """Write "AI-generated" in the lower right corner of a picture, uint8 [H, W, 3].

    Light letters on a dark plate can be read on any picture."""
    height, width = pixels.shape[:2]
    size = max(_LEAST, round(min(height, width) * _SHARE))
    font = ImageFont.load_default(size)
    canvas = Image.fromarray(pixels).convert("RGBA")
    plate = Image.new("RGBA", canvas.size)
    draw = ImageDraw.Draw(plate)
    pad = size // 2
    left, top, right, bottom = draw.textbbox((0, 0), TEXT, font=font)
    x, y = width - pad - (right - left) - pad, height - pad - (bottom - top) - pad
    box = (x - pad, y - pad, width - pad // 2, height - pad // 2)
    draw.rounded_rectangle(box, radius=pad, fill=(0, 0, 0, 190))
    at = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    draw.text(at, TEXT, font=font, fill=(255, 255, 255, 255), anchor="mm")
    return np.array(Image.alpha_composite(canvas, plate).convert("RGB"))


def overlay(pixels: np.ndarray, reference: Face, variant: Face) -> np.ndarray:
    """Draw both meshes over the paled variant: uint8 [S, S, 3] with S >= OVERLAY_SIZE.

    pixels: the variant, uint8 [R, R, 3]; both faces in pixels of that crop. The reference is drawn
    in teal, the variant in orange."""
    scale = max(1.0, OVERLAY_SIZE / pixels.shape[1])
    large = images.resize(pixels, round(pixels.shape[1] * scale)).astype(np.float32)
    canvas = Image.fromarray((0.55 * large + 0.45 * 255).round().astype(np.uint8))
    draw = ImageDraw.Draw(canvas)
    for face, colour in ((reference, REFERENCE_COLOUR), (variant, VARIANT_COLOUR)):
        for x, y in face.mesh[:, :2] * scale:
            draw.ellipse((x - 1, y - 1, x + 1, y + 1), fill=colour)
        points = face.landmarks * scale
        for first, last, closed in _CONTOURS:
            line = [tuple(point) for point in points[first : last + 1]]
            draw.line(line + line[:1] * closed, fill=colour, width=3, joint="curve")
    return np.asarray(canvas)
