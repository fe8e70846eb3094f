"""Directions in w that turn the head, move the face or change the age.

Convention
    y = m + B (w - mean), one row of B for each trait: a ridge regression on samples of the model
    whose faces were measured. The smallest change, in the sense of the covariance C of w, that
    moves y by e is  C B^T (B C B^T)^-1 e;  its size is  sqrt(e^T (B C B^T)^-1 e)  standard
    deviations of the codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

LEAST_EXPLAINED = 0.35  # of the variance; a trait that is explained less is left alone
# over the mean eigenvalue of the samples' covariance
_RIDGES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


def ridge(x: Tensor, y: Tensor, amounts: Sequence[float] = _RIDGES) -> tuple[Tensor, Tensor]:
    """Fit centred measures y [N, K] to centred codes x [N, w_dim], each with its own ridge.

    amounts: the ridges that are tried, over the mean eigenvalue of x's covariance.

    Returns (slopes [K, w_dim], the share [K] of the variance that they explain, by leaving one
    sample out in turn), float64.
    """
    left, values, right = torch.linalg.svd(x.double(), full_matrices=False)
    y = y.double()
    scale = values.square().mean()
    best = torch.full((y.shape[1],), -torch.inf, dtype=torch.float64)
    slopes = torch.zeros(y.shape[1], x.shape[1], dtype=torch.float64)
    for amount in amounts:
        shrink = values.square() / (values.square() + amount * scale)
        fitted = left @ (shrink[:, None] * (left.T @ y))
        leverage = (left.square() * shrink).sum(dim=1) + 1 / len(x)
        # leaving one out of a linear smoother: Golub, Heath, Wahba, Technometrics 21 (1979)
        missed = (y - fitted) / (1 - leverage).clamp_min(1e-6)[:, None]
        explained = 1 - missed.square().mean(dim=0) / y.square().mean(dim=0).clamp_min(1e-12)
        coefficients = right.T @ ((shrink / values.clamp_min(1e-12))[:, None] * (left.T @ y))
        better = explained > best
        slopes[better] = coefficients.T[better]
        best = torch.where(better, explained, best)
    return slopes, best


@dataclass(frozen=True)
class Directions:
    """Directions of K traits, float64 on the CPU.

    names: of the traits. slopes: [K, w_dim], B. covariance: [w_dim, w_dim], C."""

    names: tuple[str, ...]
    slopes: Tensor
    covariance: Tensor

    def change(self, by: Tensor) -> Tensor:
        """Find the smallest changes [N, w_dim] that move the traits by [N, K]."""
        return torch.linalg.solve(self._gram, by.double().T).T @ self._spread

    def change_within(self, by: Tensor, most: float) -> Tensor:
        """Compute `change(by)`, each shortened to `most` standard deviations of the codes."""
        return self.change(by) * (most / self.size(by).clamp_min(1e-9)).clamp(max=1.0)[:, None]

    def size(self, by: Tensor) -> Tensor:
        """Return how far changes by [N, K] go, [N], in standard deviations of the codes."""
        by = by.double()
        return (by * torch.linalg.solve(self._gram, by.T).T).sum(dim=1).clamp_min(0).sqrt()

    @cached_property
    def _spread(self) -> Tensor:
        """Return B C, [K, w_dim]."""
        return self.slopes @ self.covariance

    @cached_property
    def _gram(self) -> Tensor:
        return self._spread @ self.slopes.T
