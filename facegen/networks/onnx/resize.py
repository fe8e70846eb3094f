"""Resizing as ONNX means it: https://onnx.ai/onnx/operators/onnx__Resize.html.

Conventions of where in n pixels the pixel i of `size` lies, with scale = size / n:
half_pixel (i + 0.5) / scale - 0.5; asymmetric i / scale, which TensorFlow 1 has by default;
align_corners i (n - 1) / (size - 1). Between pixels linear or nearest, outside the border's pixel.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

NEAREST = {
    "floor": torch.floor,
    "ceil": torch.ceil,
    "round_prefer_floor": lambda x: torch.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: torch.floor(x + 0.5),
}


def resize_linear(x: Tensor, sizes: Sequence[int], scales: Sequence[float], mode: str) -> Tensor:
    """x of any shape -> `sizes`. Raises ValueError for an unknown mode."""
    if x.ndim == 4 and tuple(sizes[:2]) == x.shape[:2] and min(sizes[2:]) > 1:
        drawn = _by_torch(x, sizes[2:], scales[2:], mode)
        if drawn is not None:
            return drawn
    return _linear_any(x, sizes, scales, mode)


def _by_torch(x: Tensor, sizes, scales, mode: str) -> Tensor | None:
    """What torch has a fast way for, None otherwise."""
    exact = all(
        size == scale * n for n, size, scale in zip(x.shape[2:], sizes, scales, strict=True)
    )
    size = tuple(sizes)
    if mode == "align_corners":
        return F.interpolate(x, size, mode="bilinear", align_corners=True)
    if mode in ("half_pixel", "pytorch_half_pixel") and exact:
        return F.interpolate(x, size, mode="bilinear", align_corners=False)
    if mode == "asymmetric" and exact and all(scale == int(scale) >= 1 for scale in scales):
        # Up to the last pixel the places i / scale are those of align_corners; then it repeats.
        more = [int(scale) - 1 for scale in scales]
        to_last = [size - extra for size, extra in zip(sizes, more, strict=True)]
        x = F.interpolate(x, to_last, mode="bilinear", align_corners=True)
        return F.pad(x, (0, more[1], 0, more[0]), mode="replicate")
    return None


def _linear_any(x: Tensor, sizes, scales, mode: str) -> Tensor:
    for axis, (n, size, scale) in enumerate(zip(x.shape, sizes, scales, strict=True)):
        if n == size:
            continue
        where = _places(mode, n, size, scale).clamp(0, n - 1)
        low = where.floor()
        share = (where - low).float().reshape([-1 if a == axis else 1 for a in range(x.ndim)])
        low = low.long().to(x.device)
        below, above = (x.index_select(axis, i) for i in (low, (low + 1).clamp(max=n - 1)))
        x = torch.lerp(below, above, share.to(x.device))
    return x


def resize_nearest(
    x: Tensor, sizes: Sequence[int], scales: Sequence[float], mode: str, rounding: str
) -> Tensor:
    """x of any shape -> `sizes`. rounding: of NEAREST. Raises ValueError, KeyError."""
    for axis, (n, size, scale) in enumerate(zip(x.shape, sizes, scales, strict=True)):
        if n != size:
            index = NEAREST[rounding](_places(mode, n, size, scale)).clamp(0, n - 1)
            x = x.index_select(axis, index.long().to(x.device))
    return x


def _places(mode: str, n: int, size: int, scale: float) -> Tensor:
    """Where in n pixels each of `size` lies, float64."""
    index = torch.arange(size, dtype=torch.float64)
    if mode == "asymmetric":
        return index / scale
    if mode == "align_corners":
        return index * (n - 1) / max(size - 1, 1)
    if mode == "half_pixel" or (mode == "pytorch_half_pixel" and size > 1):
        return (index + 0.5) / scale - 0.5
    if mode == "pytorch_half_pixel":
        return torch.zeros_like(index)
    raise ValueError(f"coordinate_transformation_mode is {mode}")
