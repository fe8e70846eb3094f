"""Adaptive discriminator augmentation: its transformations, and the p that follows overfitting.

Source: Karras et al., "Training Generative Adversarial Networks with Limited Data", 2020,
https://arxiv.org/abs/2006.06676: the pipeline "bgc" (pixel blitting, geometry, colour) with the
strengths of its appendix B, and the heuristic r_t of its section 3.

Convention
    Geometry is a 3x3 matrix over (x, y, 1) in [-1, 1] that says for a place in the result where
    in the picture to look; colour a 4x4 matrix over (r, g, b, 1). Every kind draws its matrices
    for all pictures and becomes the identity for those that were not chosen.
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
    """Box and Muller: two uniform numbers make a normal one."""
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
    return _moving(*moved)


def scale(n: int, size: int, draw: Draw) -> Tensor:
    s = torch.exp2(_normal(draw, n) * STRENGTH_SCALE)
    return _scaling(s, s)


def turn(n: int, size: int, draw: Draw) -> Tensor:
    return _turning((draw(n) * 2 - 1) * math.pi)


def stretch(n: int, size: int, draw: Draw) -> Tensor:
    s = torch.exp2(_normal(draw, n) * STRENGTH_SCALE)
    return _scaling(s, 1 / s)


def move(n: int, size: int, draw: Draw) -> Tensor:
    return _moving(*(_normal(draw, 2, n) * (2 * STRENGTH_MOVE)))


# `turn` stands twice, before and after the stretching, each time with half of the chance
GEOMETRY = (mirror, quarter_turn, whole_pixels, scale, turn, stretch, turn, move)


# --- colour: (number of pictures, draw) -> [N, 4, 4] ----------------------------------------


def _grey() -> Tensor:
    """The projection onto the axis of grey, [3, 3]."""
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
    """A rotation around the axis of grey, by Rodrigues' formula."""
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


def augment(images: Tensor, p: float, generator: torch.Generator) -> Tensor:
    """images [N, 3, R, R] in [-1, 1] -> the same shape, differentiable.

    p: the probability of each kind for each picture; at 0 nothing is drawn and nothing changes.
    generator lives on the CPU, so that a device does not change what is drawn.
    """
    if p <= 0:
        return images
    n, _, size, _ = images.shape

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    where = _matrices(n, 3)
    for kind in GEOMETRY:
        chance = 1 - math.sqrt(1 - min(p, 1.0)) if kind is turn else p
        where = where @ _chosen(kind(n, size, draw), chance, draw)
    colour = _matrices(n, 4)
    for kind in COLOUR:
        colour = _chosen(kind(n, draw), p, draw) @ colour
    return recolour(look(images, where.to(images.device)), colour.to(images.device))


def _chosen(matrices: Tensor, p: float, draw: Draw) -> Tensor:
    n, size, _ = matrices.shape
    return torch.where((draw(n) < p)[:, None, None], matrices, torch.eye(size))


def look(images: Tensor, where: Tensor) -> Tensor:
    """The pictures seen through [N, 3, 3]: bicubic, mirrored beyond the border."""
    grid = F.affine_grid(where[:, :2], list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, "bicubic", "reflection", align_corners=False)


def recolour(images: Tensor, colour: Tensor) -> Tensor:
    """The pictures' RGB through [N, 4, 4]."""
    mixed = torch.einsum("nij,njhw->nihw", colour[:, :3, :3], images)
    return mixed + colour[:, :3, 3, None, None]


class AdaptiveP:
    """p, driven by r_t = E[sign D(real)]: up when D is too sure of the real pictures.

    target: of r_t. horizon: the pictures in which p can go from 0 to 1.
    """

    def __init__(self, target: float, horizon: int):
        self.target, self.horizon, self.p = target, horizon, 0.0

    def update(self, r_t: float, pictures: int) -> float:
        """The new p after r_t was measured over so many pictures."""
        step = math.copysign(pictures / self.horizon, r_t - self.target)
        self.p = min(max(self.p + step, 0.0), 1.0)
        return self.p
