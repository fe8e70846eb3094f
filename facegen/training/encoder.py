"""An encoder for a StyleGAN2 that has none: image -> w and a small offset for every layer.

After Tov et al. 2021 (e4e, https://arxiv.org/abs/2102.02766): codes stay editable as long as
they stay near a single w, so offsets are kept small by a penalty. Half of each batch are the
generator's own samples, of which the codes are known; the rest are photos, which are compared
by L1 on several scales and in the features of a face recognition network, identity included.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from .. import images, models, weights
from ..datasets.listing import list_pictures
from ..errors import DataError
from ..measure.identity import dlib_network
from ..models.loading import resized, seen_by
from ..networks.encoder import Encoder, EncoderConfig
from . import data, memory_estimate, parallel
from .augment import jitter
from .averaging import Average, keep_of
from .losses import feature_distance, multiscale_l1
from .options import EncoderTrainOptions
from .run import Progress, RunFolder, loop, random_state, restore_random

SHAPE = ("model", "resolution", "passes", "channel_base", "channel_max")
PSI = 0.8  # truncation of the samples: near the average codes are denser, as photos' are
COLUMNS = 8  # of the sheet


class EncoderTraining:
    """A frozen generator, the encoder that learns to invert it, and the state of the run."""

    def __init__(
        self,
        options: EncoderTrainOptions,
        pictures: Tensor | None = None,
        device: torch.device | None = None,
    ):
        o = self.options = options
        self.rank, self.world = parallel.rank_and_world()
        self.share = parallel.share(o.batch)
        self.folder = RunFolder(o.out, writes=self.rank == 0)
        self.device = device or torch.device("cpu")
        torch.manual_seed(o.seed)
        self.model = models.load_face_model(o.model, self.device)
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
        self.encoder.to(self.device, memory_format=torch.channels_last)
        self._averaging = Average(self.encoder)
        self.encoder_ema = self._averaging.module
        self.optimiser = torch.optim.Adam(self.encoder.parameters(), o.learning_rate, (0.9, 0.99))
        self.face = dlib_network.load_face_resnet().to(self.device) if o.face_weight else None
        self.random = torch.Generator().manual_seed(o.seed * 1000 + self.rank)
        self.pictures = pictures
        self.shown = 0

    # -- state ---------------------------------------------------------------------------

    _PARTS = ("encoder", "encoder_ema", "optimiser")

    def save(self) -> None:
        """The whole state as latest.pt; generator and averaged encoder as model.safetensors."""
        state = {name: getattr(self, name).state_dict() for name in self._PARTS}
        state |= {
            "shown": self.shown,
        } | random_state(self.random, self.device)
        self.folder.save(state, self.options)
        if self.rank == 0:
            info = self.model.info
            about = {n: getattr(info, n) for n in ("title", "licence", "licence_meaning")}
            about |= {"training_data": info.training_data, "encoder_shown": str(self.shown)}
            path = self.folder.out / weights.EXPORTED
            models.save_face_model(path, self.generator, self.encoder_ema, about)

    def restore(self, state: dict) -> None:
        """Continue from a saved state: bit for bit on a CPU with the same options."""
        for name in self._PARTS:
            getattr(self, name).load_state_dict(state[name])
        self.shown = state["shown"]
        restore_random(state, self.random, self.device, self.options.seed, self.rank, self.shown)

    # -- steps ---------------------------------------------------------------------------

    @torch.no_grad()
    def _samples(self, count: int) -> tuple[Tensor, Tensor]:
        """w [count, w_dim] and the pictures the generator draws of them, clamped to [-1, 1]."""
        z = torch.randn(count, self.generator.config.z_dim, generator=self.random)
        w = self.generator.mapping(z.to(self.device), PSI)
        ws = self.generator.broadcast(w)
        return w, self.generator.synthesis(ws, noise_mode="const").clamp(-1, 1)

    def _learning_rate(self) -> float:
        """A cosine from learning_rate to final_learning_rate."""
        o = self.options
        share = 0.5 + 0.5 * math.cos(math.pi * min(self.shown / o.total, 1.0))
        return o.final_learning_rate + (o.learning_rate - o.final_learning_rate) * share

    def step(self, photos: Tensor | None) -> dict[str, float]:
        """One step on photos [N, 3, R, R] in [-1, 1] (None: there are none) and samples."""
        o = self.options
        known = self.share - (0 if photos is None else len(photos))
        real, facts = [], {}
        if known:
            w_known, drawn = self._samples(known)
            real.append(drawn)
        if photos is not None:
            real.append(resized(photos, self.generator.config.resolution))
        real = torch.cat(real)
        turn = self.shown // o.batch % (o.passes + 1)
        draw = seen_by(self.encoder, self.generator)
        w, offsets = self.encoder.after(turn, resized(real, o.resolution), draw)
        rebuilt = self.generator.synthesis(w[:, None] + offsets, noise_mode="const")
        # compared at the encoder's size: what it cannot see it cannot be asked for
        small, small_real = resized(rebuilt, o.resolution), resized(real, o.resolution)
        facts["pixel"] = multiscale_l1(small, small_real)
        facts["offset"] = (offsets / self.spread).square().mean()
        loss = o.pixel_weight * facts["pixel"] + o.offset_weight * facts["offset"]
        if known:
            facts["latent"] = ((w[:known] - w_known) / self.spread).abs().mean()
            loss = loss + o.latent_weight * facts["latent"]
        if self.face is not None:
            with torch.no_grad():
                target = dlib_network.looks(self.face, small_real)
            facts["face"] = feature_distance(dlib_network.looks(self.face, small), target)
            loss = loss + o.face_weight * facts["face"]
        rate = self._learning_rate()
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

    # -- the loop ------------------------------------------------------------------------

    def run(self, progress: Progress | None = None) -> None:
        """Train until `total` pictures were shown, with a snapshot every `snapshot` of them.

        Raises KeyboardInterrupt after Ctrl-C, when the step is finished and saved.
        """
        o = self.options
        state = self.folder.begin(o, SHAPE)
        photos = self._photos()
        if self.pictures is not None:
            self.pictures = self.pictures.to(self.device)
        parallel.same_everywhere([self.encoder, self.encoder_ema])
        if state is not None:
            self.restore(state)
        loop(self, self._batches(photos), progress, synthetic=self.pictures is None)

    def _batches(self, photos: int) -> Iterator[Tensor | None]:
        if not photos:
            yield from itertools.repeat(None)
        for batch in data.batches(self.pictures, photos, self.random):
            yield jitter(batch, self.options.jitter, self.random)

    def _photos(self) -> int:
        """How many photos are in this process's share; loads them. Raises DataError."""
        o = self.options
        photos = self.share - round(self.share * o.samples)
        if self.pictures is None and o.data and photos:
            self.pictures = data.load_pictures(o.data, 2 * o.resolution)
        if self.pictures is None and o.samples < 1 and o.data:
            raise DataError(
                f"samples is {o.samples}, which leaves no photo in a batch of {o.batch}; lower it, "
                "or raise the batch"
            )
        return photos if self.pictures is not None else 0

    @torch.no_grad()
    def sheet(self) -> np.ndarray:
        """Fixed pictures above their reconstructions, uint8 HWC: photos, or samples if none."""
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
    """What a run needs, without starting it: see memory_estimate.estimate_encoder.

    Raises DataError for a folder that is missing, or holds too few pictures; WeightsError for the
    model.
    """
    pictures = len(list_pictures(options.data)) if options.data and options.samples < 1 else 0
    if options.data and options.samples < 1:
        data.check_count(pictures)
    config = models.load_face_model(options.model, torch.device("cpu")).generator.config
    return memory_estimate.estimate_encoder(options, config, pictures)


def train(options: EncoderTrainOptions, progress: Progress | None = None) -> None:
    """Train to the end, or go on with an unfinished run in options.out.

    Under torchrun every process works on its share of each batch.
    """
    with parallel.processes(options.device) as device:
        EncoderTraining(options, device=device).run(progress)
