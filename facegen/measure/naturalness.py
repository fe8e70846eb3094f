"""Naturalness: whether a person would take a picture for a photograph of a face.

Detectors accept faces that nobody else does: posterised masks, melted features. A classifier's
features separate them: the mean and the standard deviation of each channel over the picture, and
over the face in it, and a logistic regression on them, fitted on pictures of one generator: samples
against what searches break (training/natural.py). It holds for that generator alone, comes with its
companion file, and says nothing of photographs.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from .. import images
from .perceptual import face_of

SIZE = 256  # pixels of the pictures it was fitted on
FIELDS = ("natural.mean", "natural.scale", "natural.weight", "natural.bias")


def pooled(features: list[Tensor]) -> Tensor:
    """Pool feature maps [N, C, H, W] to [N, 2 sum C], all the means and then all the deviations."""
    means = [feature.mean(dim=(2, 3)) for feature in features]
    return torch.cat(means + [feature.std(dim=(2, 3)) for feature in features], dim=1)


def seen(features: Callable[[Tensor], list[Tensor]], pictures: Tensor) -> Tensor:
    """Pool FFHQ crops [N, 3, R, R] to [N, D]: the whole picture, then the face."""
    return torch.cat([pooled(features(part)) for part in (pictures, face_of(pictures))], dim=1)


class Seer:
    """Computes `seen` of a picture and keeps the last, since several callers need the same.

    Kept as long as the picture is. features: images [N, 3, R, R] -> feature maps."""

    def __init__(self, features: Callable[[Tensor], list[Tensor]]):
        self._features = features
        there = features.parameters() if isinstance(features, torch.nn.Module) else ()
        self._device = next((parameter.device for parameter in there), torch.device("cpu"))
        self._last: tuple[weakref.ref[np.ndarray], Tensor] | None = None

    def __call__(self, pixels: np.ndarray) -> Tensor:
        """Pool uint8 [R, R, 3], not written to afterwards: float32 [D], on the CPU."""
        last = self._last
        if last is not None and last[0]() is pixels:
            return last[1]
        small = images.to_tensor(images.resize(pixels, SIZE)).to(self._device)
        with torch.no_grad():
            found = seen(self._features, small)[0].float().cpu()
        self._last = weakref.ref(pixels), found
        return found


class Naturalness:
    """Scores pictures. seer: extracts the features; fitted: the companion file's regression."""

    def __init__(self, seer: Seer, fitted: Mapping[str, Tensor]):
        self._seer = seer
        self._mean, self._scale, self._weight, self._bias = (
            fitted[name].float().cpu() for name in FIELDS
        )

    def __call__(self, pixels: np.ndarray) -> float:
        """Score uint8 [R, R, 3]: above 0 natural; most samples have 3 to 10."""
        return float(self.of(self._seer(pixels)))

    def of(self, features: Tensor) -> Tensor:
        """Score features [..., D]; returns [...]."""
        return (features - self._mean) / self._scale @ self._weight.flatten() + self._bias.squeeze()
