"""The regions of an aligned face, and which styles change which of them.

A channel of S acts on a region by the square of the change of the region's pixels with it, times
the channel's variance (after StyleSpace, Wu et al. 2021, https://arxiv.org/abs/2011.12799, which
ranks channels by the places where they act). The masks are fixed: an FFHQ crop has eyes, nose and
mouth always in the same place.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ... import runtime
from ...files import cache_folder
from ...models import FaceModel, Renderer
from ...models.loading import digest_of
from ..codes import CodeStatistics

MEASURING = "measuring the regions, once: per cent"  # the stage of Progress
REGIONS = ("eyes", "nose", "mouth", "outline", "hair")
# Ellipses in an FFHQ crop of side 1: (x, y) of the centre, half width, half height. What is earlier
# in the list lies in front; outline is the rest of the face, hair the rest of the picture.
_ELLIPSES = {
    "eyes": (0.5, 0.455, 0.23, 0.085),
    "nose": (0.5, 0.585, 0.095, 0.1),
    "mouth": (0.5, 0.73, 0.15, 0.075),
    "outline": (0.5, 0.605, 0.285, 0.355),
}
SOFT = 0.2  # of an ellipse's radius: the width of its edge
SAMPLES = 32  # faces on which channels are felt
_PROBE = 21  # key of the random numbers drawn here


def masks(size: int) -> Tensor:
    """Draw masks, float32 [regions, 1, size, size], in 0 to 1, adding up to 1 everywhere."""
    steps = (torch.arange(size) + 0.5) / size
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    left = torch.ones(size, size)
    found = []
    for name in REGIONS[:-1]:
        cx, cy, width, height = _ELLIPSES[name]
        radius = (((x - cx) / width) ** 2 + ((y - cy) / height) ** 2).sqrt()
        inside = ((1 + SOFT / 2 - radius) / SOFT).clamp(0, 1) * left
        found.append(inside)
        left = left - inside
    return torch.stack([*found, left])[:, None]


@dataclass(frozen=True)
class RegionStyles:
    """How strongly each channel acts on each region.

    energy: [regions, channels of all style layers]; each region's sum in each place is 1."""

    energy: Tensor

    def shares(self, sharpness: float = 2.0) -> Tensor:
        """Divide each channel among the regions: [regions, channels], adding up to 1.

        sharpness: towards a channel belonging to one region alone."""
        powered = self.energy.clamp_min(1e-12) ** sharpness
        return powered / powered.sum(dim=0, keepdim=True)


Measuring = Generator[float, None, RegionStyles]


def measure(model: FaceModel, statistics: CodeStatistics, renderer: Renderer) -> Measuring:
    """Load from the cache or measure now (a minute on a CPU); yields the share that is done."""
    path = None
    with contextlib.suppress(RuntimeError):  # no home, no cache
        digest = digest_of((model.generator,), SAMPLES, REGIONS)[:24]
        path = cache_folder() / f"regions-{digest}.npy"
    count = sum(len(layer.bias) for layer, _ in model.generator.style_layers)
    if path is not None:
        with contextlib.suppress(OSError, ValueError):
            kept = np.load(path, allow_pickle=False)
            if kept.shape == (len(REGIONS), count):
                return RegionStyles(torch.from_numpy(kept).float())
    found = yield from _measure(model, statistics, renderer)
    if path is not None:
        with contextlib.suppress(OSError):  # a cache that cannot be written is not an error
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}.npy")
            np.save(part, found.energy.numpy())
            os.replace(part, path)
    return found


def _measure(model: FaceModel, statistics: CodeStatistics, renderer: Renderer) -> Measuring:
    generator, size = model.generator, renderer.previewed
    layers = [layer for layer, _ in generator.style_layers]
    matrices = [matrix(layer, generator.config.w_dim) for layer in layers]
    cover = masks(size).to(renderer.device)
    total = [torch.zeros(len(REGIONS), len(one)) for one in matrices]
    for index, w in enumerate(model.sample_w(SAMPLES)):
        yield index / SAMPLES
        made: dict[int, Tensor] = {}
        with torch.enable_grad(), _hooked(layers, made):
            ws = generator.broadcast(w[None]).detach().clone().requires_grad_(True)
            image = generator.preview(ws, size)
        styles = [made[i] for i in range(len(layers))]
        for region in range(len(REGIONS)):
            probe = runtime.seeded_normal(tuple(image.shape), index, _PROBE, region)
            with torch.enable_grad():
                seen = (image * probe.to(image) * cover[region]).sum()
            felt = torch.autograd.grad(seen, styles, retain_graph=True, allow_unused=True)
            for i, gradient in enumerate(felt):
                if gradient is not None:  # a layer above those that draw the preview
                    total[i][region] += gradient[0].float().square().cpu()
    energies = []
    for one, energy in zip(matrices, total, strict=True):
        energies.append(energy * (one @ statistics.factor).square().sum(dim=1))
    found, places = torch.cat(energies, dim=1), places_of(model)
    for place in places.unique():
        here = places == place
        found[:, here] /= found[:, here].sum(dim=1, keepdim=True).clamp_min(1e-20)
    return RegionStyles(found)


def matrix(layer: nn.Module, w_dim: int) -> Tensor:
    """Return [channels, w_dim], what a style layer multiplies w by; float32 on the CPU."""
    with torch.no_grad():
        like = torch.as_tensor(layer.bias)
        basis = torch.cat([torch.eye(w_dim), torch.zeros(1, w_dim)]).to(like)
        out = layer(basis).float().cpu()
    return (out[:-1] - out[-1]).T.contiguous()


def places_of(model: FaceModel) -> Tensor:
    """Return [channels]: the place of W+ that each channel of S belongs to."""
    layers = model.generator.style_layers
    return torch.cat([torch.full((len(layer.bias),), place) for layer, place in layers])


@contextlib.contextmanager
def _hooked(layers: Sequence[nn.Module], made: dict[int, Tensor]) -> Iterator[None]:
    """Store, inside the context, each layer's output in `made` under its number."""
    handles = [
        layer.register_forward_hook(lambda _, __, out, i=i: made.__setitem__(i, out))
        for i, layer in enumerate(layers)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
