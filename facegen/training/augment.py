"""Augment what a discriminator sees, and what an autoencoder learns from.

adaptive  "Training Generative Adversarial Networks with Limited Data", Karras et al. 2020,
          https://arxiv.org/abs/2006.06676: the pipeline "bgc" (pixel blitting, geometry, colour)
          with the strengths of its appendix B, and p by the heuristic r_t of its section 3.
augment   "Differentiable Augmentation for Data-Efficient GAN Training", Zhao et al. 2020,
          https://arxiv.org/abs/2006.10738.
jitter    makes more faces of few: as differently as a detector would have cropped them and a
          camera would have developed them.

Convention
    The first two are differentiable. Each kind is drawn for each picture with probability p and is
    the identity otherwise; p = 0 is the identity for all. Of `adaptive`, geometry is a 3x3 matrix
    over (x, y, 1) in [-1, 1] that says for a place in the result where in the picture to look;
    colour a 4x4 matrix over (r, g, b, 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Draw = Callable[..., Tensor]  # shape -> uniform numbers in [0, 1)

STRENGTH_SCALE = 0.2  # standard deviation of log2 of a scale
STRENGTH_MOVE = 0.125  # of the picture's size
LUMA = 1 / math.sqrt(3)  # the axis of grey in RGB


def _normal(draw: Draw, *shape: int) -> Tensor:
    """Draw normal numbers as Box and Muller do, from two uniform ones."""
    radius = (-2 * torch.log(1 - draw(*shape))).sqrt()
    return radius * torch.cos(2 * math.pi * draw(*shape))


def _matrices(n: int, size: int) -> Tensor:
    return torch.eye(size).repeat(n, 1, 1)


# --- geometry: (number of pictures, their size in pixels, draw) -> [N, 3, 3] -----------------


def _scaling(x: Tensor, y: Tensor) -> Tensor:
    m = _matrices(len(x), 3)
    m[:, 0, 0], m[:, 1, 1] = x, y
    return m


def _turning(angle: Tensor) -> Tensor:
    m = _matrices(len(angle), 3)
    m[:, 0, 0] = m[:, 1, 1] = torch.cos(angle)
    m[:, 1, 0] = torch.sin(angle)
    m[:, 0, 1] = -m[:, 1, 0]
    return m


def _moving(x: Tensor, y: Tensor) -> Tensor:
    m = _matrices(len(x), 3)
    m[:, 0, 2], m[:, 1, 2] = x, y
    return m


def mirror(n: int, size: int, draw: Draw) -> Tensor:
    return _scaling(1 - 2 * (draw(n) * 2).floor(), torch.ones(n))


def quarter_turn(n: int, size: int, draw: Draw) -> Tensor:
    return _turning((draw(n) * 4).floor() * (math.pi / 2))


def whole_pixels(n: int, size: int, draw: Draw) -> Tensor:
    moved = ((draw(2, n) * 2 - 1) * STRENGTH_MOVE * size).round() * (2 / size)
    return _moving(moved[0], moved[1])


def scale(n: int, size: int, draw: Draw) -> Tensor:
    s = torch.exp2(_normal(draw, n) * STRENGTH_SCALE)
    return _scaling(s, s)


def turn(n: int, size: int, draw: Draw) -> Tensor:
    return _turning((draw(n) * 2 - 1) * math.pi)


def stretch(n: int, size: int, draw: Draw) -> Tensor:
    s = torch.exp2(_normal(draw, n) * STRENGTH_SCALE)
    return _scaling(s, 1 / s)


def move(n: int, size: int, draw: Draw) -> Tensor:
    moved = _normal(draw, 2, n) * (2 * STRENGTH_MOVE)
    return _moving(moved[0], moved[1])


# `turn` stands twice, before and after the stretching, each time with half of the chance
GEOMETRY = (mirror, quarter_turn, whole_pixels, scale, turn, stretch, turn, move)


# --- colour: (number of pictures, draw) -> [N, 4, 4] ----------------------------------------


def _grey() -> Tensor:
    """Project onto the axis of grey, [3, 3]."""
    return torch.full((3, 3), LUMA * LUMA)


def brightness(n: int, draw: Draw) -> Tensor:
    m = _matrices(n, 4)
    m[:, :3, 3] = (_normal(draw, n) * 0.2)[:, None]
    return m


def contrast(n: int, draw: Draw) -> Tensor:
    m = _matrices(n, 4)
    m[:, :3, :3] *= torch.exp2(_normal(draw, n) * 0.5)[:, None, None]
    return m


def luma_flip(n: int, draw: Draw) -> Tensor:
    m = _matrices(n, 4)
    m[:, :3, :3] -= 2 * _grey() * (draw(n) * 2).floor()[:, None, None]
    return m


def hue(n: int, draw: Draw) -> Tensor:
    """Rotate around the axis of grey, by Rodrigues' formula."""
    angle = ((draw(n) * 2 - 1) * math.pi)[:, None, None]
    cross = LUMA * torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
    m = _matrices(n, 4)
    m[:, :3, :3] = (
        torch.cos(angle) * torch.eye(3)
        + torch.sin(angle) * cross
        + (1 - torch.cos(angle)) * _grey()
    )
    return m


def saturation(n: int, draw: Draw) -> Tensor:
    m = _matrices(n, 4)
    s = torch.exp2(_normal(draw, n))[:, None, None]
    m[:, :3, :3] = _grey() + (torch.eye(3) - _grey()) * s
    return m


COLOUR = (brightness, contrast, luma_flip, hue, saturation)


# --- the pipeline ---------------------------------------------------------------------------


def adaptive(images: Tensor, p: float, generator: torch.Generator) -> Tensor:
    """Augment images [N, 3, R, R] in [-1, 1]: the same shape, differentiable.

    p: the probability of each kind for each picture; at 0 nothing is drawn and nothing changes.
    generator lives on the CPU, so that a device does not change what is drawn.
    """
    if p <= 0:
        return images
    n, _, size, _ = images.shape

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    where = _matrices(n, 3)
    for move_kind in GEOMETRY:
        chance = 1 - math.sqrt(1 - min(p, 1.0)) if move_kind is turn else p
        where = where @ _chosen(move_kind(n, size, draw), chance, draw)
    colour = _matrices(n, 4)
    for kind in COLOUR:
        colour = _chosen(kind(n, draw), p, draw) @ colour
    return recolour(warp(images, where.to(images.device)), colour.to(images.device))


def _chosen(matrices: Tensor, p: float, draw: Draw) -> Tensor:
    n, size, _ = matrices.shape
    return torch.where((draw(n) < p)[:, None, None], matrices, torch.eye(size))


def warp(images: Tensor, where: Tensor) -> Tensor:
    """Warp the pictures by [N, 3, 3]: bicubic, mirrored beyond the border."""
    grid = F.affine_grid(where[:, :2], list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, "bicubic", "reflection", align_corners=False)


def recolour(images: Tensor, colour: Tensor) -> Tensor:
    """Map the pictures' RGB by [N, 4, 4]."""
    mixed = torch.einsum("nij,njhw->nihw", colour[:, :3, :3], images)
    return mixed + colour[:, :3, 3, None, None]


class AdaptiveP:
    """p, driven by r_t = E[sign D(real)]: up when D is too sure of the real pictures.

    target: of r_t. horizon: the pictures in which p can go from 0 to 1.
    """

    def __init__(self, target: float, horizon: int) -> None:
        self.target, self.horizon, self.p = target, horizon, 0.0

    def update(self, r_t: float, pictures: int) -> float:
        """Compute the new p after r_t was measured over so many pictures."""
        step = math.copysign(pictures / self.horizon, r_t - self.target)
        self.p = min(max(self.p + step, 0.0), 1.0)
        return self.p


# --- the other two ----------------------------------------------------------------------


def augment(images: Tensor, p: float, generator: torch.Generator | None = None) -> Tensor:
    """Augment images [N, 3, R, R] in [-1, 1]. generator lives on the CPU."""
    if p <= 0:
        return images

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator).to(images.device)

    n, _, height, width = images.shape
    chosen = (draw(3, n) < p).float()

    # colour: brightness +-0.4, saturation 0.4 to 1.6, contrast 0.6 to 1.4
    on = chosen[0][:, None, None, None]
    images = images + on * (draw(n, 1, 1, 1) - 0.5) * 0.8
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * (1 + on * (draw(n, 1, 1, 1) - 0.5) * 1.2)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = mean + (images - mean) * (1 + on * (draw(n, 1, 1, 1) - 0.5) * 0.8)

    # translation by whole pixels, up to an eighth of the size, with grey outside
    shift = ((draw(n, 2) - 0.5) * 2 * chosen[1][:, None] * (height // 8)).round().long()
    pad = height // 8
    padded = F.pad(images, (pad, pad, pad, pad))
    rows = torch.arange(height, device=images.device)[None] + pad + shift[:, :1]
    columns = torch.arange(width, device=images.device)[None] + pad + shift[:, 1:]
    index = torch.arange(n, device=images.device)
    images = padded.permute(0, 2, 3, 1)[
        index[:, None, None], rows[:, :, None], columns[:, None, :]
    ].permute(0, 3, 1, 2)

    # cutout of a square a quarter of the size
    half = height // 8
    centre = (draw(n, 2) * height).long()
    rows = torch.arange(height, device=images.device)[None] - centre[:, :1]
    columns = torch.arange(width, device=images.device)[None] - centre[:, 1:]
    hole = (rows.abs()[:, :, None] < half) & (columns.abs()[:, None, :] < half)
    return images * (1 - (hole.float() * chosen[2][:, None, None])[:, None])


def jitter(images: Tensor, amount: float, generator: torch.Generator | None = None) -> Tensor:
    """Turn, move and recolour each a little: [N, 3, 2R, 2R] in [-1, 1] -> [N, 3, R, R].

    amount 1: rotation with a standard deviation of 3 degrees, size of 3 %, place of 1.5 %, the
    channels' gains and offsets of 6 %, saturation of 15 %; amount 0 only halves the size. Drawn
    at twice the size, so that the result is as sharp as the halved picture.
    """
    n = len(images)
    if amount > 0:
        noise = torch.randn(n, 13, generator=generator).clamp(-2.5, 2.5) * amount
        noise = noise.to(images.device)
        angle, size = noise[:, 0] * 0.052, 1 + 0.03 * noise[:, 1]
        cos, sin = torch.cos(angle) * size, torch.sin(angle) * size
        moved = 0.03 * noise[:, 2:4]  # of half the width, the unit of an affine grid
        theta = torch.stack(
            [torch.stack([cos, -sin, moved[:, 0]], 1), torch.stack([sin, cos, moved[:, 1]], 1)], 1
        )
        grid = F.affine_grid(theta, list(images.shape), align_corners=False)
        images = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
        light, tint = 0.05 * noise[:, 4:5], 0.03 * noise[:, 5:8]
        images = images * (1 + 0.06 * noise[:, 8:9] + tint)[:, :, None, None]
        images = images + (light + 0.02 * noise[:, 9:12])[:, :, None, None]
        grey = images.mean(dim=1, keepdim=True)
        saturation = (1 + 0.15 * noise[:, 12])[:, None, None, None]
        images = (grey + (images - grey) * saturation).clamp(-1, 1)
    return F.avg_pool2d(images, 2)
