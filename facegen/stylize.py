"""Stylisation: draws a face in a style, pixels in, pixels out.

Sizes: a drawing has at least MIN_SIZE pixels on its longer side; a smaller picture is enlarged
(Lanczos), a larger one keeps its size. The networks draw strokes of a fixed width in pixels, so
their input is brought to their size first. Our networks take SIDE x SIDE pixels, whatever the
picture's size, and draw four times as large: faces of 128 and of 1024 pixels are drawn alike.
Others draw at the size of their input: twice the picture's own, at most MIN_SIZE, unless it is
larger: a face of 64 pixels is soft at 512 and has no edges there to draw; at 128 it does.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from .images import resize, to_pixels, to_tensor
from .networks import animegan, drawing
from .options import check_range

MIN_SIZE = 512


class Stylizer:
    """One style, ready to draw.

    Args:
        network: a DrawingNet, or images [N, 3, H, W] in [-1, 1] -> the same shape, in about
            [-1, 1]; H and W are multiples of animegan.STRIDE and at least animegan.MIN_SIDE. It
            is moved to the device and put in evaluation mode.
        name: the style's name, for files and pages.
        device: a torch device, or its name.
    """

    def __init__(self, network: nn.Module, name: str, device: torch.device | str = "cpu"):
        self.name = name
        self.device = torch.device(device)
        # Channels-last halves the time on a CPU and suits the tensor cores of a GPU.
        self.network = network.to(  # type: ignore[call-overload]
            self.device, memory_format=torch.channels_last
        ).eval()

    def __call__(self, pixels: np.ndarray, blend: float = 1.0) -> np.ndarray:
        """Stylize one picture.

        pixels: uint8 [H, W, 3] of any size from 1x1. blend: 0 to 1, the drawing's share in
        the mix; 0 gives enlarge(pixels) to the byte, without running the network.
        Returns uint8 of the shape of enlarge(pixels). Raises OptionError for blend.
        """
        check_range("blend", blend, 0.0, 1.0)
        photo = enlarge(pixels)
        if blend == 0:
            return photo.copy()
        drawn = resize(self._draw(pixels), photo.shape[:2])
        return drawn if blend == 1 else mix(photo, drawn, blend)

    def _draw(self, pixels: np.ndarray) -> np.ndarray:
        """Draw at the network's own size."""
        if isinstance(self.network, drawing.DrawingNet):
            return self._draw_enlarged(pixels)
        seen = enlarge(pixels, min(MIN_SIZE, 2 * max(pixels.shape[:2])))
        height, width = seen.shape[:2]
        padded = pad(seen, 0, animegan.STRIDE, animegan.MIN_SIDE)
        return self._run(padded)[:height, :width]

    def _draw_enlarged(self, pixels: np.ndarray) -> np.ndarray:
        detail = self.network.detail
        seen = resize(resize(pixels, seen_size(pixels.shape, detail)), seen_size(pixels.shape))
        height, width = (drawing.FACTOR * side for side in seen.shape[:2])
        edge = drawing.FACTOR * drawing.MARGIN
        drawn = self._run(pad(seen, drawing.MARGIN, drawing.STRIDE))
        return drawn[edge : edge + height, edge : edge + width]

    @torch.inference_mode()
    def _run(self, pixels: np.ndarray) -> np.ndarray:
        images = to_tensor(pixels).to(self.device, memory_format=torch.channels_last)
        return to_pixels(self.network(images))[0]


def seen_size(shape: tuple[int, ...], side: int = drawing.SIDE) -> tuple[int, int]:
    """Return (height, width) of our networks' input for a picture of that shape.

    side x side pixels in all, the proportions kept."""
    height, width = shape[:2]
    scale = side / math.sqrt(height * width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def enlarge(pixels: np.ndarray, least: int = MIN_SIZE) -> np.ndarray:
    """Enlarge pixels to at least `least` on the longer side, the proportions kept to the pixel."""
    height, width = pixels.shape[:2]
    longer = max(height, width)
    if longer >= least:
        return pixels
    scale = least / longer
    return resize(pixels, (max(1, round(height * scale)), max(1, round(width * scale))))


def pad(pixels: np.ndarray, margin: int, multiple: int, least: int = 0) -> np.ndarray:
    """Pad by repeating the outermost rows and columns.

    `margin` at every side, and at the right and below as many more as make both sides multiples of
    `multiple`, at least `least`. Repeating works for a side of one pixel, where reflecting does
    not."""
    sides = [side + 2 * margin for side in pixels.shape[:2]]
    extra = [max(-side % multiple, least - side) for side in sides]
    return np.pad(pixels, (*((margin, margin + more) for more in extra), (0, 0)), mode="edge")


def mix(photo: np.ndarray, drawing: np.ndarray, blend: float) -> np.ndarray:
    """Compute (1 - blend) photo + blend drawing, rounded."""
    mixed = photo + np.float32(blend) * (drawing.astype(np.float32) - photo)
    return np.rint(mixed).astype(np.uint8)
