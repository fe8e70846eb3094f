"""Distances between sets of pictures, and the sharpness of one. float64 throughout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from scipy import linalg, ndimage
from scipy.spatial.distance import cdist
from torch.nn import functional as F

from ..images import LUMA, to_tensor

NEIGHBOURS = 3  # of the manifold's k-NN balls, as in the paper


def frechet(first: np.ndarray, second: np.ndarray) -> float:
    """Measure between Gaussians fitted to two sets of features, [N, D] and [M, D], N and M > 1.

    ||m1 - m2||^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)): Heusel et al., NeurIPS 2017,
    https://arxiv.org/abs/1706.08500, equation 6. Biased upwards for few samples."""
    shift = first.mean(axis=0) - second.mean(axis=0)
    one, two = (np.cov(x, rowvar=False) for x in (first, second))
    # tr (C1 C2)^(1/2) is the sum of the roots of the eigenvalues of R C2 R, with R R = C1
    values, vectors = linalg.eigh(one)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    cross = np.sqrt(np.clip(linalg.eigvalsh(root @ two @ root), 0, None)).sum()
    return float(shift @ shift + np.trace(one) + np.trace(two) - 2 * cross)


def precision_recall(
    real: np.ndarray, made: np.ndarray, neighbours: int = NEIGHBOURS
) -> tuple[float, float]:
    """Compute (precision, recall): shares of each set that lie in the other's manifold.

    The manifold of a set is the union of balls around its points that reach to the k-th neighbour:
    Kynkaanniemi et al., NeurIPS 2019, https://arxiv.org/abs/1904.06991."""

    def inside(points: np.ndarray, others: np.ndarray) -> float:
        own = np.sort(cdist(others, others), axis=1)
        radii = own[:, min(neighbours, len(others) - 1)]  # column 0 is the point itself
        return float((cdist(points, others) <= radii).any(axis=1).mean())

    return inside(made, real), inside(real, made)


def sharpness(pixels: np.ndarray) -> float:
    """Return the standard deviation of the Laplacian of the luma, in grey levels."""
    return float(ndimage.laplace(pixels.astype(np.float64) @ LUMA).std())


def inception_weights() -> Path | None:
    """Find torchvision's weights in the cache; nothing is fetched."""
    from torchvision.models import Inception_V3_Weights

    name = Inception_V3_Weights.IMAGENET1K_V1.url.rsplit("/", 1)[-1]
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    return path if path.is_file() else None


def inception_features(
    pixels: Sequence[np.ndarray], device: torch.device, batch: int = 16
) -> np.ndarray:
    """Compute features [N, 2048], float64, of uint8 [R, R, 3] each.

    torchvision's (ImageNet), so the distance is not the FID of papers, which is measured with
    another conversion of the network."""
    from torchvision.models import Inception_V3_Weights, inception_v3

    network = inception_v3(weights=Inception_V3_Weights.IMAGENET1K_V1, transform_input=False)
    network.fc = torch.nn.Identity()
    network = network.eval().to(device)
    mean, deviation = (
        torch.tensor(channel, device=device)[:, None, None]
        for channel in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    found = []
    for start in range(0, len(pixels), batch):
        part = to_tensor([*pixels[start : start + batch]]).to(device)
        part = F.interpolate(part, size=(299, 299), mode="bilinear", antialias=True)
        with torch.no_grad():
            found.append(network(((part + 1) / 2 - mean) / deviation).double().cpu().numpy())
    return np.concatenate(found)
