"""Damage to a picture, as a differentiable function; a drawing made to agree with what it shows.

Convention
    images float32 [N, 3, P, P] in [-1, 1], P a preview's pixels. A damage makes of them the input
    picture, [N, 3, size, size]: averaged down to `size` pixels, blurred, with noise, as a
    JPEG's blocks, or with holes.
    JPEG: 8x8 blocks of the discrete cosine transform in YCbCr, divided by the standard's tables
    (ITU-T T.81, annex K) for the quality, rounded with the gradient of no rounding (straight
    through, Bengio et al. 2013, https://arxiv.org/abs/1308.3432).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ... import runtime

QUALITY = 10  # of a JPEG, where nobody tells
BLURRED = 4.0  # pixels of 256: the sigma of `blur`, where it is not estimated
TINY = 8  # pixels; fewer say nothing of a face
# The estimate's limits, on a crop of 256 pixels with values of 0 to 255.
NOISY, BLOCKY, SOFT = 5.0, 1.25, 1.2
BLURRED_AGAIN, SHARP_FACE, MOST_BLURRED = 3.0, 0.7, 12.0  # sigmas: see _softness_of
FLAT = 1.0  # of 255 from pixel to pixel: there is no edge
_NOISE = 31  # key of the random numbers drawn here

_LUMA = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 "
    "80 62 18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 "
    "72 92 95 98 112 100 103 99"
)
_CHROMA = (
    "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 "
    "47 66 99 99 99 99 99 99 " + "99 " * 32
)
TIMES = 2  # of back-projection
# Sigmas of Gaussians for brightness and colours, in pixels of the seen picture; second: for noise
# of 1 of 255: of the brightness's 3 of 255 are left then, however strong it was.
JPEG_SIGMAS = (1.5, 6.0)
NOISE_SIGMAS = (0.1, 0.2)
SHARPEST = 0.3


@dataclass(frozen=True)
class Damage:
    """One kind of damage.

    kind: of options.DAMAGES but "auto". size: pixels of the input. sigma: of the blur in pixels of
    a preview, or of the noise in units of images. quality: of the JPEG. known: [1, 1, size, size],
    1 where the input is known, 0 in a hole; None: all of it."""

    kind: str
    size: int
    sigma: float = 0.0
    quality: int = QUALITY
    known: Tensor | None = None
    seed: int = 0

    def __call__(self, images: Tensor) -> Tensor:
        """Degrade images, without noise: see `noisy`."""
        seen = images
        if self.kind == "blur" and self.sigma > 0:
            seen = blurred(seen, self.sigma)
        if seen.shape[-1] != self.size:
            seen = F.interpolate(seen, (self.size, self.size), mode="area")
        if self.kind == "jpeg":
            seen = _jpeg(seen, self.quality)
        return seen if self.known is None else seen * self.known.to(seen)

    def noisy(self, seen: Tensor, step: int) -> Tensor:
        """Add noise of the same strength as the input's: features see noise too."""
        if self.kind != "noise" or self.sigma <= 0:
            return seen
        noise = runtime.seeded_normal(tuple(seen.shape), self.seed, step, _NOISE)
        return seen + self.sigma * noise.to(seen)

    def describe(self) -> dict:
        """Describe the damage for the manifest."""
        told: dict = {"kind": self.kind, "pixels": self.size}
        if self.kind in ("blur", "noise"):
            told["sigma"] = round(self.sigma, 4)
        if self.kind == "jpeg":
            told["quality"] = self.quality
        if self.known is not None:
            told["hidden_share"] = round(1 - float(self.known.mean()), 4)
        return told


def estimate(
    pixels: np.ndarray,
    size: int,
    kind: str,
    holes: bool = False,
    known: np.ndarray | None = None,
) -> Damage:
    """Estimate the damage of an aligned crop, uint8 [P, P, 3], that has `size` pixels of its own.

    kind: the kind to assume; "auto": the strongest one detected. holes: whether there is a mask.
    known: bool [P, P], where the crop is known; None: everywhere."""
    size = max(TINY, min(size, pixels.shape[0]))
    grey = pixels.astype(np.float64).mean(axis=2)
    own = cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA)  # enlarging hides noise
    seen = np.ones_like(grey) if known is None else known.astype(np.float64)
    noise = _noise_of(own, cv2.resize(seen, (size, size), interpolation=cv2.INTER_AREA) > 0.99)
    blocks, softness = _blocks_of(grey), _softness_of(grey)
    if kind == "auto":
        if holes:
            kind = "holes"
        elif size <= pixels.shape[0] // 2:
            kind = "small"
        elif noise > NOISY:
            kind = "noise"
        elif blocks > BLOCKY:
            kind = "jpeg"
        elif softness > SOFT:
            kind = "blur"
        else:
            kind = "small"
    sigma = 0.0
    if kind == "noise":
        sigma = max(noise, NOISY) / 127.5
    elif kind == "blur":
        sigma = softness if softness > SOFT else BLURRED
    return Damage(kind, size, sigma, QUALITY)


def _noise_of(grey: np.ndarray, known: np.ndarray) -> float:
    """Estimate the noise of known pixels.

    Source: Immerkær, "Fast noise variance estimation", CVIU 64 (1996)."""
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])
    parts = [
        mask[y, x] * grey[y : y + grey.shape[0] - 2, x : x + grey.shape[1] - 2]
        for y in range(3)
        for x in range(3)
    ]
    found = np.abs(sum(parts))[known[1:-1, 1:-1]]
    return float(np.median(found)) / 0.6745 / 6 if found.size else 0.0


def _blocks_of(grey: np.ndarray) -> float:
    """Divide the steps across the borders of 8x8 blocks by the steps elsewhere."""
    steps = np.abs(np.diff(grey, axis=1)).mean(axis=0)
    if len(steps) < 8:
        return 0.0
    border = np.arange(len(steps)) % 8 == 7
    return float(steps[border].mean() / max(steps[~border].mean(), 1e-6))


def _softness_of(grey: np.ndarray) -> float:
    """Estimate the sigma in pixels of the Gaussian that blurred it.

    By how much flatter its steepest edges become when it is blurred once more (Zhuo and Sim,
    "Defocus map estimation from a single image", Pattern Recognition 44, 2011), less that of sharp
    faces."""
    edge = grey.shape[0] // 16  # there a blur sees its own mirror image
    middle = slice(edge, len(grey) - edge)
    again = cv2.GaussianBlur(grey, (0, 0), BLURRED_AGAIN)
    first, second = (np.hypot(*np.gradient(one))[middle, middle] for one in (grey, again))
    steep = first >= np.percentile(first, 99)
    if first.max() < FLAT:
        return 0.0
    flatter = float(np.median(first[steep] / np.maximum(second[steep], 1e-6)))
    found = BLURRED_AGAIN**2 / max(flatter**2 - 1, 1e-3)
    return min(math.sqrt(max(found - SHARP_FACE**2, 0.0)), MOST_BLURRED)


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Blur images [N, 3, P, P] by a Gaussian of `sigma` pixels."""
    radius = min(math.ceil(3 * sigma), images.shape[-1] - 1)  # what reflection can give
    x = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-(x**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).to(images).expand(3, 1, -1)
    padded = F.pad(images, (radius,) * 4, mode="reflect")
    rows = F.conv2d(padded, kernel[:, :, None, :], groups=3)
    return F.conv2d(rows, kernel[:, :, :, None], groups=3)


def _dct() -> Tensor:
    n = torch.arange(8, dtype=torch.float32)
    basis = torch.cos(math.pi * (2 * n[None] + 1) * n[:, None] / 16) / 2
    basis[0] /= math.sqrt(2)
    return basis


def _table(numbers: str, quality: int) -> Tensor:
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    table = torch.tensor([float(n) for n in numbers.split()]).reshape(8, 8)
    return ((table * scale + 50) / 100).floor().clamp(1, 255)


# RGB to brightness and two colours, as a JPEG holds them (ITU-T T.871).
YCBCR = torch.tensor(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
)


def _jpeg(images: Tensor, quality: int) -> Tensor:
    """Compress with colours at half the resolution, as files of low quality keep them."""
    side = images.shape[-1]
    more = -side % 16
    padded = F.pad(images, (0, more, 0, more), mode="replicate") * 127.5
    ycc = torch.einsum("ij,njhw->nihw", YCBCR.to(images), padded)
    luma = _coded(ycc[:, :1], _table(_LUMA, quality))
    half = _coded(F.avg_pool2d(ycc[:, 1:], 2), _table(_CHROMA, quality))
    colour = F.interpolate(half, scale_factor=2, mode="bilinear", align_corners=False)
    back = torch.linalg.inv(YCBCR).to(images)
    joined = torch.einsum("ij,njhw->nihw", back, torch.cat([luma, colour], dim=1))
    return joined[:, :, :side, :side].clamp(-127.5, 127.5) / 127.5


def _coded(planes: Tensor, table: Tensor) -> Tensor:
    """Quantise planes [N, C, H, W] of whole blocks."""
    basis, table = _dct().to(planes), table.to(planes)
    blocks = planes.unfold(2, 8, 8).unfold(3, 8, 8)
    coded = torch.einsum("ab,ncyxbd,ed->ncyxae", basis, blocks, basis) / table
    coded = coded + (coded.round() - coded).detach()
    blocks = torch.einsum("ba,ncyxbd,de->ncyxae", basis, coded * table, basis)
    return blocks.permute(0, 1, 2, 4, 3, 5).reshape(planes.shape)


def faithful(
    drawn: Tensor, seen: Tensor, damage: Damage, size: int, fidelity: float = 1.0
) -> Tensor:
    """Add to `drawn`, float32 [N, 3, P, P] in [-1, 1], what `seen` [1, 3, s, s] shows.

    The generator fills in what the damage took. Sources: Irani and Peleg, "Improving Resolution by
    Image Registration", CVGIP 53 (1991), for pictures made smaller (iterative back-projection);
    Wang et al., "GAN Prior based Null-Space Learning for Consistent Super-resolution", AAAI 2023,
    https://arxiv.org/abs/2211.13524, for doing so behind a generator. The difference between the
    input and the degraded drawing is
        small, blur: added, enlarged, twice (holes, too);
        noise, jpeg: added without what is as fine as the damage: smoothed, colours (of which a
            JPEG keeps half the pixels, and which show noise most) more than brightness;
        holes: added where the input is known; it continues smoothly into the holes.
    size: pixels that the damage is given for (a preview's), at most P. fidelity: 0 as drawn, 1 all
    that the input shows."""
    size = min(max(size, damage.size), drawn.shape[-1])
    made = drawn
    for _ in range(1 if damage.kind in ("noise", "jpeg") else TIMES):
        small = made
        if made.shape[-1] != size:
            small = F.interpolate(made, (size, size), mode="area")
        difference = _trusted(seen - damage(small), damage)
        if difference.shape[-1] != made.shape[-1]:
            # not bicubic: that overshoots, and hair gets bright edges
            difference = F.interpolate(
                difference, made.shape[-2:], mode="bilinear", align_corners=False
            )
        made = made + difference
    return drawn.lerp(made.clamp(-1, 1), fidelity)


def _trusted(difference: Tensor, damage: Damage) -> Tensor:
    """Keep of a difference [N, 3, s, s] what does not come from the damage."""
    if damage.known is not None:
        difference = run_on(difference, damage.known.to(difference))
    if damage.kind == "jpeg":
        return _smoothed(difference, *JPEG_SIGMAS)
    if damage.kind == "noise":
        strength = damage.sigma * 127.5
        return _smoothed(difference, *(max(one * strength, SHARPEST) for one in NOISE_SIGMAS))
    return difference


def _smoothed(difference: Tensor, brightness: float, colour: float) -> Tensor:
    """Smooth brightness and colour by Gaussians of two sigmas, in pixels."""
    to = YCBCR.to(difference)
    parts = torch.einsum("ij,njhw->nihw", to, difference)
    parts = torch.cat([blurred(parts, brightness)[:, :1], blurred(parts, colour)[:, 1:]], dim=1)
    return torch.einsum("ij,njhw->nihw", torch.linalg.inv(to), parts)


def run_on(difference: Tensor, known: Tensor) -> Tensor:
    """Fill a difference [N, 3, s, s] where `known` [1, 1, s, s] is 0.

    With the mean of the known values around, from coarse to fine (pull-push: Gortler et al., "The
    Lumigraph", 1996)."""
    side = difference.shape[-1]
    if side < 2 or bool(known.all()):
        return difference
    odd = side % 2
    even = F.pad(difference * known, (0, odd, 0, odd))
    weight = F.avg_pool2d(F.pad(known, (0, odd, 0, odd)), 2)
    means = F.avg_pool2d(even, 2) / weight.clamp_min(1e-6)
    coarse = run_on(means, (weight > 0).to(known))
    coarse = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    return known * difference + (1 - known) * coarse[..., :side, :side]
