"""Inception features for the Frechet distance, where torchvision's weights are cached already.

Nothing is fetched. The features are torchvision's (ImageNet), so the distance is not the FID of
papers, which is measured with another conversion of the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from .. import images

SIZE = 299


def weights_at_hand() -> Path | None:
    from torchvision.models import Inception_V3_Weights

    name = Inception_V3_Weights.IMAGENET1K_V1.url.rsplit("/", 1)[-1]
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    return path if path.is_file() else None


def features(pixels: Sequence[np.ndarray], device: torch.device, batch: int = 16) -> np.ndarray:
    """Compute features [N, 2048], float64, of uint8 [R, R, 3] each."""
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
        part = images.to_tensor([*pixels[start : start + batch]]).to(device)
        part = F.interpolate(part, size=(SIZE, SIZE), mode="bilinear", antialias=True)
        with torch.no_grad():
            found.append(network(((part + 1) / 2 - mean) / deviation).double().cpu().numpy())
    return np.concatenate(found)
