"""Compute losses and penalties, each a function of tensors and networks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..images import luma

WINDOW = 8  # pixels
LEAST = 1e-4  # a variance below this is no detail: 1.3 of 255 grey levels


def multiscale_l1(a: Tensor, b: Tensor, scales: int = 4) -> Tensor:
    """Average the absolute differences at full, half, quarter, … size of two [N, 3, R, R]."""
    total = (a - b).abs().mean()
    for _ in range(scales - 1):
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
        total = total + (a - b).abs().mean()
    return total / scales


def contrast_distance(
    a: Tensor,
    b: Tensor,
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0),
    scales: int = 3,
) -> Tensor:
    """Measure how differently sharp two [N, 3, R, R] are, place by place: a scalar, 0 to 1.

    0: as sharp everywhere, wherever the details lie; 1: all detail where the other has none. L1
    asks for the middle of all details that there could be, which is a blur. Compared is, in each
    band of the luma's Laplacian pyramid, the standard deviation in windows, as SSIM compares
    contrasts (Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861, eq. 9).

    box: of the picture that counts; left, top, right, bottom in units of its size.
    """
    scales = min(scales, int(math.log2(a.shape[-1] / WINDOW)) + 1)  # a window has to fit
    a, b = luma(a), luma(b)
    total = a.new_zeros(())
    for _ in range(scales):
        (band_a, a), (band_b, b) = _split(a), _split(b)
        x, y = (F.avg_pool2d(band.square(), WINDOW, WINDOW // 2) for band in (band_a, band_b))
        both = (x * y + 1e-12).sqrt()  # at 0 a root's slope is infinite
        unlike = 1 - (2 * both + LEAST) / (x + y + LEAST)
        left, top, right, bottom = (share * unlike.shape[-1] for share in box)
        rows = slice(math.floor(top), math.ceil(bottom))
        total = total + unlike[:, :, rows, math.floor(left) : math.ceil(right)].mean()
    return total / scales


def _split(images: Tensor) -> tuple[Tensor, Tensor]:
    """Split off a level of the Laplacian pyramid: details, and the rest at half the size."""
    small = F.avg_pool2d(images, 2)
    return images - F.interpolate(small, scale_factor=2, mode="bilinear"), small


def feature_distance(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """Compare feature pyramids by L1, each level in units of b's own mean magnitude; a scalar."""
    parts = [
        (x.float() - y.float()).abs().mean() / (y.float().abs().mean() + 1e-4)
        for x, y in zip(a, b, strict=True)
    ]
    return torch.stack(parts).mean()


# Non-saturating logistic loss (Goodfellow et al. 2014, section 3, https://arxiv.org/abs/1406.2661)


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Average -log sigmoid(D(fake))."""
    return F.softplus(-fake_logits).mean()


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Add the averages of -log sigmoid(D(real)) and -log(1 - sigmoid(D(fake)))."""
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


def hinge_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Ask for real logits above 1, fake ones below -1.

    Lim and Ye 2017, https://arxiv.org/abs/1705.02894.
    """
    return F.relu(1 - real_logits).mean() + F.relu(1 + fake_logits).mean()


def r1_penalty(discriminator: nn.Module, real: Tensor) -> Tensor:
    """Average |grad_x D(x)|^2 over real pictures (Mescheder et al. 2018, eq. 9), a scalar.

    https://arxiv.org/abs/1801.04406. The loss takes it times gamma / 2.
    """
    real = real.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(real).sum(), real, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()


def path_lengths(images: Tensor, ws: Tensor, noise: Tensor) -> Tensor:
    """Compute |J_w^T y| for every picture, [N] (Karras et al. 2020, eq. 4).

    https://arxiv.org/abs/1912.04958. images [N, 3, R, R] made from ws [N, num_ws, w_dim], which
    needs a gradient; noise is y, a standard normal of the images' shape. The mean is over layers,
    as a w feeds all of them.
    """
    height, width = images.shape[2:]
    (gradient,) = torch.autograd.grad(
        (images * noise / math.sqrt(height * width)).sum(), ws, create_graph=True
    )
    return gradient.square().sum(dim=2).mean(dim=1).sqrt()
