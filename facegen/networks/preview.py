"""The preview: a small picture from the middle of a MobileStyleGAN, at a tenth of the cost.

What the blocks above 128 pixels add to a picture of 256 is little, and a small network learns
it from the features, scaled by the style that the next block would scale them by. A linear map
of each feature pixel to 2x2 picture pixels explains 93 % of the picture; three 3x3 convolutions
beside it find the rest. The places of W+ above those features enter as gains, so that what they
change of colour and light is seen as well.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

HIDDEN = 64


class PreviewHead(nn.Module):
    """features [N, channels, H, W], already scaled; ws_above [N, places, w_dim] -> images
    [N, 3, 2H, 2W], not clamped."""

    def __init__(self, channels: int = 256, places: int = 4, w_dim: int = 512):
        super().__init__()
        self.linear = nn.Conv2d(channels, 12, 1)
        self.reduce = nn.Conv2d(channels, HIDDEN, 1)
        self.gain = nn.Linear(places * w_dim, HIDDEN)
        self.mix1 = nn.Conv2d(HIDDEN, HIDDEN, 3, padding=1)
        self.mix2 = nn.Conv2d(HIDDEN, HIDDEN, 3, padding=1)
        self.draw = nn.Conv2d(HIDDEN, 12, 3, padding=1)
        for layer in (self.gain, self.mix2, self.draw):
            nn.init.zeros_(layer.weight)  # at first they change nothing
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor, ws_above: Tensor) -> Tensor:
        x = self.reduce(features)
        x = x * (1 + self.gain(ws_above.flatten(1)))[:, :, None, None]
        x = x + self.mix2(F.leaky_relu(self.mix1(x), 0.2))
        return F.pixel_shuffle(self.linear(features) + self.draw(x), 2)
