"""What of the code turns the head, moves the face or makes somebody older: directions a change of
identity must not take.

Convention
    y = m + sum over p of B_p (w_p - mean), one row of B_p for each of traits.NAMES and each place
    p of W+: a ridge regression on samples of the model whose faces were measured. Where all
    places of a sample had one code, p is that code (P = 1) and the change of each place is seen
    to by itself. A change d is freed of what moves y by the smallest change in the sense of the
    covariance C of w:  d' = d - C B^T (B C B^T)^-1 B d,  so that B d' = 0. The smallest change
    that moves y by e is, likewise,  C B^T (B C B^T)^-1 e.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

SAMPLES = 256  # faces measured for the regression
LEAST_EXPLAINED = 0.1  # of the variance; what the regression does not see is left alone
# over the mean eigenvalue of the samples' covariance
_RIDGES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


@dataclass(frozen=True)
class Directions:
    """names: of the K measures. slopes: [K, P, w_dim], B; P is 1, or as many as W+ has places.
    explained: [K] share of the variance, by leaving one sample out in turn. covariance:
    [w_dim, w_dim], C. float64 on the CPU."""

    names: tuple[str, ...]
    slopes: Tensor
    explained: Tensor
    covariance: Tensor

    @classmethod
    def fit(
        cls, names: Sequence[str], offsets: Tensor, measured: Tensor, covariance: Tensor
    ) -> Directions:
        """offsets: w - mean, [N, w_dim]; measured: [N, K]; each measure has its own ridge."""
        x, y = offsets.double(), measured.double()
        x, y = x - x.mean(dim=0), y - y.mean(dim=0)
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
        return cls(tuple(names), slopes[:, None], best, covariance.double())

    def known(self, names: Sequence[str]) -> Directions:
        """Of those names the ones that the regression explains."""
        rows = [
            row
            for row, name in enumerate(self.names)
            if name in names and float(self.explained[row]) >= LEAST_EXPLAINED
        ]
        kept = tuple(self.names[row] for row in rows)
        return replace(self, names=kept, slopes=self.slopes[rows], explained=self.explained[rows])

    def project_out(self, change: Tensor) -> Tensor:
        """A change of the code, [..., num_ws, w_dim], that moves none of the measures."""
        if not self.names:
            return change
        parts = change.double()
        if self.slopes.shape[1] == 1:
            parts = parts[..., None, :]  # each place by itself
        freed = parts - self.change(torch.einsum("...pw,kpw->...k", parts, self.slopes))
        return freed.reshape(change.shape).to(change.dtype)

    def change(self, by: Tensor) -> Tensor:
        """by: [..., K] in the measures' units -> the smallest change [..., P, w_dim] that moves
        them so; with P = 1 the same one in all places."""
        shares = torch.linalg.solve(self._gram, by.double()[..., None])[..., 0]
        return torch.einsum("...k,kpw->...pw", shares, self._spread)

    def change_within(self, by: Tensor, most: float) -> Tensor:
        """`change(by)` for by [K], of it as much as lies within `most` standard deviations of the
        codes."""
        size = self.size(by)
        return self.change(by) * (min(1.0, most / size) if size else 0.0)

    def size(self, by: Tensor) -> float:
        """How far `change(by)` [K] goes, in standard deviations of the codes."""
        return float(torch.sqrt(by.double() @ torch.linalg.solve(self._gram, by.double())))

    @cached_property
    def _spread(self) -> Tensor:
        """C B^T, [K, P, w_dim]: every place on every path is freed by it."""
        return torch.einsum("vw,kpw->kpv", self.covariance, self.slopes)

    @cached_property
    def _gram(self) -> Tensor:
        return torch.einsum("kpw,jpw->kj", self.slopes, self._spread)
