"""SFace's network in PyTorch: batched, differentiable, on any device.

A MobileNet: a convolution, thirteen pairs of a depthwise and a pointwise one, and a linear layer
over all that is left of the picture, which makes 128 numbers. Two faces are compared by the
cosine of theirs. Trained by Y. Zhong et al., SFace: Sigmoid-Constrained Hypersphere Loss for
Robust Face Recognition, IEEE TIP 30 (2021), https://arxiv.org/abs/2205.12010; layers and numbers
are those of OpenCV's model zoo, https://github.com/opencv/opencv_zoo
(face_recognition_sface_2021dec).

Convention
    Input: RGB, 112 x 112, in [-1, 1], the face on the template of measure/identity/sface.py. The
    published graph takes RGB in 0 to 255 (OpenCV swaps its BGR before) and begins with
    (x - 127.5) / 128; here that is x 127.5 / 128. Batch normalisation is folded into the
    weights around it: each convolution has a bias and a slope per channel for what is negative.
"""

from __future__ import annotations

from torch import Tensor, nn

CHIP = 112  # pixels
NUMBERS = 128  # of an embedding
SCALE = 127.5 / 128
STEM = 32  # channels
WIDTHS = (64, 128, 128, 256, 256, *[512] * 6, 1024, 1024)  # of the 13 pairs
HALVING = (1, 3, 5, 11)  # the pairs that halve the resolution
LEFT = CHIP // 2 ** len(HALVING)  # pixels, a side


class Unit(nn.Module):
    """prelu(conv(x)); 3x3 keeps the border by zeros."""

    def __init__(self, before: int, width: int, size: int, stride: int = 1, groups: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(before, width, size, stride, size // 2, groups=groups)
        self.slope = nn.PReLU(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.slope(self.conv(x))


class Pair(nn.Module):
    """A depthwise 3x3 convolution, which may halve the resolution, and a pointwise one."""

    def __init__(self, before: int, width: int, halving: bool):
        super().__init__()
        self.depthwise = Unit(before, before, 3, 2 if halving else 1, before)
        self.pointwise = Unit(before, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))


class SFace(nn.Module):
    """Chips [N, 3, 112, 112] in [-1, 1] -> embeddings [N, 128], not normalised."""

    def __init__(self):
        super().__init__()
        self.stem = Unit(3, STEM, 3)
        self.pairs = nn.ModuleList(
            Pair(before, width, i in HALVING)
            for i, (before, width) in enumerate(zip((STEM, *WIDTHS), WIDTHS, strict=False))
        )
        self.head = nn.Linear(WIDTHS[-1] * LEFT**2, NUMBERS)

    def units(self) -> list[Unit]:
        """All convolutions in the order of the data's way."""
        return [self.stem, *(u for pair in self.pairs for u in (pair.depthwise, pair.pointwise))]

    def forward(self, chips: Tensor) -> Tensor:
        x = self.stem(chips * SCALE)
        for pair in self.pairs:
            x = pair(x)
        return self.head(x.flatten(1))
