"""What a generator offers, whatever its network: all that the stages know of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from torch import Tensor


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
    """z [N, z_dim] -> w [N, w_dim] -> ws [N, num_ws, w_dim] -> images [N, 3, R, R], float32, in
    about [-1, 1], not clamped. A torch module, as far as its weights and its device are asked for.

    noise_mode: "const", "random" or "none"; noises: maps [H, W] or [N, 1, H, W] of standard
    normal numbers in its place, one for each of noise_shapes. free_noises: the maps that may be
    optimised along with ws; empty where there is nothing to find in them.
    """

    @property
    def config(self) -> GeneratorConfig: ...

    @property
    def has_w(self) -> bool:
        """Whether z becomes w first, as in a StyleGAN; else w is z."""

    @property
    def mapping(self) -> Callable[..., Tensor]:
        """(z, truncation_psi=1.0) -> w"""

    @property
    def w_avg(self) -> Tensor: ...

    @property
    def noise_shapes(self) -> Sequence[tuple[int, int]]: ...

    @property
    def free_noises(self) -> Sequence[Tensor]: ...

    @property
    def style_layers(self) -> Sequence[tuple[Any, int]]:
        """S: the linear layers (weight [channels, w_dim], bias) that make styles out of a place's
        w, each with its place; empty for a generator without styles."""

    def state_dict(self) -> Mapping[str, Tensor]: ...

    def broadcast(self, w: Tensor) -> Tensor:
        """The same w in every place: [N, w_dim] -> [N, num_ws, w_dim]."""

    def synthesize(
        self, ws: Tensor, noise_mode: str = "const", noises: Sequence[Tensor] | None = None
    ) -> Tensor:
        """The finished picture."""

    def preview(
        self,
        ws: Tensor,
        size: int,
        noise_mode: str = "const",
        noises: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """A picture of at most `size` pixels in less time, with gradients where asked for."""

    def reduced(self, ws: Tensor, size: int) -> Tensor:
        """The finished picture averaged to size x size, R over a power of two, with gradients."""
