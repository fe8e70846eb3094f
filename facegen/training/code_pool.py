"""Random codes of a generator and what it draws of them, kept in the run's folder.

Each code has its own seed, made of the run's and its number, so that a pool can grow and what was
drawn stays what it is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import images, runtime
from ..networks.mobile_stylegan import FEATURES_AT, MobileGenerator
from ..networks.photo_encoder import SIZE
from .data import Records

PSI = (0.5, 1.0)  # truncation: photographs' codes lie nearer to the average than random ones
SPREAD = 0.15  # of each place of a mixture's own noise, in units of the spread of w
AT_ONCE = 4  # previews; one number for all, for the last bits depend on it
PREVIEWED = 2 * FEATURES_AT  # pixels that the preview head draws
_PAIRS, _POOL = 1, 2  # keys of the random numbers drawn here


def plain_codes(generator: MobileGenerator, seed: int, first: int, count: int) -> Tensor:
    """w [count, w_dim] of the codes `first` and following, truncated by a random psi."""
    return _codes(generator, [runtime.seeded(seed, _POOL, first + i) for i in range(count)])


def mixed_code(generator: MobileGenerator, seed: int, index: int) -> Tensor:
    """ws [1, num_ws, w_dim]: for an even index one w in all places, for an odd one two that cross
    over at a random place, and in each place a little noise, as refined codes have it."""
    random = runtime.seeded(seed, _PAIRS, index)
    device, places = generator.w_avg.device, generator.config.num_ws
    w = _codes(generator, [random])
    ws = generator.broadcast(w).clone()
    if index % 2:
        other = _codes(generator, [random])
        place = int(torch.randint(1, places, (), generator=random))
        ws[:, place:] = other[:, None]
        spread = (w - generator.w_avg).square().mean().sqrt()
        amount = SPREAD * torch.randn(1, places, 1, generator=random)
        noise = amount * torch.randn(ws.shape, generator=random)
        ws += spread * noise.to(device)
    return ws


@torch.no_grad()
def _codes(generator: MobileGenerator, randoms: list[torch.Generator]) -> Tensor:
    """One w for each."""
    z = torch.stack([torch.randn(generator.config.z_dim, generator=random) for random in randoms])
    low, high = PSI
    psi = torch.stack([low + (high - low) * torch.rand(1, generator=random) for random in randoms])
    w_avg = generator.w_avg
    return w_avg + (generator.mapping(z.to(w_avg.device)) - w_avg) * psi.to(w_avg.device)


# --- pairs for the preview head --------------------------------------------------------


def pairs(folder: Path, generator: MobileGenerator) -> Records:
    """features, styles: what the head draws from; target: the finished picture averaged to the
    preview's size."""
    config = generator.config
    channels = config.channels[generator.features_block]
    return Records(
        folder,
        {
            "features": ((channels, FEATURES_AT, FEATURES_AT), "float16"),
            "styles": ((generator.head.gains.in_features,), "float32"),
            "target": ((3, PREVIEWED, PREVIEWED), "float16"),
        },
    )


@torch.no_grad()
def draw_pair(generator: MobileGenerator, seed: int, index: int) -> dict[str, np.ndarray]:
    ws = mixed_code(generator, seed, index)
    features, styles = generator.preview_inputs(ws)
    picture = generator.synthesize(ws)
    target = F.avg_pool2d(picture, picture.shape[-1] // PREVIEWED)
    found = {"features": features, "styles": styles, "target": target}
    return {name: tensor.float().cpu().numpy() for name, tensor in found.items()}


# --- previews for the encoder ----------------------------------------------------------


def pool(folder: Path, generator: MobileGenerator) -> Records:
    """pictures: previews of plain codes, of the size that the encoder reads; w: their codes."""
    w_dim = generator.config.w_dim
    return Records(folder, {"pictures": ((3, SIZE, SIZE), "uint8"), "w": ((w_dim,), "float32")})


@torch.no_grad()
def draw_previews(
    generator: MobileGenerator, seed: int, first: int, count: int
) -> dict[str, np.ndarray]:
    w = plain_codes(generator, seed, first, count)
    pixels = images.to_pixels(generator.preview(generator.broadcast(w), SIZE).cpu())
    return {"pictures": pixels.transpose(0, 3, 1, 2), "w": w.cpu().numpy()}
