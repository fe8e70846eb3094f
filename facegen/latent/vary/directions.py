"""What of w turns the head or moves the face: directions a change of identity must not take.

Convention
    y = m + B (w - mean), one row of B for each of yaw, pitch, roll (degrees) and the openings of
    mouth, smile and eyes (see structure.Expression): a ridge regression on samples of the model
    whose faces were measured. A change d of w is freed of what moves y by the smallest change in
    the sense of the covariance C of w:  d' = d - C B^T (B C B^T)^-1 B d,  so that B d' = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NAMES = ("yaw", "pitch", "roll", "mouth", "smile", "eyes")
SAMPLES = 256  # faces measured for the regression
LEAST_EXPLAINED = 0.1  # of the variance; what the regression does not see is left alone
# over the mean eigenvalue of the samples' covariance
_RIDGES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


@dataclass(frozen=True)
class Directions:
    """slopes: [K, w_dim], B. means: [K], m. explained: [K] share of the variance, by leaving
    one sample out in turn. covariance: [w_dim, w_dim], C. float64 on the CPU."""

    slopes: Tensor
    means: Tensor
    explained: Tensor
    covariance: Tensor

    @classmethod
    def fit(cls, offsets: Tensor, measured: Tensor, covariance: Tensor) -> Directions:
        """offsets: w - mean, [N, w_dim]; measured: [N, K]; each measure has its own ridge."""
        x, y = offsets.double(), measured.double()
        means = y.mean(dim=0)
        x, y = x - x.mean(dim=0), y - means
        left, values, right = torch.linalg.svd(x, full_matrices=False)
        scale = values.square().mean()
        best = torch.full((y.shape[1],), -torch.inf, dtype=torch.float64)
        slopes = torch.zeros(y.shape[1], x.shape[1], dtype=torch.float64)
        for ridge in _RIDGES:
            shrink = values.square() / (values.square() + ridge * scale)
            fitted = left @ (shrink[:, None] * (left.T @ y))
            leverage = (left.square() * shrink).sum(dim=1) + 1 / len(x)
            # leaving one out of a linear smoother: Golub, Heath, Wahba, Technometrics 21 (1979)
            missed = (y - fitted) / (1 - leverage).clamp_min(1e-6)[:, None]
            explained = 1 - missed.square().mean(dim=0) / y.square().mean(dim=0).clamp_min(1e-12)
            coefficients = right.T @ ((shrink / values)[:, None] * (left.T @ y))
            better = explained > best
            slopes[better] = coefficients.T[better]
            best = torch.where(better, explained, best)
        return cls(slopes, means, best, covariance.double())

    def project_out(self, change: Tensor) -> Tensor:
        """A change of w, [..., w_dim], that moves no measure the regression explains."""
        known = self.explained >= LEAST_EXPLAINED
        if not known.any():
            return change
        slopes = self.slopes[known]
        spread = self.covariance @ slopes.T  # [w_dim, K]
        moved = change.double() @ slopes.T
        kept = change.double() - torch.linalg.solve(slopes @ spread, moved[..., None])[..., 0] @ (
            spread.T
        )
        return kept.to(change.dtype)
