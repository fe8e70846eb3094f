"""Compute what a drawing network is to learn: a pair's drawing, or the hand of unpaired ones.

From pairs, with the output y, the drawing t, means over pixels and channels:

    (1 + i stroke(t)) |y - t| + g |grad y - grad t| + s (1 - ssim(y, t))
            + p |F_k(y) - F_k(t)| / |F_k(t)| + f |D_k(y) - D_k(t)| + a (1 - D(y))^2

stroke is 1 where the drawing is darker than its surroundings: L1 draws what is more likely than
not, and hardly a line of a drawing is likely to lie at just that pixel; so weighted, it is drawn
from a likelihood of 1 / (2 + i) on. grad are the differences of neighbours (outlines), ssim the
structural similarity (contrast, which L1 alone would blur away), F_k a classifier's features
(Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric"), D a
patch discriminator that joins late (least squares, Mao et al. 2016,
https://arxiv.org/abs/1611.04076) with features D_k (feature matching, Wang et al. 2018,
https://arxiv.org/abs/1711.11585).

From unpaired pictures as AnimeGAN does (Chen et al. 2019, and AnimeGANv2,
https://github.com/TachibanaYoshino/AnimeGANv2), with the photo x and a drawing t of something else:

    c |F(y) - F(x)| / |F(x)| + s |gram F(grey y) - gram F(grey t)| / |gram F(grey t)|
            + k |yuv y - yuv x| + a (1 - D(y))^2

where D takes for not drawn: the outputs, the drawings without their colour, and the drawings
without their sharp edges. The style is looked for in grey, so that the colours stay the photo's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..images import luma
from ..networks.discriminator import PatchDiscriminator
from ..networks.drawing import FACTOR, MARGIN
from .losses import feature_distance
from .options import AnimeTrainOptions
from .pairs import Pair, random_crops, random_pairs

Features = Callable[[Tensor], list[Tensor]]
# A drawing's pixels are four to one of the photo. The discriminator sees it at half its size, the
# classifier, which knows pictures of 224 pixels, at a quarter.
SEEN, KNOWN = 2, 4
WIDTH = 16  # of the discriminator
AROUND, INK = 16, 0.25  # pixels of a stroke's surroundings; how much darker it is, black to white 2
# From EfficientNet-Lite0's third tap on, what is drawn counts for more than how.
CONTENT_TAP = 2
STYLE_TAPS = 2
SOFT_EDGES = 4  # pixels over which a drawing is blurred to be no drawing
# BT.601, analogue: Y in [-1, 1], U and V of it.
YUV = ((0.299, 0.587, 0.114), (-0.147, -0.289, 0.436), (0.615, -0.515, -0.100))


class FromPairs:
    """The first equation above. losses: name -> loss, not yet weighted by `weights`."""

    def __init__(
        self, options: AnimeTrainOptions, pairs: list[Pair], features: Features | None
    ) -> None:
        self.options, self.pairs, self.features = options, pairs, features
        names = ("gradient", "structure", "perceptual", "features", "adversarial")
        self.weights = {"pixel": 1.0} | {name: getattr(options, name) for name in names}

    def discriminator(self) -> PatchDiscriminator:
        """Make the discriminator that joins late."""
        return PatchDiscriminator(WIDTH)

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draw photos and drawings."""
        options = self.options
        return random_pairs(self.pairs, options.batch, options.crop, rng, options.detail)

    def losses(self, photos: Tensor, outputs: Tensor, drawings: Tensor) -> dict[str, Tensor]:
        """Compute the losses by name, not yet weighted."""
        losses = {
            "pixel": self._pixel(outputs, drawings),
            "gradient": gradient_loss(outputs, drawings),
        }
        small, wanted = reduced(outputs), reduced(drawings)
        losses["structure"] = 1 - ssim(small, wanted)
        if self.features is not None:
            with torch.no_grad():
                targets = self.features(F.avg_pool2d(drawings, KNOWN))
            made = self.features(F.avg_pool2d(outputs, KNOWN))
            losses["perceptual"] = feature_distance(made, targets)
        return losses

    def _pixel(self, outputs: Tensor, drawings: Tensor) -> Tensor:
        weights = 1 + self.options.ink * strokes(drawings)
        return (weights * (outputs - drawings).abs()).mean()

    def adversarial(
        self, discriminator: PatchDiscriminator, photos: Tensor, outputs: Tensor, drawings: Tensor
    ) -> dict[str, Tensor]:
        """Compute what the discriminator says of outputs."""
        beside = _beside(photos)
        *made, logits = discriminator(reduced(outputs), beside)
        with torch.no_grad():
            *drawn, _ = discriminator(reduced(drawings), beside)
        distances = [F.l1_loss(a.float(), b.float()) for a, b in zip(made, drawn, strict=True)]
        return {
            "features": torch.stack(distances).mean(),
            "adversarial": (1 - logits.float()).square().mean(),
        }

    def discriminator_loss(
        self, discriminator: PatchDiscriminator, photos: Tensor, outputs: Tensor, drawings: Tensor
    ) -> Tensor:
        """Compute the discriminator's own loss."""
        beside = _beside(photos)
        drawn = discriminator(reduced(drawings), beside)[-1].float()
        made = discriminator(reduced(outputs), beside)[-1].float()
        return (1 - drawn).square().mean() + made.square().mean()


class FromPictures:
    """The second equation above. photos, drawings: pixels of any size, of different things."""

    def __init__(
        self,
        options: AnimeTrainOptions,
        photos: list[np.ndarray],
        drawings: list[np.ndarray],
        features: Features,
    ) -> None:
        self.options, self.photos, self.drawings = options, photos, drawings
        self.features = features
        names = ("content", "style_grey", "colour", "adversarial")
        self.weights = {name: getattr(options, f"unpaired_{name}") for name in names}

    def discriminator(self) -> PatchDiscriminator:
        """Make the discriminator that joins late."""
        return PatchDiscriminator(WIDTH, with_photos=False)

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draw photos and drawings."""
        options = self.options
        photos = random_crops(self.photos, options.batch, options.crop + 2 * MARGIN, rng)
        drawings = random_crops(self.drawings, options.batch, options.crop, rng, FACTOR)
        return photos, drawings

    def losses(self, photos: Tensor, outputs: Tensor, drawings: Tensor) -> dict[str, Tensor]:
        """Compute the losses by name, not yet weighted."""
        small, photo = F.avg_pool2d(outputs, KNOWN), _core(photos)
        made = self.features(small)
        grey = self.features(_grey(small))
        with torch.no_grad():
            content = self.features(photo)[CONTENT_TAP]
            hand = self.features(_grey(F.avg_pool2d(drawings, KNOWN)))
            wanted = [gram(f) for f in hand[:STYLE_TAPS]]
        yuv, theirs = _yuv(small), _yuv(photo)
        colour = F.l1_loss(yuv[:, :1], theirs[:, :1]) + F.huber_loss(yuv[:, 1:], theirs[:, 1:])
        return {
            "content": feature_distance([made[CONTENT_TAP]], [content]),
            "style_grey": feature_distance([gram(f) for f in grey[:STYLE_TAPS]], wanted),
            "colour": colour,
        }

    def adversarial(
        self, discriminator: PatchDiscriminator, photos: Tensor, outputs: Tensor, drawings: Tensor
    ) -> dict[str, Tensor]:
        """Compute what the discriminator says of outputs."""
        logits = discriminator(reduced(outputs))[-1].float()
        return {"adversarial": (1 - logits).square().mean()}

    def discriminator_loss(
        self, discriminator: PatchDiscriminator, photos: Tensor, outputs: Tensor, drawings: Tensor
    ) -> Tensor:
        """Compute the discriminator's own loss."""
        drawings = reduced(drawings)
        drawn = discriminator(drawings)[-1].float()
        wrong = (reduced(outputs), _grey(drawings), _times(F.avg_pool2d(drawings, SOFT_EDGES), 4))
        made = [discriminator(drawing)[-1].float().square().mean() for drawing in wrong]
        # AnimeGANv2 weighs what has lost its edges less: most of a picture has none.
        return (1 - drawn).square().mean() + made[0] + made[1] + 0.1 * made[2]


Objective = FromPairs | FromPictures


def strokes(drawings: Tensor) -> Tensor:
    """Say where the ink is: [N, 3, H, W] in [-1, 1] -> [N, 1, H, W] in [0, 1]."""
    light = luma(drawings)
    around = _times(F.avg_pool2d(light, AROUND), AROUND)
    return ((around - light) / INK).clamp(0, 1)


def gradient_loss(outputs: Tensor, drawings: Tensor) -> Tensor:
    """Compare the differences of horizontal and of vertical neighbours by L1: the outlines."""
    horizontal = F.l1_loss(outputs.diff(dim=3), drawings.diff(dim=3))
    return horizontal + F.l1_loss(outputs.diff(dim=2), drawings.diff(dim=2))


def gram(features: Tensor) -> Tensor:
    """Average the channels' products over places, [N, C, C] (Gatys et al. 2015)."""
    flat = features.float().flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Compute the structural similarity of images' luma, a scalar; 1 for equal images.

    Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861: Gaussian window of 11 pixels,
    sigma 1.5, K1 = 0.01, K2 = 0.03, L = 1. Images are [N, 3, H, W] in [-1, 1].
    """
    with torch.autocast(a.device.type, enabled=False):  # it subtracts what is nearly equal
        return _ssim(*(luma((i + 1) / 2) for i in (a, b)))


def _ssim(a: Tensor, b: Tensor) -> Tensor:
    """Compute it for lightness [N, 1, H, W] in [0, 1]: means are compared by their ratio."""
    at = torch.arange(11, dtype=a.dtype, device=a.device) - 5
    window = torch.exp(-(at**2) / (2 * 1.5**2))
    window = window / window.sum()

    def blur(images: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(images, window.view(1, 1, 1, -1)), window.view(1, 1, -1, 1))

    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    top = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return (top / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))).mean()


def reduced(drawings: Tensor) -> Tensor:
    """Shrink drawings to what the discriminator sees."""
    return F.avg_pool2d(drawings, SEEN)


def _beside(photos: Tensor) -> Tensor:
    """Cut off the photos' margins, and enlarge them to reduced drawings."""
    return _times(_core(photos), FACTOR // SEEN)


def _core(photos: Tensor) -> Tensor:
    return photos[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN]


def _times(images: Tensor, factor: int) -> Tensor:
    return F.interpolate(images, scale_factor=factor, mode="bilinear")


def _grey(images: Tensor) -> Tensor:
    return luma(images).expand_as(images)


def _yuv(images: Tensor) -> Tensor:
    return torch.einsum("kc,nchw->nkhw", images.new_tensor(YUV), images)
