"""The style space S of a MobileStyleGAN, for measurements: what each layer is scaled by.

A style is an affine map of a place of W+, so an edit of S is an offset that is added to what the
map gives. Networks know nothing of it: hooks add it while the block runs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from facegen.networks.mobile_blocks import Affine
from facegen.networks.mobile_stylegan import MobileGenerator


def layers(generator: MobileGenerator) -> list[tuple[Affine, int]]:
    """The affine maps, each with its place of W+."""
    synthesis = generator.synthesis
    found = [(synthesis.first.affine, 0)]
    for i, block in enumerate(synthesis.blocks):
        found += [(block.up.affine, 2 * i + 1), (block.conv1.affine, 2 * i + 1)]
        found += [(block.conv2.affine, 2 * i + 2)]
    return [*found, (synthesis.to_image.affine, generator.config.num_ws - 1)]


@torch.no_grad()
def styles(generator: MobileGenerator, ws: Tensor) -> list[Tensor]:
    """ws [N, num_ws, w_dim] -> a layer's styles each, [N, channels]."""
    return [affine(ws[:, place]) for affine, place in layers(generator)]


@contextlib.contextmanager
def shifted(generator: MobileGenerator, offsets: Sequence[Tensor]) -> Iterator[None]:
    """Within it the generator draws with these offsets on its styles, [channels] or [N, channels]
    each, through the plain network, with gradients to them."""
    fast, rough = generator.fast, generator.rough
    generator.fast = generator.rough = None
    hooks = [
        affine.register_forward_hook(lambda module, given, made, offset=offset: made + offset)
        for (affine, _), offset in zip(layers(generator), offsets, strict=True)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        generator.fast, generator.rough = fast, rough
