"""The face recognition networks of dlib and SFace in PyTorch: batched, differentiable.

dlib's is a residual network of 29 convolutions that turns a face chip of 150 pixels into 128
numbers; two chips of one person lie closer than 0.6. Architecture and weights by Davis King, public
domain: http://blog.dlib.net/2017/02/high-quality-face-recognition-with-deep.html and
https://github.com/davisking/dlib-models.

SFace is a MobileNet: a convolution, thirteen pairs of a depthwise and a pointwise one, and a linear
layer over all that is left of the picture, which makes 128 numbers. Two faces are compared by the
cosine of theirs. Trained by Y. Zhong et al., SFace: Sigmoid-Constrained Hypersphere Loss for
Robust Face Recognition, IEEE TIP 30 (2021), https://arxiv.org/abs/2205.12010; layers and numbers
are those of OpenCV's model zoo, https://github.com/opencv/opencv_zoo
(face_recognition_sface_2021dec).

Convention
    SFace's input: RGB, 112 x 112, in [-1, 1], the face on the template of
    measure/identity/sface.py. The published graph takes RGB in 0 to 255 (OpenCV swaps its BGR
    before) and begins with (x - 127.5) / 128; here that is x 127.5 / 128.
    Batch normalisation is folded: in dlib's network into a scale and a shift per channel, as the
    file stores it; in SFace into the weights around it, so that each convolution has a bias and a
    slope per channel for what is negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Of dlib's network.
CHIP = 150  # pixels
MEAN = (122.782, 117.001, 104.298)  # of RGB in 0 to 255, subtracted before the division by 256
WIDTHS = (32,) * 3 + (64,) * 4 + (128,) * 3 + (256,) * 3 + (256,)  # of the 14 residual blocks
DOWN = (3, 7, 10, 13)  # the blocks that halve the resolution
LEVEL_ENDS = (2, 6, 9)  # the blocks after which `features` looks: 35, 17 and 8 pixels
# Of SFace.
SFACE_CHIP = 112  # pixels
SFACE_NUMBERS = 128  # of an embedding
SFACE_SCALE = 127.5 / 128
SFACE_STEM = 32  # channels
SFACE_WIDTHS = (64, 128, 128, 256, 256, *[512] * 6, 1024, 1024)  # of the 13 pairs
SFACE_HALVING = (1, 3, 5, 11)  # the pairs that halve the resolution
SFACE_LEFT = SFACE_CHIP // 2 ** len(SFACE_HALVING)  # pixels, a side


# --- dlib ------------------------------------------------------------------------------


class Affine(nn.Module):
    """scale[c] x + shift[c] over [N, C, H, W]."""

    def __init__(self, channels: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale[:, None, None] + self.shift[:, None, None]


class Block(nn.Module):
    """relu(x + affine(conv(relu(affine(conv(x))))))); halving, the sum is padded with zeros."""

    def __init__(self, before: int, width: int, down: bool):
        super().__init__()
        self.down = down
        stride, padding = (2, 0) if down else (1, 1)
        self.conv1 = nn.Conv2d(before, width, 3, stride, padding)
        self.affine1 = Affine(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1)
        self.affine2 = Affine(width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.affine2(self.conv2(F.relu(self.affine1(self.conv1(x)))))
        if self.down:
            x = F.avg_pool2d(x, 2)
        if x.shape == y.shape:
            return F.relu(x + y)
        # dlib adds tensors of different sizes as if zeros stood where the smaller one ends
        height, width = max(x.shape[2], y.shape[2]), max(x.shape[3], y.shape[3])
        channels = max(x.shape[1], y.shape[1])
        return F.relu(_grown(x, channels, height, width) + _grown(y, channels, height, width))


def _grown(x: Tensor, channels: int, height: int, width: int) -> Tensor:
    c, h, w = x.shape[1:]
    return F.pad(x, (0, width - w, 0, height - h, 0, channels - c))


class FaceResNet(nn.Module):
    """Chips [N, 3, 150, 150] in [-1, 1] -> embeddings [N, 128]."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 7, 2)
        self.stem_affine = Affine(32)
        before = (32, *WIDTHS)
        self.blocks = nn.ModuleList(
            Block(before[i], width, i in DOWN) for i, width in enumerate(WIDTHS)
        )
        self.head = nn.Linear(256, 128, bias=False)
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)

    def features(self, chips: Tensor) -> list[Tensor]:
        """[N, 32, 35, 35], [N, 64, 17, 17], [N, 128, 8, 8] and the embedding [N, 128]."""
        x = ((chips + 1) * 127.5 - self.mean) / 256
        x = F.max_pool2d(F.relu(self.stem_affine(self.stem(x))), 3, 2)
        levels = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in LEVEL_ENDS:
                levels.append(x)
        return [*levels, self.head(x.mean(dim=(2, 3)))]

    def forward(self, chips: Tensor) -> Tensor:
        return self.features(chips)[-1]


# --- SFace -----------------------------------------------------------------------------


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

    def __init__(self) -> None:
        super().__init__()
        self.stem = Unit(3, SFACE_STEM, 3)
        widths = zip((SFACE_STEM, *SFACE_WIDTHS), SFACE_WIDTHS, strict=False)
        pairs = [Pair(*each, i in SFACE_HALVING) for i, each in enumerate(widths)]
        self.pairs = cast(Sequence[Pair], nn.ModuleList(pairs))
        self.head = nn.Linear(SFACE_WIDTHS[-1] * SFACE_LEFT**2, SFACE_NUMBERS)

    def units(self) -> list[Unit]:
        """All convolutions in the order of the data's way."""
        return [self.stem, *(u for pair in self.pairs for u in (pair.depthwise, pair.pointwise))]

    def forward(self, chips: Tensor) -> Tensor:
        x = self.stem(chips * SFACE_SCALE)
        for pair in self.pairs:
            x = pair(x)
        return self.head(x.flatten(1))
