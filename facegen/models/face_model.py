"""What a face model is, whatever its network: all that the stages rely on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from .. import runtime
from ..errors import OptionError

W_SAMPLES = 10_000  # draws for the covariance of w
_SAMPLE = 2  # key of the random numbers drawn here


class GeneratorConfig(Protocol):
    """layer_resolutions: [num_ws], the pixels at which each place of W+ works."""

    @property
    def z_dim(self) -> int: ...

    @property
    def w_dim(self) -> int: ...

    @property
    def num_ws(self) -> int: ...

    @property
    def resolution(self) -> int: ...

    @property
    def layer_resolutions(self) -> Sequence[int]: ...

    def as_dict(self) -> Mapping[str, object]: ...


class Generator(Protocol):
    """z [N, z_dim] -> w [N, w_dim] -> ws [N, num_ws, w_dim] -> images [N, 3, R, R].

    The images are float32, in about [-1, 1], not clamped. A torch module, as far as its weights and
    its device are concerned.

    noise_mode: "const", "random" or "none"; noises: maps [H, W] or [N, 1, H, W] of standard
    normal numbers in its place, one for each of noise_shapes. free_noises: the maps that may be
    optimised along with ws; empty where there is nothing to find in them.
    """

    @property
    def config(self) -> GeneratorConfig: ...

    @property
    def has_w(self) -> bool:
        """Say whether z becomes w first, as in a StyleGAN; else w is z."""

    @property
    def mapping(self) -> Callable[..., Tensor]:
        """Map (z, truncation_psi=1.0) to w."""

    @property
    def w_avg(self) -> Tensor: ...

    @property
    def noise_shapes(self) -> Sequence[tuple[int, int]]: ...

    @property
    def free_noises(self) -> Sequence[Tensor]: ...

    @property
    def style_layers(self) -> Sequence[tuple[Any, int]]:
        """List the layers of S (weight [channels, w_dim], bias), each with its place.

        They make styles out of a place's w; empty for a generator without styles.
        """

    def state_dict(self) -> Mapping[str, Tensor]: ...

    def broadcast(self, w: Tensor) -> Tensor:
        """Repeat w in every place: [N, w_dim] -> [N, num_ws, w_dim]."""

    def synthesize(
        self, ws: Tensor, noise_mode: str = "const", noises: Sequence[Tensor] | None = None
    ) -> Tensor:
        """Draw the finished picture."""

    def preview(
        self,
        ws: Tensor,
        size: int,
        noise_mode: str = "const",
        noises: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Draw at most `size` pixels in less time, with gradients where needed."""

    def reduced(self, ws: Tensor, size: int) -> Tensor:
        """Draw the picture averaged to size x size, R over a power of two, with gradients."""


@dataclass(frozen=True)
class ModelInfo:
    """What a user has to know of a face model."""

    name: str
    title: str
    resolution: int  # in pixels; 0 while unknown
    licence: str
    licence_meaning: str
    training_data: str
    at_hand: bool = True
    advice: str = ""  # beside a licence that not everybody may use, such as what to take instead

    @property
    def terms(self) -> str:
        """Join the licence and the advice beside it."""
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
        """Draw ws [1, num_ws, w_dim] of the random face with that seed."""
        generator = self.generator
        z = runtime.seeded_normal((1, generator.config.z_dim), seed, _SAMPLE)
        return generator.broadcast(generator.mapping(z.to(generator.w_avg.device), truncation_psi))

    def sample_w(self, count: int = W_SAMPLES) -> Tensor:
        """Map fixed z to w [count, w_dim]. Raises OptionError for a model without w."""
        self.check_w()
        return sample_w(self.generator, count)


class Checkpoint(NamedTuple):
    """What a reader of checkpoints builds a FaceModel from."""

    content: Mapping[str, Any]
    metadata: Mapping[str, str]
    info: ModelInfo
    file: str  # for messages only
    device: torch.device | str


@torch.no_grad()
def sample_w(generator: Generator, count: int = W_SAMPLES) -> Tensor:
    """Map fixed z to w [count, w_dim]."""
    z = runtime.seeded_normal((count, generator.config.z_dim), 0)
    return generator.mapping(z.to(generator.w_avg.device))
