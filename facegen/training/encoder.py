"""Train an encoder for a StyleGAN2 that has none: image -> w and an offset for every layer.

After Tov et al. 2021 (e4e, https://arxiv.org/abs/2102.02766): codes stay editable as long as
they stay near a single w, so offsets are kept small by a penalty. Half of each batch are the
generator's own samples, whose codes are given; the rest are photos, which are compared
by L1 on several scales and in the features of a face recognition network, identity included.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from .. import images, models, weights
from ..errors import DataError
from ..measure.identity import dlib_recogniser
from ..models.loading import resized, seen_by
from ..networks.encoder import Encoder, EncoderConfig
from ..networks.stylegan2 import Generator
from . import data, memory_estimate, parallel
from .augment import jitter
from .losses import feature_distance, multiscale_l1
from .options import EncoderTrainOptions
from .run import Progress
from .trainer import Average, Trainer, cosine, keep_of, placed

PSI = 0.8  # truncation of the samples: near the average codes are denser, as photos' are
COLUMNS = 8  # of the sheet


class EncoderTraining(Trainer):
    """A frozen generator, the encoder that learns to invert it, and the state of the run."""

    SHAPE = ("model", "resolution", "passes", "channel_base", "channel_max")
    SAME = ("encoder", "encoder_ema")
    PARTS = SAME
    OPTIMISERS = ("optimiser",)
    options: EncoderTrainOptions

    def __init__(self, options: EncoderTrainOptions, device: torch.device | None = None) -> None:
        o, device = options, device or torch.device("cpu")
        super().__init__(o, device, o.total, o.snapshot)
        self.share = parallel.share(o.batch)
        torch.manual_seed(o.seed)
        self.model = models.load_face_model(o.model, self.device)
        assert isinstance(self.model.generator, Generator)
        self.generator = self.model.generator
        config = self.generator.config
        self.encoder = Encoder(
            EncoderConfig(
                o.resolution,
                config.num_ws,
                config.w_dim,
                o.channel_base,
                o.channel_max,
                passes=o.passes,
            )
        )
        with torch.no_grad():
            # the first guess is the average face; codes are then learned in units of their spread
            w = self.model.sample_w()
            self.spread = w.std(dim=0).clamp(min=1e-3).to(self.device)
            self.encoder.w.weight.zero_()
            self.encoder.w.bias.copy_(w.mean(dim=0).cpu() / self.encoder.w.bias_gain)
        placed(self.encoder, self.device)
        self._averaging = Average(self.encoder)
        self.encoder_ema = self._averaging.module
        self.optimiser = torch.optim.Adam(self.encoder.parameters(), o.learning_rate, (0.9, 0.99))
        self.face = dlib_recogniser.load_face_resnet().to(self.device) if o.face_weight else None

    def write_model(self) -> None:
        """Write the generator and the averaged encoder as model.safetensors."""
        info = self.model.info
        about = data.facts_of(info) | {"encoder_shown": str(self.shown)}
        path = self.folder.out / weights.EXPORTED
        models.save_face_model(path, self.generator, self.encoder_ema, about)

    # -- steps ---------------------------------------------------------------------------

    @torch.no_grad()
    def _samples(self, count: int) -> tuple[Tensor, Tensor]:
        """Draw w [count, w_dim] and their pictures, clamped to [-1, 1]."""
        z = torch.randn(count, self.generator.config.z_dim, generator=self.random)
        w = self.generator.mapping(z.to(self.device), PSI)
        ws = self.generator.broadcast(w)
        return w, self.generator.synthesis(ws, noise_mode="const").clamp(-1, 1)

    def step(self, batch: Tensor | None) -> dict[str, float]:
        """Take a step on photos [N, 3, R, R] in [-1, 1] (None: there are none) and samples."""
        o, photos = self.options, batch
        samples = self.share - (0 if photos is None else len(photos))
        facts: dict[str, Tensor] = {}
        pictures = []
        if samples:
            w_drawn, drawn = self._samples(samples)
            pictures.append(drawn)
        if photos is not None:
            pictures.append(resized(photos, self.generator.config.resolution))
        real = torch.cat(pictures)
        turn = self.shown // o.batch % (o.passes + 1)
        draw = seen_by(self.encoder, self.generator)
        w, offsets = self.encoder.after(turn, resized(real, o.resolution), draw)
        rebuilt = self.generator.synthesis(w[:, None] + offsets, noise_mode="const")
        # compared at the encoder's size: it cannot be expected to render what it cannot see
        small, small_real = resized(rebuilt, o.resolution), resized(real, o.resolution)
        facts["pixel"] = multiscale_l1(small, small_real)
        facts["offset"] = (offsets / self.spread).square().mean()
        loss = o.pixel_weight * facts["pixel"] + o.offset_weight * facts["offset"]
        if samples:
            facts["latent"] = ((w[:samples] - w_drawn) / self.spread).abs().mean()
            loss = loss + o.latent_weight * facts["latent"]
        if self.face is not None:
            with torch.no_grad():
                target = dlib_recogniser.looks(self.face, small_real)
            facts["face"] = feature_distance(dlib_recogniser.looks(self.face, small), target)
            loss = loss + o.face_weight * facts["face"]
        rate = cosine(o.learning_rate, o.final_learning_rate, self.shown / o.total)
        self.optimiser.param_groups[0]["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        parallel.average_gradients(self.optimiser.param_groups[0]["params"])
        self.optimiser.step()
        self.shown += len(real) * self.world
        self._averaging.update(self.encoder, keep_of(o.batch, self.shown, o.ema))
        numbers = {name: float(value.detach()) for name, value in facts.items()}
        self.folder.check_finite(numbers, self.shown, rate)
        return numbers

    # -- the run -------------------------------------------------------------------------

    def load(self) -> None:
        """Load the photos, at twice the encoder's resolution, if the options ask for some."""
        o = self.options
        self.photos = self.share - round(self.share * o.samples)  # of this process's share
        if o.data:
            if self.photos:
                self.pictures = data.load_pictures(o.data, 2 * o.resolution)
            elif o.samples < 1:
                raise DataError(
                    f"samples is {o.samples}, which leaves no photo in a batch of {o.batch}; "
                    "lower it, or raise the batch"
                )
        if self.pictures is not None:
            self.pictures = self.pictures.to(self.device)
        self.SYNTHETIC = self.pictures is None

    def batches(self) -> Iterator[Tensor | None]:
        """Yield jittered photos, [N, 3, R, R]; None where only samples are learned from."""
        if self.pictures is None or not self.photos:
            yield from itertools.repeat(None)
        else:
            for batch in data.batches(self.pictures, self.photos, self.random):
                yield jitter(batch, self.options.jitter, self.random)

    @torch.no_grad()
    def sheet(self) -> np.ndarray:
        """Draw fixed photos, or samples, above their reconstructions, uint8 HWC."""
        if self.pictures is not None:
            step = max(len(self.pictures) // COLUMNS, 1)
            real = jitter(self.pictures[::step][:COLUMNS].float() / 127.5 - 1, 0.0)
        else:
            before = self.random.get_state()
            real = resized(self._samples(COLUMNS)[1], self.options.resolution)
            self.random.set_state(before)  # a picture must not change the run
        codes = self.encoder_ema.encode(real, seen_by(self.encoder_ema, self.generator))
        rebuilt = self.generator.synthesis(codes, noise_mode="const")
        rebuilt = resized(rebuilt, self.options.resolution)
        rows = torch.cat([torch.cat(list(row), dim=2) for row in (real, rebuilt)], dim=1)
        return images.to_pixels(rows[None].cpu())[0]


def plan(options: EncoderTrainOptions) -> dict[str, float]:
    """Estimate what a run needs, without starting it.

    Raises DataError for a folder that is missing, or holds too few pictures; WeightsError for the
    model.
    """
    pictures = data.count(options.data) if options.data and options.samples < 1 else 0
    generator = models.load_face_model(options.model, torch.device("cpu")).generator
    assert isinstance(generator, Generator)
    return memory_estimate.estimate_encoder(options, generator.config, pictures)


def train(options: EncoderTrainOptions, progress: Progress | None = None) -> None:
    """Train to the end, or resume an unfinished run in options.out.

    Under torchrun every process works on its share of each batch.
    """
    with parallel.processes(options.device) as device:
        EncoderTraining(options, device=device).run(progress)
