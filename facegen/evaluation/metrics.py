"""Numbers from vectors, pictures and other numbers. float64 throughout.

Thresholds of verification come from impostor scores alone: distances between pictures of different
sources, of the same kinds that are then compared. A threshold that is taken from the genuine scores
(a percentile of them, or their equal error) moves with what it is to measure: then any anonymiser
passes.

Convention
    A matrix [N, N] holds distances of probe i (row) to gallery j (column); i = j are the genuine
    pairs, all others impostors. NaN: no picture, or no face in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import linalg, ndimage
from scipy.spatial.distance import cdist
from torch.nn import functional as F

from ..images import LUMA, to_tensor
from ..measure.identity import recognisers

NEIGHBOURS = 3  # of the manifold's k-NN balls, as in the paper
FALSE_MATCHES = 0.001
RESAMPLES, COVERED = 2000, 0.95  # of the bootstrap


@dataclass(frozen=True)
class Estimate:
    """A value, the interval [low, high] around it, and n, how many numbers it rests on."""

    value: float
    low: float
    high: float
    n: int


def percentiles(values: Iterable[float]) -> Estimate | None:
    """Return the median with the 10th and 90th percentile; None without values."""
    array = np.array(list(values), dtype=np.float64)
    if not len(array):
        return None
    low, median, high = (float(value) for value in np.percentile(array, (10, 50, 90)))
    return Estimate(median, low, high, len(array))


def estimate(
    values: np.ndarray, of: Callable[..., np.ndarray] = np.mean, seed: int = 0
) -> Estimate | None:
    """Estimate from a number a source, [N], with the bootstrap's interval over the sources.

    NaN: none for that source. None where none has one. of: the mean or the median, with an axis. A
    share of 0 or 1 still has an interval: the rule of three, 3 / N (Hanley and Lippman-Hand, JAMA
    249, 1983), where the bootstrap's has no width."""
    values = np.asarray(values, dtype=np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    drawn = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    spread = of(values[drawn], axis=1)
    low, high = np.quantile(spread, ((1 - COVERED) / 2, (1 + COVERED) / 2))
    if of is np.mean and values.min() == values.max() and values[0] in (0.0, 1.0):
        beyond = min(1.0, 3 / len(values))
        low, high = (0.0, beyond) if values[0] == 0 else (1 - beyond, 1.0)
    return Estimate(float(of(values)), float(low), float(high), len(values))


# --- sets of pictures --------------------------------------------------------------------


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


# --- identification and verification -----------------------------------------------------


def distances(recogniser: str, probes: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Return the matrix of that recogniser's vectors [N, D] and [N, D]. Raises OptionError."""
    vectors = probes.astype(np.float64), gallery.astype(np.float64)
    return recognisers.named(recogniser).distances(*vectors)


def impostors(matrix: np.ndarray) -> np.ndarray:
    """Return the distances between different sources."""
    apart = matrix[~np.eye(len(matrix), dtype=bool)]
    return apart[~np.isnan(apart)]


def threshold(*matrices: np.ndarray, false_matches: float = FALSE_MATCHES) -> float:
    """Return the distance below which that share of impostor pairs lie; NaN without any."""
    found = np.concatenate([impostors(matrix) for matrix in matrices])
    return float(np.quantile(found, false_matches)) if len(found) else float("nan")


def protected(matrix: np.ndarray, at: float) -> np.ndarray:
    """Return [N]: 1 where probe i is not matched to its own source at that threshold, else 0."""
    genuine = np.diagonal(matrix)
    return np.where(np.isnan(genuine), np.nan, genuine >= at)


def first_rank(matrix: np.ndarray) -> np.ndarray:
    """Return [N]: 1 where the nearest of the gallery to probe i is its own source, else 0.

    Ties count as found: in the attacker's favour."""
    genuine = np.diagonal(matrix)
    with np.errstate(invalid="ignore"):
        nearer = np.nansum(matrix < genuine[:, None], axis=1)
    return np.where(np.isnan(genuine), np.nan, nearer == 0)
