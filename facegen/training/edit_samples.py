"""What the sliders of `edit` are learned from: faces of the generator's own, measured.

Each sample's places of W+ fall into groups (`groups`) that have codes of their own, so that a
regression on them says in which group a feature lies, not only where in w.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .. import images, runtime
from ..face.detect import Detector
from ..measure.identity.dlib_recogniser import Recogniser
from ..measure.naturalness import seen
from ..models import Generator
from .records import Records
from .run import Progress

PSI = (0.5, 1.0)  # truncation of each group's code, as for the encoder's pool
SIZE = 256  # pixels of the pictures: a preview's
AT_ONCE = 2
MESH = 478  # points, with the irises
COARSE, MIDDLE, FINE = 8, 16, 64  # pixels up to which the first three groups of places work
_EDIT = 4  # key of the random numbers drawn here

Features = Callable[[Tensor], list[Tensor]]


def groups(layer_resolutions: Sequence[int]) -> tuple[slice, ...]:
    """The places of W+ that have one code in a sample: up to 8, 16 and 64 pixels, and above."""
    counts = [sum(size <= limit for size in layer_resolutions) for limit in (COARSE, MIDDLE, FINE)]
    edges = [0, *counts, len(layer_resolutions)]
    return tuple(slice(a, b) for a, b in itertools.pairwise(edges) if b > a)


def rows(layer_resolutions: Sequence[int]) -> list[int]:
    """The group of each place of W+."""
    parts = enumerate(groups(layer_resolutions))
    return [index for index, part in parts for _ in range(part.stop - part.start)]


@torch.no_grad()
def codes(generator: Generator, seed: int, index: int) -> Tensor:
    """w [G, w_dim] of a sample: one for each group, truncated by a psi of its own."""
    count = len(groups(generator.config.layer_resolutions))
    random = runtime.seeded(seed, _EDIT, index)
    z = torch.randn(count, generator.config.z_dim, generator=random)
    low, high = PSI
    psi = (low + (high - low) * torch.rand(count, 1, generator=random)).to(generator.w_avg.device)
    w_avg = generator.w_avg
    return w_avg + (generator.mapping(z.to(w_avg.device)) - w_avg) * psi


def spread_out(generator: Generator, codes: Tensor) -> Tensor:
    """Codes [G, w_dim] of the groups -> ws [1, num_ws, w_dim]."""
    places = groups(generator.config.layer_resolutions)
    sizes = torch.tensor([part.stop - part.start for part in places])
    return codes.repeat_interleave(sizes.to(codes.device), dim=0)[None]


class Seen:
    """All that is measured on a picture, uint8 [SIZE, SIZE, 3], before anything is made of it."""

    def __init__(self, detector: Detector, recognisers: Sequence[Recogniser], features: Features):
        self._detector, self._recognisers, self._features = detector, recognisers, features

    def layout(self) -> dict[str, tuple[Sequence[int], str]]:
        blank = torch.zeros(1, 3, SIZE, SIZE)
        with torch.no_grad():
            length = seen(self._features, blank).shape[1]
        vectors: dict[str, tuple[Sequence[int], str]] = {
            recogniser.name: ((128,), "float32") for recogniser in self._recognisers
        }
        return {
            "pictures": ((SIZE, SIZE, 3), "uint8"),
            "mesh": ((MESH, 3), "float32"),
            "features": ((length,), "float32"),
            **vectors,
        }

    @torch.no_grad()
    def __call__(self, pictures: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """NaN where no face is seen."""
        meshes = [self._detector.mesh_of_crop(picture) for picture in pictures]
        faces = [self._detector.landmarks_of_crop(picture) for picture in pictures]
        none = np.full((MESH, 3), np.nan)
        found = {
            "pictures": np.stack(pictures),
            "mesh": np.stack([none if mesh is None else mesh for mesh in meshes]),
            "features": seen(self._features, images.to_tensor(list(pictures))).numpy(),
        }
        for recogniser in self._recognisers:
            vectors = recogniser.embed_all(pictures, faces)
            blank = np.full(128, np.nan)
            found[recogniser.name] = np.stack([blank if v is None else v for v in vectors])
        return found


def samples(folder: Path, generator: Generator, look: Seen) -> Records:
    """codes, and all that Seen.layout names."""
    count, w_dim = len(groups(generator.config.layer_resolutions)), generator.config.w_dim
    return Records(folder, {"codes": ((count, w_dim), "float32"), **look.layout()})


def draw(
    kept: Records,
    generator: Generator,
    look: Seen,
    previews: Callable[[Sequence[Tensor]], list[np.ndarray]],
    seed: int,
    total: int,
    progress: Progress | None = None,
) -> None:
    """Fill the records up to `total` samples of a seed; goes on where it was interrupted."""

    def make(first: int, count: int) -> dict[str, np.ndarray]:
        drawn = [codes(generator, seed, first + i) for i in range(count)]
        pictures = previews([spread_out(generator, w) for w in drawn])
        return {"codes": torch.stack(drawn).cpu().numpy(), **look(pictures)}

    kept.fill(total, AT_ONCE, make, progress)
