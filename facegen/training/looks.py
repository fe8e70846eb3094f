"""Train the encoder of a photorealistic generator: a first look, then further ones.

The loss is a smooth L1 on the leading principal components of w, all in one unit, so that each
counts by its own spread: what lies in the hundreds of small ones cannot be seen in a picture, and
whitened, so that all count alike, they drown what can. Tried: R^2 of w on held-out codes 0.065
after 6,400 views whitened, 0.28 after 5,000 in one unit.

Only codes of which the picture is known are learned from. Offsets of single places are not
trained: they stay zero.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import images
from ..networks.mobile_stylegan import MobileGenerator
from ..networks.photo_encoder import SIZE, PhotoEncoder, PhotoEncoderConfig
from .data import degrade
from .options import PhotoEncoderOptions
from .trainer import Average, Stage, placed

COMPONENTS = 256  # of w that are compared
BETA = 0.5  # where smooth L1 turns from a square to a line, in the components' unit
DECAY, BETAS = 1e-3, (0.9, 0.98)  # AdamW's
FIRST_WEIGHT = 0.5  # of the first look's loss, while further ones are learned
AGAIN = 0.3  # of the first head's w that the second begins with: a cautious correction
AVERAGED_FROM = 20  # steps in which the average of the weights begins
_COLUMNS, _AT_ONCE = 8, 16


class Codes:
    """The pool, with what w is measured by; the first `held` are held out.

    pictures: uint8 [N, 3, 128, 128] and w [N, w_dim] on one device; samples: w [M, w_dim] as the
    mapping network has them.
    """

    def __init__(
        self, pictures: np.ndarray, w: np.ndarray, samples: Tensor, device: torch.device, held: int
    ) -> None:
        self.pictures = torch.from_numpy(pictures).to(device)
        self.w = torch.from_numpy(w).to(device)
        self.held_out = min(held, len(w) // 4)
        self.mean = samples.mean(dim=0).to(device)
        values, vectors = torch.linalg.eigh(torch.cov(samples.double().cpu().T))
        self.axes = vectors.flip(1)[:, :COMPONENTS].float().to(device)
        self.unit = float(values.mean().sqrt())

    def loss(self, w: Tensor, wanted: Tensor) -> Tensor:
        """Compare codes [N, w_dim] by their leading components."""
        apart = ((w - wanted) @ self.axes) / self.unit
        return F.smooth_l1_loss(apart, torch.zeros_like(apart), beta=BETA)

    def batch(self, size: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw degraded pictures, float32 in [-1, 1], and their codes."""
        rows = torch.randint(self.held_out, len(self.w), (size,), generator=random)
        rows = rows.to(self.w.device)
        return degrade(as_seen(self.pictures[rows]), random), self.w[rows]


def as_seen(pictures: Tensor) -> Tensor:
    """Convert uint8 to float32 in [-1, 1]."""
    return pictures.float() / 127.5 - 1


@dataclass(frozen=True)
class Pace:
    """How fast a stage learns."""

    rates: tuple[float, float, float]  # of the body, of the first head, of the second head
    rise: int  # see Stage.descend
    level: float
    averaged: float  # share of the average that a step keeps


class Looking(Stage):
    """What both stages have in common."""

    PARTS = ("encoder", "encoder_ema")
    pace: Pace
    held_out: int

    def __init__(
        self,
        options: PhotoEncoderOptions,
        generator: MobileGenerator,
        codes: Codes,
        encoder: PhotoEncoder,
        total: int,
        batch: int,
    ) -> None:
        super().__init__(options, codes.w.device, total, batch)
        self.generator, self.codes = generator, codes
        self.encoder = placed(encoder, self.device)
        self.encoder.requires_grad_(True).train()
        self._averaging = Average(self.encoder)
        self.encoder_ema = self._averaging.module
        e = self.encoder
        first = [*e.squeeze.parameters(), *e.first.parameters()]
        parts = [list(e.body.parameters()), first, list(e.again.parameters())]
        groups = [
            {"params": part, "highest": rate}
            for part, rate in zip(parts, self.pace.rates, strict=True)
            if rate
        ]
        self.optimiser = torch.optim.AdamW(groups, betas=BETAS, weight_decay=DECAY)

    @torch.no_grad()
    def draw(self, w: Tensor) -> Tensor:
        """Draw the previews of codes [N, w_dim], [N, 3, SIZE, SIZE] in [-1, 1]."""
        ws = self.generator.broadcast(w)
        parts = [self.generator.preview(part, SIZE) for part in ws.split(_AT_ONCE)]
        return torch.cat(parts).clamp(-1, 1)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield degraded pictures and their codes."""
        while True:
            yield self.codes.batch(self.batch, self.random)

    def step(self, batch: tuple[Tensor, Tensor]) -> dict[str, float]:
        """Take a step of the encoder and of its average."""
        loss, numbers = self.loss(*batch)
        self.descend(loss, self.pace.rise, self.pace.level)
        keep = min(self.pace.averaged, self.steps / (self.steps + AVERAGED_FROM))
        self._averaging.update(self.encoder, keep)
        self.folder.check_finite(numbers, self.shown, self.optimiser.param_groups[0]["lr"])
        return numbers

    def loss(self, pictures: Tensor, w: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Compute the loss of a batch, and facts for the log."""
        raise NotImplementedError

    @property
    def looks(self) -> int:
        """Count the looks that are measured."""
        return 1

    def measure(self) -> dict[str, float]:
        """Measure r2 of w on held-out pictures as they are, after each look."""
        explained = self.explained(self.held_out)
        return {f"r2_look{i}": value for i, value in enumerate(explained, start=1)}

    @torch.no_grad()
    def explained(self, most: int) -> list[float]:
        """Measure the share of w's variance that each look explains, on held-out pictures."""
        codes, count = self.codes, min(most, self.codes.held_out)
        missed, whole = [0.0] * self.looks, 0.0
        for first in range(0, count, _AT_ONCE):
            rows = slice(first, min(first + _AT_ONCE, count))
            wanted = codes.w[rows]
            whole += float((wanted - codes.mean).square().sum())
            for look, w in enumerate(self._guesses(as_seen(codes.pictures[rows]))):
                missed[look] += float((w - wanted).square().sum())
        return [1 - part / whole for part in missed]

    @torch.no_grad()
    def _guesses(self, pictures: Tensor) -> Iterator[Tensor]:
        """Guess w after each look, by the averaged encoder."""
        encoder = self.encoder_ema
        seen = encoder.see(pictures)
        w, offsets = encoder.guess(seen)
        yield w
        for _ in range(self.looks - 1):
            w, offsets = encoder.correct(seen, w, offsets, self.draw(w))
            yield w

    def finished(self) -> tuple[PhotoEncoder, Sequence[float]]:
        """Return the averaged encoder with as many looks as help, and R^2 of w after each."""
        explained = self.explained(self.codes.held_out)
        looks = 1 + int(np.argmax(explained))
        config = self.encoder_ema.config
        encoder = PhotoEncoder(PhotoEncoderConfig(config.num_ws, config.w_dim, looks=looks))
        encoder.load_state_dict(self.encoder_ema.state_dict())
        return encoder, explained

    def sheet(self) -> np.ndarray:
        """Draw held-out pictures above the previews of their codes after the last look."""
        pictures = as_seen(self.codes.pictures[: min(_COLUMNS, self.codes.held_out)])
        *_, w = self._guesses(pictures)
        both = torch.cat([pictures, self.draw(w)]).cpu()
        return images.grid(list(images.to_pixels(both)), len(pictures))


class FirstLook(Looking):
    """Learns the first look. body: weights that the encoder's body begins with; None: nothing."""

    name = "first"
    SHAPE = ("model", "seed", "preview_samples", "preview_crops")
    pace = Pace((4e-4, 1e-3, 0.0), rise=150, level=0.3, averaged=0.998)
    held_out = 200

    def __init__(
        self,
        options: PhotoEncoderOptions,
        generator: MobileGenerator,
        codes: Codes,
        body: Mapping[str, Tensor] | None,
    ) -> None:
        torch.manual_seed(options.seed)
        config = generator.config
        encoder = PhotoEncoder(PhotoEncoderConfig(config.num_ws, config.w_dim, looks=1))
        if body is not None:
            encoder.body.load_state_dict(body)
        encoder.w_avg.copy_(codes.mean)
        total, batch = options.first_views, options.first_batch
        super().__init__(options, generator, codes, encoder, total, batch)

    def loss(self, pictures: Tensor, w: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Compare the first guess with the codes."""
        guess, _ = self.encoder.guess(self.encoder.see(pictures))
        loss = self.codes.loss(guess, w)
        return loss, {"code": float(loss.detach())}


class FurtherLooks(Looking):
    """Learns the further looks, each step one of them in turn, from what the first learned."""

    name = "further"
    SHAPE = (*FirstLook.SHAPE, "first_views")
    pace = Pace((1.5e-4, 3e-4, 8e-4), rise=60, level=0.4, averaged=0.996)
    held_out = 48

    def __init__(
        self,
        options: PhotoEncoderOptions,
        generator: MobileGenerator,
        codes: Codes,
        first: PhotoEncoder,
    ) -> None:
        encoder = copy.deepcopy(first)
        encoder.again.load_state_dict(encoder.first.state_dict())
        with torch.no_grad():
            encoder.again.w.weight.mul_(AGAIN)
            for layer in (encoder.again.w, encoder.again.offsets):
                layer.bias.zero_()
        total, batch = options.further_views, options.further_batch
        super().__init__(options, generator, codes, encoder, total, batch)

    @property
    def looks(self) -> int:
        """Count the looks that are trained."""
        return self.options.looks

    def loss(self, pictures: Tensor, w: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Compare the first guess and this step's correction with the codes."""
        seen = self.encoder.see(pictures)
        guess, offsets = self.encoder.guess(seen)
        first = self.codes.loss(guess, w)
        guess, offsets = guess.detach(), offsets.detach()
        turn = self.steps % max(1, self.looks - 1)
        with torch.no_grad():
            for _ in range(turn):
                drawn = self.draw(guess)
                guess, offsets = self.encoder.correct(seen, guess, offsets, drawn)
            drawn = self.draw(guess)
        corrected, _ = self.encoder.correct(seen, guess, offsets, drawn)
        loss = self.codes.loss(corrected, w)
        numbers = {"code": float(first.detach()), f"code_look{turn + 2}": float(loss.detach())}
        return FIRST_WEIGHT * first + loss, numbers
