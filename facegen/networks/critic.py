"""A discriminator that sees faces through a frozen face recognition network.

After Sauer et al., "Projected GANs Converge Faster", 2021, https://arxiv.org/abs/2111.01007:
small heads on the features of a network that knows pictures already learn within thousands of
pictures what a discriminator from scratch learns within millions. The features here are those
of networks.face_resnet, so it judges the face and not what surrounds it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

LEVELS = ((32, 35), (64, 17), (128, 8))  # channels and size of FaceResNet.features


class Head(nn.Module):
    """Features [N, C, H, H] -> a logit for every patch, [N, 1, h, h] with h of 4 or 5."""

    def __init__(self, channels: int, size: int, width: int = 64):
        super().__init__()
        layers: list[nn.Module] = [spectral_norm(nn.Conv2d(channels, width, 1))]
        while size > 5:
            layers += [nn.LeakyReLU(0.2), spectral_norm(nn.Conv2d(width, width, 4, 2, 1))]
            size //= 2
        layers += [nn.LeakyReLU(0.2), spectral_norm(nn.Conv2d(width, 1, 3, 1, 1))]
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        return self.layers(features)


class FaceCritic(nn.Module):
    """The levels of FaceResNet.features -> logits [N, patches of all levels]."""

    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleList(Head(*level) for level in LEVELS)

    def forward(self, features: list[Tensor]) -> Tensor:
        logits = [
            # each level on one scale, whatever its weights are used to
            head(x.float() / (x.float().abs().mean(dim=(1, 2, 3), keepdim=True) + 1e-4))
            for head, x in zip(self.heads, features, strict=False)
        ]
        return torch.cat([x.flatten(1) for x in logits], dim=1)
