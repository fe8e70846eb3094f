"""EfficientNet-Lite0: a small classifier's body, for features and as an encoder's beginning.

Source: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
2019, https://arxiv.org/abs/1905.11946; the Lite variant has no squeeze-and-excitation and ReLU6.
Batch normalisation is folded into the convolutions, which then have biases: frozen it computes
the same, and a small batch cannot spoil it.

Convention
    pictures  float32 [N, 3, H, W], RGB in about [-1, 1].
    features  after the blocks that end a resolution: 2, 4, 10 and 14 (of 0 to 15), at 1/4, 1/8,
              1/16 and 1/32 of the picture's size with 24, 40, 112 and 192 channels.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

# (kernel, stride, expansion, channels) a block; the paper's table 1, stem and classifier aside
BLOCKS = (
    (3, 1, 1, 16),
    (3, 2, 6, 24), (3, 1, 6, 24),
    (5, 2, 6, 40), (5, 1, 6, 40),
    (3, 2, 6, 80), (3, 1, 6, 80), (3, 1, 6, 80),
    (5, 1, 6, 112), (5, 1, 6, 112), (5, 1, 6, 112),
    (5, 2, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192),
)  # fmt: skip
STEM = 32
TAPS = (2, 4, 10, 14)
CHANNELS = tuple(BLOCKS[i][3] for i in TAPS)


def _same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """TensorFlow's "same" padding, with which the network was trained: the odd pixel is added
    at the right and the bottom."""
    pads = []
    for size in (x.shape[-1], x.shape[-2]):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads) if any(pads) else x


class InvertedBottleneck(nn.Module):
    """1x1 expansion, depthwise convolution, 1x1 projection; added to its input where it fits."""

    def __init__(self, inputs: int, kernel: int, stride: int, expansion: int, outputs: int):
        super().__init__()
        inner = inputs * expansion
        self.kernel, self.stride = kernel, stride
        self.residual = stride == 1 and inputs == outputs
        self.expand = nn.Conv2d(inputs, inner, 1) if expansion > 1 else None
        self.depthwise = nn.Conv2d(inner, inner, kernel, stride, groups=inner)
        self.project = nn.Conv2d(inner, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = F.relu6(self.depthwise(_same(y, self.kernel, self.stride)))
        y = self.project(y)
        return x + y if self.residual else y


class EfficientNetLite0(nn.Module):
    """The body up to 1/32 of the picture's size; the last block and the classifier are left out."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, STEM, 3, 2)
        inputs = [STEM, *(channels for *_, channels in BLOCKS)]
        self.blocks = nn.ModuleList(
            InvertedBottleneck(i, *block) for i, block in zip(inputs, BLOCKS, strict=False)
        )

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """pictures -> features, from fine to coarse; see TAPS."""
        x = F.relu6(self.stem(_same(pictures, 3, 2)))
        found = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in TAPS:
                found.append(x)
        return found
