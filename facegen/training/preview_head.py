"""Draw a generator's own pictures to learn from, and train its preview head on them.

Each code has its own seed, made of the run's and its number, so that a pool can grow and what was
drawn stays what it is.

The head learns first by least squares, then by gradient descent, on crops of the features, which
are held against the finished picture averaged to the preview's size. Within the stage features
and styles have mean 0 and deviation 1 a channel; the finished head takes both as they are.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import images, runtime
from ..networks.mobile_blocks import PreviewHead
from ..networks.mobile_stylegan import FEATURES_AT, MobileGenerator
from ..networks.photo_encoder import SIZE
from .data import Records
from .options import PhotoEncoderOptions
from .run import Progress
from .trainer import Average, Stage, placed

PSI = (0.5, 1.0)  # truncation: photographs' codes lie nearer to the average than random ones
SPREAD = 0.15  # of each place of a mixture's own noise, in units of the spread of w
AT_ONCE = 4  # previews; one number for all, for the last bits depend on it
PREVIEWED = 2 * FEATURES_AT  # pixels that the preview head draws
_PAIRS, _POOL = 1, 2  # keys of the random numbers drawn here

# Of the head's training.
RATE, RISE = 2e-3, 50  # AdamW's; steps in which it rises
SLOW = 0.1  # times that: layers that sum over hundreds of inputs
DECAY = 1e-4
CROP = 48  # feature pixels
L1 = 0.05  # its weight beside the squared error
AVERAGED, AVERAGED_FROM = 0.999, 50  # of the weights kept a step; the steps in which that begins
HELD_OUT = 30  # pairs, or a quarter where there are few
_NORMED = 20  # pairs that the features' spread is taken from
_FITTED, _PIXELS, _RIDGE = 8, 9, 1e-4  # least squares: every 8th pair, of it every 9th pixel
_COLUMNS = 6  # of the sheet


def plain_codes(generator: MobileGenerator, seed: int, first: int, count: int) -> Tensor:
    """Draw w [count, w_dim] of the codes `first` and following, truncated by a random psi."""
    return _codes(generator, [runtime.seeded(seed, _POOL, first + i) for i in range(count)])


def mixed_code(generator: MobileGenerator, seed: int, index: int) -> Tensor:
    """Draw ws [1, num_ws, w_dim]: for an even index one w in all places.

    For an odd one two that cross over at a random place, and in each place a little noise, as
    refined codes have it.
    """
    random = runtime.seeded(seed, _PAIRS, index)
    device, places = generator.w_avg.device, generator.config.num_ws
    w = _codes(generator, [random])
    ws = generator.broadcast(w).clone()
    if index % 2:
        other = _codes(generator, [random])
        place = int(torch.randint(1, places, (), generator=random))
        ws[:, place:] = other[:, None]
        spread = (w - generator.w_avg).square().mean().sqrt()
        amount = SPREAD * torch.randn(1, places, 1, generator=random)
        noise = amount * torch.randn(ws.shape, generator=random)
        ws += spread * noise.to(device)
    return ws


@torch.no_grad()
def _codes(generator: MobileGenerator, randoms: list[torch.Generator]) -> Tensor:
    """Draw a w for each."""
    z = torch.stack([torch.randn(generator.config.z_dim, generator=random) for random in randoms])
    low, high = PSI
    psi = torch.stack([low + (high - low) * torch.rand(1, generator=random) for random in randoms])
    w_avg = generator.w_avg
    return w_avg + (generator.mapping(z.to(w_avg.device)) - w_avg) * psi.to(w_avg.device)


# --- pairs for the preview head --------------------------------------------------------


def pairs(folder: Path, generator: MobileGenerator) -> Records:
    """Open the records of pairs: features and styles, which the head draws from, and target.

    The target is the finished picture averaged to the preview's size.
    """
    config = generator.config
    channels = config.channels[generator.features_block]
    return Records(
        folder,
        {
            "features": ((channels, FEATURES_AT, FEATURES_AT), "float16"),
            "styles": ((generator.head.gains.in_features,), "float32"),
            "target": ((3, PREVIEWED, PREVIEWED), "float16"),
        },
    )


def fill_pairs(
    records: Records, generator: MobileGenerator, seed: int, total: int, progress: Progress | None
) -> None:
    """Draw records of `pairs` up to `total`."""

    @torch.no_grad()
    def draw(first: int, count: int) -> dict[str, np.ndarray]:
        ws = mixed_code(generator, seed, first)
        features, styles = generator.preview_inputs(ws)
        picture = generator.synthesize(ws)
        target = F.avg_pool2d(picture, picture.shape[-1] // PREVIEWED)
        pair = {"features": features, "styles": styles, "target": target}
        return {name: tensor.float().cpu().numpy() for name, tensor in pair.items()}

    records.fill(total, 1, draw, progress)


# --- previews for the encoder ----------------------------------------------------------


def pool(folder: Path, generator: MobileGenerator) -> Records:
    """Open the records of previews of plain codes, as the encoder reads them, and their codes."""
    w_dim = generator.config.w_dim
    return Records(folder, {"pictures": ((3, SIZE, SIZE), "uint8"), "w": ((w_dim,), "float32")})


def fill_pool(
    records: Records, generator: MobileGenerator, seed: int, total: int, progress: Progress | None
) -> None:
    """Draw records of `pool` up to `total`."""

    @torch.no_grad()
    def draw(first: int, count: int) -> dict[str, np.ndarray]:
        w = plain_codes(generator, seed, first, count)
        pixels = images.to_pixels(generator.preview(generator.broadcast(w), SIZE).cpu())
        return {"pictures": pixels.transpose(0, 3, 1, 2), "w": w.cpu().numpy()}

    records.fill(total, AT_ONCE, draw, progress)


# --- the head --------------------------------------------------------------------------


class HeadTraining(Stage):
    """The head, its average and the pairs that it learns from."""

    name = "preview"
    SHAPE = ("model", "seed", "preview_samples")
    PARTS = ("head", "head_ema")

    def __init__(
        self, options: PhotoEncoderOptions, records: Records, device: torch.device
    ) -> None:
        super().__init__(options, device, options.preview_crops, options.preview_batch)
        torch.manual_seed(options.seed)
        count = options.preview_samples
        self.features, self.target = records.read("features", count), records.read("target", count)
        self.held_out = min(HELD_OUT, count // 4)
        every = max(1, (count - self.held_out) // _NORMED)
        some = torch.from_numpy(self.features[self.held_out :: every].astype(np.float32))
        self.mean = some.mean((0, 2, 3)).to(device)
        self.spread = some.std((0, 2, 3)).clamp_min(1e-4).to(device)
        styles = torch.from_numpy(records.read("styles", count)).to(device)
        self.style_mean = styles[self.held_out :].mean(dim=0)
        self.style_spread = styles[self.held_out :].std(dim=0).clamp_min(1e-4)
        self.styles = (styles - self.style_mean) / self.style_spread
        self.head = PreviewHead(some.shape[1], styles.shape[1])
        placed(self.head, device)
        self._fit_linear()
        self._averaging = Average(self.head)
        self.head_ema = self._averaging.module
        slow = [*self.head.linear.parameters(), *self.head.gains.parameters()]
        quick = [
            parameter
            for parameter in self.head.parameters()
            if all(parameter is not other for other in slow)
        ]
        groups = [{"params": quick, "highest": RATE}, {"params": slow, "highest": SLOW * RATE}]
        self.optimiser = torch.optim.AdamW(groups, weight_decay=DECAY)

    def finished(self) -> PreviewHead:
        """Return the averaged head, which takes features and styles as the generator has them."""
        head = copy.deepcopy(self.head_ema)
        with torch.no_grad():
            for layer in (head.linear, head.reduce):
                layer.weight.div_(self.spread[None, :, None, None])
                assert layer.bias is not None
                layer.bias.sub_(layer.weight[:, :, 0, 0] @ self.mean)
            head.gains.weight.div_(self.style_spread)
            head.gains.bias.sub_(head.gains.weight @ self.style_mean)
        return head

    def batches(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield random crops: features, targets and the styles of their pictures."""
        batch, count = self.batch, len(self.features)
        while True:
            rows = torch.randint(self.held_out, count, (batch,), generator=self.random)
            corners = torch.randint(FEATURES_AT - CROP + 1, (batch, 2), generator=self.random)
            crops = [
                (self.features[i, :, y : y + CROP, x : x + CROP],
                 self.target[i, :, 2 * y : 2 * (y + CROP), 2 * x : 2 * (x + CROP)])
                for i, (y, x) in zip(rows.tolist(), corners.tolist(), strict=True)
            ]  # fmt: skip
            features, target = (np.stack(part) for part in zip(*crops, strict=True))
            yield self._normed(features), self._moved(target), self.styles[rows.to(self.device)]

    def step(self, batch: tuple[Tensor, Tensor, Tensor]) -> dict[str, float]:
        """Take a step of the head and of its average."""
        features, target, styles = batch
        drawn = self.head(features, styles)
        squared = F.mse_loss(drawn, target)
        ramp = self.descend(squared + L1 * (drawn - target).abs().mean(), RISE, 0.0)
        keep = min(AVERAGED, self.steps / (self.steps + AVERAGED_FROM))
        self._averaging.update(self.head, keep)
        numbers = {"squared": float(squared.detach())}
        self.folder.check_finite(numbers, self.shown, RATE * ramp)
        return numbers

    def measure(self) -> dict[str, float]:
        """Measure the psnr of held-out previews in dB, in the mean and at worst; the range is 2."""
        decibels = []
        for index in range(self.held_out):
            drawn, target = self._whole(index)
            error = F.mse_loss(drawn, target).clamp_min(1e-12)
            decibels.append(float(10 * torch.log10(4 / error)))
        return {"psnr": float(np.mean(decibels)), "psnr_worst": min(decibels)}

    def sheet(self) -> np.ndarray:
        """Draw held-out pictures above their previews."""
        both = [self._whole(index) for index in range(min(self.held_out, _COLUMNS))]
        rows = [pictures for drawn in (1, 0) for pictures in (pair[drawn] for pair in both)]
        return images.grid(list(images.to_pixels(torch.cat(rows).cpu())), len(both))

    @torch.no_grad()
    def _whole(self, index: int) -> tuple[Tensor, Tensor]:
        row = slice(index, index + 1)
        drawn = self.head_ema(self._normed(self.features[row]), self.styles[row])
        return drawn.clamp(-1, 1), self._moved(self.target[row]).clamp(-1, 1)

    def _moved(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device).float()

    def _normed(self, features: np.ndarray) -> Tensor:
        x = (self._moved(features) - self.mean[:, None, None]) / self.spread[:, None, None]
        return x.contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def _fit_linear(self) -> None:
        """Fit the linear map by ridge regression, which gradients would need long for."""
        size = self.features.shape[1] + 1
        square = torch.zeros(size, size, dtype=torch.float64)
        across = torch.zeros(size, 12, dtype=torch.float64)
        for index in range(self.held_out, len(self.features), _FITTED):
            row = slice(index, index + 1)
            x = self._normed(self.features[row])[0].flatten(1)[:, index % _PIXELS :: _PIXELS]
            y = F.pixel_unshuffle(self._moved(self.target[row]), 2)[0]
            y = y.flatten(1)[:, index % _PIXELS :: _PIXELS]
            x = torch.cat([x, torch.ones_like(x[:1])]).double().cpu()
            square += x @ x.T
            across += x @ y.double().cpu().T
        ridge = _RIDGE * square.diagonal().mean() * torch.eye(size, dtype=torch.float64)
        solved = torch.linalg.solve(square + ridge, across).T.float()
        self.head.linear.weight.copy_(solved[:, :-1, None, None])
        assert self.head.linear.bias is not None
        self.head.linear.bias.copy_(solved[:, -1])
