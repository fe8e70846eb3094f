"""The preview head of a MobileStyleGAN: first by least squares, then by gradient descent.

Learned on crops of the features, which are held against the finished picture averaged to the
preview's size. Within the stage features and styles have mean 0 and deviation 1 a channel; the
finished head takes both as they are.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import images
from ..networks.mobile_stylegan import FEATURES_AT
from ..networks.preview import PreviewHead
from .averaging import Average
from .data import Records
from .options import PhotoEncoderOptions
from .stages import Stage, descend

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


class HeadTraining(Stage):
    name = "preview"
    agree = ("model", "seed", "preview_samples")
    parts = ("head", "head_ema", "optimiser")

    def __init__(self, options: PhotoEncoderOptions, pairs: Records, device: torch.device):
        super().__init__(options, device, options.preview_crops, options.preview_batch)
        torch.manual_seed(options.seed)
        count = options.preview_samples
        self.features, self.target = pairs.read("features", count), pairs.read("target", count)
        self.held_out = min(HELD_OUT, count // 4)
        some = self.features[self.held_out :: max(1, (count - self.held_out) // _NORMED)]
        some = torch.from_numpy(some.astype(np.float32))
        self.mean = some.mean((0, 2, 3)).to(device)
        self.spread = some.std((0, 2, 3)).clamp_min(1e-4).to(device)
        styles = torch.from_numpy(pairs.read("styles", count)).to(device)
        self.style_mean = styles[self.held_out :].mean(dim=0)
        self.style_spread = styles[self.held_out :].std(dim=0).clamp_min(1e-4)
        self.styles = (styles - self.style_mean) / self.style_spread
        self.head = PreviewHead(some.shape[1], styles.shape[1])
        self.head.to(device, memory_format=torch.channels_last)
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
        """The averaged head, which takes features and styles as the generator has them."""
        head = copy.deepcopy(self.head_ema)
        with torch.no_grad():
            for layer in (head.linear, head.reduce):
                layer.weight.div_(self.spread[None, :, None, None])
                layer.bias -= layer.weight[:, :, 0, 0] @ self.mean
            head.gains.weight.div_(self.style_spread)
            head.gains.bias -= head.gains.weight @ self.style_mean
        return head

    def batches(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Random crops: features, targets and the styles of their pictures."""
        batch, count = self.options.batch, len(self.features)
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
        features, target, styles = batch
        ramp = self.rate(RISE, 0.0)
        for group in self.optimiser.param_groups:
            group["lr"] = group["highest"] * ramp + 1e-6
        drawn = self.head(features, styles)
        squared = F.mse_loss(drawn, target)
        descend(self.optimiser, squared + L1 * (drawn - target).abs().mean())
        self.shown += self.options.batch
        keep = min(AVERAGED, self.steps / (self.steps + AVERAGED_FROM))
        self._averaging.update(self.head, keep)
        numbers = {"squared": float(squared.detach())}
        self.folder.check_finite(numbers, self.shown, RATE * ramp)
        return numbers

    def measure(self) -> dict[str, float]:
        """psnr: of held-out previews in dB, in the mean and at worst; the range is 2."""
        found = []
        for index in range(self.held_out):
            drawn, target = self._whole(index)
            error = F.mse_loss(drawn, target).clamp_min(1e-12)
            found.append(float(10 * torch.log10(4 / error)))
        return {"psnr": float(np.mean(found)), "psnr_worst": min(found)}

    def sheet(self) -> np.ndarray:
        """Held-out pictures above their previews."""
        both = [self._whole(index) for index in range(min(self.held_out, _COLUMNS))]
        rows = [pictures for drawn in (1, 0) for pictures in (pair[drawn] for pair in both)]
        return images.grid(images.to_pixels(torch.cat(rows).cpu()), len(both))

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
        """The linear map by ridge regression, which gradients would need long for."""
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
        self.head.linear.bias.copy_(solved[:, -1])
