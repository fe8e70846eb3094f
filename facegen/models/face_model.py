"""What a face model is, to whoever uses one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from .. import runtime
from ..errors import OptionError
from .generator import Generator

W_SAMPLES = 10_000  # draws for the covariance of w
_SAMPLE = 2  # key of the random numbers drawn here


@dataclass(frozen=True)
class ModelInfo:
    """What a user has to know of a face model. resolution in pixels; 0 while unknown. advice: what
    stands beside a licence that not everybody may use, such as what to take instead."""

    name: str
    title: str
    resolution: int
    licence: str
    licence_meaning: str
    training_data: str
    at_hand: bool = True
    advice: str = ""

    @property
    def terms(self) -> str:
        """The licence, and the advice beside it."""
        return "; ".join(part for part in (self.licence, self.advice) if part)


@dataclass(frozen=True)
class FaceModel:
    """A generator and, where there is one, its encoder.

    encode: images [N, 3, R, R] of any size -> ws [N, num_ws, w_dim], or None. encoder: the
    network behind `encode`, for whoever writes the model down. attributes: editing directions
    by name, w [w_dim] that raises what people would rate by a standard deviation. measured: what
    was measured on many of its samples and came with it: the fields of directions.Directions and of
    naturalness.Naturalness, by name.
    """

    info: ModelInfo
    generator: Generator
    encode: Callable[[Tensor], Tensor] | None
    encoder: nn.Module | None = None
    attributes: Mapping[str, Tensor] = field(default_factory=dict)
    measured: Mapping[str, Tensor] = field(default_factory=dict)

    def check_w(self) -> None:
        """Raise OptionError for a model without w."""
        if not self.generator.has_w:
            raise OptionError(
                "this model is a DCGAN, which draws from noise and has no w to vary or to find a "
                "photo in; use it with 'random', or name a StyleGAN2 model"
            )

    @torch.no_grad()
    def code_of(self, seed: int, truncation_psi: float = 1.0) -> Tensor:
        """ws [1, num_ws, w_dim] of the random face with that seed."""
        generator = self.generator
        z = runtime.seeded_normal((1, generator.config.z_dim), seed, _SAMPLE)
        return generator.broadcast(generator.mapping(z.to(generator.w_avg.device), truncation_psi))

    def sample_w(self, count: int = W_SAMPLES) -> Tensor:
        """w [count, w_dim] for fixed z: what the mapping network can say. Raises OptionError for
        a model without w."""
        self.check_w()
        return sample_w(self.generator, count)


@torch.no_grad()
def sample_w(generator: Generator, count: int = W_SAMPLES) -> Tensor:
    z = runtime.seeded_normal((count, generator.config.z_dim), 0)
    return generator.mapping(z.to(generator.w_avg.device))
