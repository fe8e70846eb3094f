"""The FFHQ crop: the square around a face in which the generators learned to see faces.

The square is the one of CelebA-HQ and FFHQ (Karras et al., "Progressive Growing of GANs",
https://arxiv.org/abs/1710.10196, appendix C; "A Style-Based Generator Architecture",
https://arxiv.org/abs/1812.04948, appendix A). Where it leaves the photo, the photo is continued by
its mirror image, which fades into blur and then into the median colour.

Convention
    Source and crop coordinates are (x, y) in pixels, x to the right, y down, the centre of
    the first pixel at (0.5, 0.5); so the crop of size R spans 0 to R in both, edge to edge.
    quad, float64 [4, 2]: the crop's corners in the source, in the order upper left, lower
    left, lower right, upper right *as seen in the crop*. It is always a square, turned and
    scaled: crop -> source is a similarity, which for an upside-down photo includes the turn.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from PIL import Image
from scipy import ndimage

from .. import images
from ..types import Face
from . import landmarks

# Padding, as fractions of the quad's side: how far a side that is left is continued at least,
# and the standard deviation of the blur there (FFHQ: 0.3 and 0.02).
_PAD = 0.3
_BLUR = 0.02
_SUPERSAMPLING = 2


def align(pixels: np.ndarray, face: Face, resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut the FFHQ crop of a face.

    pixels: the photo, uint8 [H, W, 3]. Returns (uint8 [resolution, resolution, 3], quad)."""
    quad = ffhq_quad(face.landmarks)
    return crop(pixels, quad, resolution), quad


def ffhq_quad(points: np.ndarray) -> np.ndarray:
    """Compute the crop's corners for the 68 points [68, 2] of a face: quad, float64 [4, 2].

    The square's x axis is the mean of the line between the eyes and the perpendicular of the line
    from eyes to mouth, which is steady for a head turned aside; its side is max(4 |eye to eye|, 3.6
    |eyes to mouth|); its centre lies a tenth of the way from the eyes to the mouth."""
    found = landmarks.anchors(points)
    eye_to_eye = found.right_eye - found.left_eye
    eyes_to_mouth = found.mouth - found.eyes
    centre = found.eyes + 0.1 * eyes_to_mouth
    side = max(4.0 * np.linalg.norm(eye_to_eye), 3.6 * np.linalg.norm(eyes_to_mouth))
    direction = eye_to_eye - _quarter(eyes_to_mouth)
    x = direction / np.linalg.norm(direction) * side / 2
    y = _quarter(x)
    return np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y])


def crop(pixels: np.ndarray, quad: np.ndarray, resolution: int, fade: bool = True) -> np.ndarray:
    """Cut what the quad shows of the photo, uint8 [resolution, resolution, 3].

    Cut first, then shrink with antialiasing to about twice the resolution, continue beyond the
    photo's edges, turn with bicubic sampling, and shrink to the resolution. fade: blur the
    continuation, and the photo next to it, as the generators have seen it; else a mirror image."""
    pixels, quad = _cut(pixels, quad)
    pixels, quad = _shrink(pixels, quad, _SUPERSAMPLING * resolution)
    pixels, quad = _pad(pixels, quad, fade)
    size = _SUPERSAMPLING * resolution
    x_axis, y_axis = (quad[3] - quad[0]) / size, (quad[1] - quad[0]) / size
    # Pillow adds the half pixel of the sample's centre itself.
    coefficients = (x_axis[0], y_axis[0], quad[0, 0], x_axis[1], y_axis[1], quad[0, 1])
    turned = Image.fromarray(pixels).transform(
        (size, size), Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC
    )
    return images.resize(np.array(turned), resolution)


def inside(quad: np.ndarray, resolution: int, shape: tuple[int, ...]) -> np.ndarray:
    """Find the pixels of a crop that show the photo and not its continuation beyond the edges.

    Returns bool [resolution, resolution]. shape: (height, width) of the photo."""
    steps = (np.arange(resolution) + 0.5) / resolution
    x_axis, y_axis = quad[3] - quad[0], quad[1] - quad[0]
    places = quad[0] + steps[None, :, None] * x_axis + steps[:, None, None] * y_axis
    return ((places >= 0) & (places <= (shape[1], shape[0]))).all(axis=-1)


def _quarter(vector: np.ndarray) -> np.ndarray:
    """Turn a vector a quarter clockwise (x right, y down): the x axis becomes the y axis."""
    return np.array([-vector[1], vector[0]])


def _cut(pixels: np.ndarray, quad: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut the photo's part around the quad, with the margin that the filters need."""
    height, width = pixels.shape[:2]
    margin = 0.1 * _side(quad) + 4
    # At least one pixel of the photo is kept, even if the quad lies outside.
    left, top = np.clip(np.floor(quad.min(axis=0) - margin), 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(np.ceil(quad.max(axis=0) + margin), 1, (width, height)).astype(int)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    return pixels[top:bottom, left:right], quad - (left, top)


def _shrink(pixels: np.ndarray, quad: np.ndarray, target: float) -> tuple[np.ndarray, np.ndarray]:
    """Shrink so that the quad's side is `target`, if it is larger."""
    scale = target / _side(quad)
    if scale >= 1:
        return pixels, quad
    height, width = pixels.shape[:2]
    new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
    small = images.resize(np.ascontiguousarray(pixels), (new_height, new_width))
    return small, quad * (new_width / width, new_height / height)


def _pad(pixels: np.ndarray, quad: np.ndarray, fade: bool) -> tuple[np.ndarray, np.ndarray]:
    """Continue the picture on the sides that the quad leaves."""
    height, width = pixels.shape[:2]
    before = np.ceil(np.maximum(-quad.min(axis=0), 0)).astype(int)
    after = np.ceil(np.maximum(quad.max(axis=0) - (width, height), 0)).astype(int)
    if not (before.any() or after.any()):
        return pixels, quad
    (left, top), (right, bottom) = before, after
    mode: Literal["reflect", "edge"] = "reflect" if min(height, width) > 1 else "edge"
    padded = np.pad(pixels, ((top, bottom), (left, right), (0, 0)), mode=mode)
    if not fade:
        return padded, quad + before

    # The blur is complete at the photo's edge and sets in a third of the padding's depth before
    # it; the median sets in at the edge. As in FFHQ, save that there even a strip of one pixel
    # counts as padded by _PAD for the blur too, which takes a tenth of the crop out of focus.
    blur = _depth((height, width), before, after, least=1.0)
    median = _depth((height, width), before, after, least=_PAD * _side(quad))
    blurred = Image.fromarray(_blur(padded, _BLUR * _side(quad)))
    colour = np.median(pixels[:: _stride(height), :: _stride(width)], axis=(0, 1))
    flat = Image.new("RGB", blurred.size, tuple(int(value) for value in colour))
    faded = Image.composite(blurred, Image.fromarray(padded), _mask(3 * blur + 1))
    return np.array(Image.composite(flat, faded, _mask(median))), quad + before


def _depth(
    shape: tuple[int, int], before: np.ndarray, after: np.ndarray, least: float
) -> np.ndarray:
    """Measure how deep each pixel of a padded picture lies outside the photo, float32 [H, W].

    shape: the photo's. before, after: the padding (x, y). 0 at the photo's edge, negative inside, 1
    at the padding's outer rim; a padding of less than `least` counts as that deep."""
    axes = []
    for length, first, last in zip(shape, before[::-1], after[::-1], strict=True):
        outside = np.arange(-first, length + last, dtype=np.float32)
        depth = np.full(outside.shape, -np.inf, dtype=np.float32)
        if first:
            depth = np.maximum(depth, -outside / max(first, least))
        if last:
            depth = np.maximum(depth, (outside - (length - 1)) / max(last, least))
        axes.append(depth)
    return np.maximum(axes[0][:, None], axes[1][None, :])


def _blur(pixels: np.ndarray, sigma: float) -> np.ndarray:
    """Blur by a Gaussian, a wide one at a reduced size, where it costs nothing."""
    height, width = pixels.shape[:2]
    factor = max(1.0, sigma / 3)
    small = images.resize(pixels, (max(1, round(height / factor)), max(1, round(width / factor))))
    sigmas = (sigma / factor, sigma / factor, 0)
    blurred = ndimage.gaussian_filter(small.astype(np.float32), sigmas, truncate=3.0)
    return images.resize(np.rint(blurred).astype(np.uint8), (height, width))


def _mask(weights: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(weights.clip(0, 1) * 255).astype(np.uint8))


def _stride(length: int) -> int:
    """Return the step between the rows used for a median: some 256 of them are enough."""
    return max(1, length // 256)


def _side(quad: np.ndarray) -> float:
    return float(np.linalg.norm(quad[3] - quad[0]))
