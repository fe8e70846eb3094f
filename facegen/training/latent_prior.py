"""The distribution of encoded w, and a mapping network that draws from it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks.encoder import Encoder
from ..networks.stylegan2 import LRELU_GAIN, Generator

MARGIN = 5.0  # standard deviations, see install_gaussian


class CodeGaussian:
    """A Gaussian over the latest encoded w: mean [w_dim] and factor [w_dim, w_dim]."""

    def __init__(self, w_dim: int, capacity: int = 4096):
        self.codes = torch.zeros(capacity, w_dim)
        self.seen = 0
        self.mean = torch.zeros(w_dim)
        self.factor = torch.eye(w_dim)

    @property
    def fitted(self) -> bool:
        return bool((self.factor != torch.eye(len(self.mean))).any())

    def push(self, w: Tensor) -> None:
        where = (self.seen + torch.arange(len(w))) % len(self.codes)
        self.codes[where] = w.detach().float().cpu()
        self.seen += len(w)

    def refit(self) -> None:
        """Mean and factor of the codes; as they were where fewer than two were seen."""
        if self.seen < 2:
            return
        codes = self.codes[: min(self.seen, len(self.codes))].double()
        self.mean = codes.mean(dim=0).float()
        covariance = torch.cov(codes.T) + 1e-6 * torch.eye(codes.shape[1], dtype=torch.float64)
        self.factor = torch.linalg.cholesky(covariance).float()

    def noise(self, count: int, generator: torch.Generator) -> Tensor:
        """[count, w_dim] of the codes' covariance, about zero."""
        return torch.randn(count, len(self.mean), generator=generator) @ self.factor.T

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        return self.mean + self.noise(count, generator)

    def state_dict(self) -> dict:
        return {"codes": self.codes, "seen": self.seen, "mean": self.mean, "factor": self.factor}

    def load_state_dict(self, state: dict) -> None:
        self.codes, self.seen = state["codes"].cpu(), state["seen"]
        self.mean, self.factor = state["mean"].cpu(), state["factor"].cpu()


def crossover(a: Tensor, b: Tensor, generator: torch.Generator) -> Tensor:
    """ws [N, num_ws, w_dim] twice: layers of b from a random layer on, blended half of the time."""
    n, num_ws = a.shape[:2]
    start = torch.randint(1, num_ws, (n,), generator=generator)
    swap = torch.arange(num_ws)[None] >= start[:, None]
    blend = torch.rand(n, 1, generator=generator)
    whole = torch.rand(n, 1, generator=generator) < 0.5
    share = torch.where(whole, blend.expand(-1, num_ws), swap.float())
    share = share[:, :, None].to(a.device)
    return a + (b - a) * share


@torch.no_grad()
def install_gaussian(generator: Generator, encoder: Encoder, gaussian: CodeGaussian) -> None:
    """Make the one-layer mapping network draw w from the Gaussian, and set w_avg.

    The network normalises z first, so w lies on the Gaussian's shell; in a hundred dimensions
    that is where a Gaussian lies anyway.

    Its only layer ends in a leaky ReLU, which is linear where w is positive. So all of w space
    is moved by a constant that puts MARGIN standard deviations of every component above zero.
    """
    mapping = generator.mapping
    assert mapping.num_layers == 1, f"{mapping.num_layers} mapping layers"
    device = mapping.w_avg.device
    mean, factor = gaussian.mean.to(device), gaussian.factor.to(device)
    shift = MARGIN * factor.square().sum(dim=1).sqrt() - mean
    move_w(generator, encoder, shift)

    layer = mapping.fc0
    layer.weight.copy_(factor / (LRELU_GAIN * layer.weight_gain))
    layer.bias.copy_((mean + shift) / (LRELU_GAIN * layer.bias_gain))
    mapping.w_avg.copy_(mean + shift)


@torch.no_grad()
def move_w(generator: Generator, encoder: Encoder, shift: Tensor) -> None:
    """Add shift [w_dim] to every w, and take it off where w is used: no picture changes.

    The mapping network is left to the caller.
    """
    encoder.w.bias.add_(shift / encoder.w.bias_gain)
    for _, block in generator.synthesis.blocks:
        for part in (*block.layers, block.torgb):
            affine = part.affine
            moved = F.linear(shift, affine.weight * affine.weight_gain)
            affine.bias.sub_(moved / affine.bias_gain)
