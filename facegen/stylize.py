"""Draws a face in an anime style: pixels in, pixels out.

Sizes: the networks draw strokes of a fixed width in pixels. A picture whose longer side is below
MIN_SIZE is enlarged (Lanczos) and comes back with MIN_SIZE pixels; larger ones keep their size. It
is drawn at twice its own size, at most MIN_SIZE, and the drawing enlarged to the rest: a face of
64 pixels is soft at 256, and the styles see no edges there to draw; at 128 they do.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from .images import resize, to_pixels, to_tensor
from .networks.animegan import MIN_SIDE, STRIDE
from .options import check_range

MIN_SIZE = 256


class Stylizer:
    """One style, ready to draw.

    Args:
        network: images [N, 3, H, W] in [-1, 1] -> the same shape, in about [-1, 1]; H and W
            are multiples of STRIDE and at least MIN_SIDE. It is moved to the device and put
            in evaluation mode.
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
        drawing = self._draw(enlarge(pixels, min(MIN_SIZE, 2 * max(pixels.shape[:2]))))
        drawing = resize(drawing, photo.shape[:2])
        return drawing if blend == 1 else mix(photo, drawing, blend)

    @torch.inference_mode()
    def _draw(self, photo: np.ndarray) -> np.ndarray:
        height, width = photo.shape[:2]
        images = to_tensor(pad(photo)).to(self.device, memory_format=torch.channels_last)
        return to_pixels(self.network(images)[:, :, :height, :width])[0]


def enlarge(pixels: np.ndarray, least: int = MIN_SIZE) -> np.ndarray:
    """Pixels whose longer side is at least `least`, the proportions kept to the pixel."""
    height, width = pixels.shape[:2]
    longer = max(height, width)
    if longer >= least:
        return pixels
    scale = least / longer
    return resize(pixels, (max(1, round(height * scale)), max(1, round(width * scale))))


def pad(pixels: np.ndarray) -> np.ndarray:
    """Repeat the last row and column until both sides suit the networks.

    Repeating works for a side of one pixel, where reflecting does not.
    """
    extra = [max(-side % STRIDE, MIN_SIDE - side) for side in pixels.shape[:2]]
    return np.pad(pixels, ((0, extra[0]), (0, extra[1]), (0, 0)), mode="edge")


def mix(photo: np.ndarray, drawing: np.ndarray, blend: float) -> np.ndarray:
    """(1 - blend) photo + blend drawing, rounded."""
    mixed = photo + np.float32(blend) * (drawing.astype(np.float32) - photo)
    return np.rint(mixed).astype(np.uint8)
