"""The preview: a small picture from the middle of a MobileStyleGAN, at a tenth of the cost.

What the blocks above 128 pixels add to a picture of 256 is little, and a small network learns
it from the features, scaled by the style that the next layer would scale them by. A linear map
of each feature pixel to 2x2 picture pixels explains 93 % of the picture; three 3x3 convolutions
beside it find the rest. The styles of the layers above those features enter as gains: they are
all that these layers know of a code, so what it changes of colour and light is seen as well.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

HIDDEN = 32


class PreviewHead(nn.Module):
    """features [N, channels, H, W], already scaled, float32 or bfloat16; styles [N, S] ->
    images float32 [N, 3, 2H, 2W], not clamped."""

    def __init__(self, channels: int = 256, styles: int = 480):
        super().__init__()
        self.linear = nn.Conv2d(channels, 12, 1)
        self.reduce = nn.Conv2d(channels, HIDDEN, 1)
        self.gains = nn.Linear(styles, 3 * HIDDEN)  # before each of the convolutions
        self.mix1 = nn.Conv2d(HIDDEN, HIDDEN, 3, padding=1)
        self.mix2 = nn.Conv2d(HIDDEN, HIDDEN, 3, padding=1)
        self.draw = nn.Conv2d(HIDDEN, 12, 3, padding=1)
        for layer in (self.gains, self.mix2, self.draw):
            nn.init.zeros_(layer.weight)  # at first they change nothing
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor, styles: Tensor) -> Tensor:
        gains = 1 + self.gains(styles.to(features.dtype))
        first, second, third = gains[:, :, None, None].chunk(3, dim=1)
        x = self.reduce(features) * first
        x = x + self.mix2(F.leaky_relu(self.mix1(x), 0.2) * second)
        drawn = self.linear(features).float() + self.draw(x * third).float()
        return F.pixel_shuffle(drawn, 2)
