"""The optional visible label: "AI-generated" in the lower right corner."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

TEXT = "AI-generated"
_SHARE = 0.045  # the letters' size of the picture's shorter side: 17 pixels on a telephone
_LEAST = 9  # pixels; below that letters are no letters


def labelled(pixels: np.ndarray) -> np.ndarray:
    """Draw the label on a picture, uint8 [H, W, 3].

    Light letters on a dark plate are readable on any picture."""
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
