"""The style space S of a generator: what its layers are scaled by, and offsets on it.

A style is an affine map of a place of W+, so a point of S that W+ does not reach is a code and
offsets that are added to what the maps give. Networks know nothing of it: hooks add them while the
generator draws.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from .face_model import Generator

Offsets = Sequence[Tensor]  # one [channels] for each of a generator's style_layers


@torch.no_grad()
def spreads(generator: Generator, w: Tensor) -> list[Tensor]:
    """Measure every channel's standard deviation over samples of w [N, w_dim].

    Returns [channels] a style layer.
    """
    return [layer(w.to(layer.weight)).float().std(dim=0) for layer, _ in generator.style_layers]


@contextlib.contextmanager
def shifted(generator: Generator, offsets: Offsets) -> Iterator[None]:
    """Draw with these offsets on the styles in this thread, with gradients to them.

    What other threads draw stays as it is.
    """
    owner = threading.get_ident()

    def add(offset: Tensor, made: Tensor) -> Tensor:
        return made + offset.to(made) if threading.get_ident() == owner else made

    handles = [
        layer.register_forward_hook(lambda _, __, made, offset=offset: add(offset, made))
        for (layer, _), offset in zip(generator.style_layers, offsets, strict=True)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
