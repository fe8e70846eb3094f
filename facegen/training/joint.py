"""Train generator, encoder and discriminators together: for small sets and small machines.

A GAN that starts from noise needs millions of pictures to draw a face. A generator that first
learns as the decoder of an encoder draws one after thirty thousand, and the discriminators then
only have to sharpen it. The way is that of VAE-GAN (Larsen et al. 2016,
https://arxiv.org/abs/1512.09300) with the networks and losses of StyleGAN2:

    1. warm-up: image -> w + offsets -> image, L1 on several scales and the distance in the
       features of a face recognition network, which looks (in grey) at eyes and mouths where
       L1 sees only large areas; offsets kept small. Some noise on w, in units of the codes'
       own spread, closes the holes between the faces that it learns from. Adam with its usual
       momentum: without, as GANs are trained, this stage takes four times as many pictures;
    2. adversarial. The fakes are reconstructions, codes drawn from a Gaussian over the encoded
       w, and crossovers between the two, so that whatever `vary` and `random` will ask for has
       been judged: by a residual discriminator for the texture of the whole picture
       (non-saturating loss, lazy R1) and by a critic on the face network's features for the
       face. No noise maps: this early a generator abuses them to look busy, and draws salt;
    3. the mapping network becomes that Gaussian: one layer, z -> mean + factor z.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import images, models
from ..measure.identity import dlib_recogniser
from ..models.loading import resized, seen_by
from ..networks.discriminator import Discriminator, FaceCritic
from ..networks.encoder import Encoder, EncoderConfig
from ..networks.stylegan2 import Generator, GeneratorConfig
from ..output import staging
from . import data, finetune, memory_estimate, parallel
from .augment import augment, jitter
from .finetune import CodeGaussian, crossover, install_gaussian
from .losses import (
    contrast_distance,
    discriminator_loss,
    feature_distance,
    generator_loss,
    hinge_loss,
    multiscale_l1,
    r1_penalty,
)
from .options import JointOptions
from .run import Progress
from .trainer import Average, Trainer, cosine, keep_of, placed

OF_THE_CODE = ("pixel", "contrast", "face", "offset", "w")
CRITIC_RATE = 0.2  # the critic's learning rate, in units of the discriminator's


class JointTraining(Trainer):
    """The networks, the optimisers and the state of a run."""

    SHAPE = (
        "resolution", "encoder_resolution", "passes", "w_dim", "channel_base", "channel_max",
        "discriminator_base",
    )  # fmt: skip
    SAME = ("generator", "encoder", "discriminator", "critic")
    PARTS = (*SAME, "generator_ema", "encoder_ema", "gaussian")
    OPTIMISERS = ("g_optimiser", "d_optimiser")
    VALUES = ("shown", "steps")
    options: JointOptions

    def __init__(self, options: JointOptions, device: torch.device | None = None) -> None:
        device = device or torch.device(options.device)
        super().__init__(options, device, options.total, options.snapshot)
        self.steps = 0
        self.share = parallel.share(options.batch)
        torch.manual_seed(options.seed)
        half = torch.bfloat16
        config = GeneratorConfig(
            options.resolution,
            z_dim=options.w_dim,
            w_dim=options.w_dim,
            channel_base=options.channel_base,
            channel_max=options.channel_max,
            mapping_layers=1,
        )
        encoder_config = EncoderConfig(
            options.encoder_resolution,
            num_ws=config.num_ws,
            w_dim=config.w_dim,
            channel_base=config.channel_base,
            channel_max=config.channel_max,
            passes=options.passes,
        )
        self.generator = Generator(config)
        self.encoder = Encoder(encoder_config)
        if options.finetune and not self.folder.checkpoint.exists():
            finetune.finetune_both(self.generator, self.encoder, options.finetune)
        self.generator.to(device)
        self.generator.synthesis.half_dtype = half
        self.encoder.to(device)
        self.encoder.half_dtype = half
        if self.encoder.again is not None:
            self.encoder.again.half_dtype = half
        thin = replace(config, channel_base=options.discriminator_base)
        self.discriminator = Discriminator(thin, half_dtype=half).to(device)
        self.critic = FaceCritic().to(device)
        for name in self.SAME:
            placed(getattr(self, name), device)
        self._averages = Average(self.generator), Average(self.encoder)
        self.generator_ema, self.encoder_ema = self._averages[0].module, self._averages[1].module
        self.g_optimiser = torch.optim.Adam(
            [*self.generator.synthesis.parameters(), *self.encoder.parameters()],
            lr=options.learning_rate,
        )
        self.d_optimiser = torch.optim.Adam(
            [
                {"params": [*self.discriminator.parameters()], "scale": 1.0},
                {"params": [*self.critic.parameters()], "scale": CRITIC_RATE},
            ],
            betas=(0.0, 0.99),
        )
        self.face = placed(dlib_recogniser.load_face_resnet(), device)
        # with further looks a code is finished only every few steps; old ones do not count
        self.gaussian = CodeGaussian(options.w_dim, max(4096 // (options.passes + 1), 1024))

    # -- steps ---------------------------------------------------------------------------

    def _learning_rate(self) -> float:
        """Compute the rate: constant, then a cosine over `anneal`, at most over all."""
        o = self.options
        anneal = min(o.anneal, o.total)
        done = (self.shown - (o.total - anneal)) / max(anneal, 1)
        return cosine(o.learning_rate, o.final_learning_rate, done)

    def _mixed(self, ws: Tensor, count: int) -> Tensor:
        """Make codes: crossovers of encoded codes with drawn ones or each other, then drawn ones.

        ws [N, num_ws, w_dim] -> [count, num_ws, w_dim]; the first half, rounded down, is crossed.
        """
        half = count // 2
        drawn = self.gaussian.draw(count, self.random).to(self.device)
        drawn = self.generator.broadcast(drawn)
        ws = ws.detach()[:half]
        with_drawn = torch.rand(half, 1, 1, generator=self.random).to(self.device) < 0.5
        partner = torch.where(with_drawn, drawn[:half], ws.roll(1, dims=0))
        return torch.cat([crossover(ws, partner, self.random), drawn[half:]])

    @property
    def _turn(self) -> int:
        """Count the encoder's corrections in this step: 0 to `passes`, each in turn."""
        return self.steps % (self.options.passes + 1)

    def _readable(self, pictures: Tensor) -> Tensor:
        """Resize pictures [N, 3, R, R] to what the encoder reads."""
        return resized(pictures, self.encoder.config.resolution)

    def _encode(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Encode pictures [N, 3, r, r], with as many corrections as are this step's turn.

        Returns w [N, w_dim] and offsets [N, num_ws, w_dim].
        """
        passes, turn = self.options.passes, self._turn
        draw = seen_by(self.encoder, self.generator)
        w, offsets = self.encoder.after(turn, pictures, draw)
        if turn == passes or not self.gaussian.seen:  # the last is what a face's code will be
            self.gaussian.push(w)
        return w, offsets

    def _face_features(self, pictures: Tensor) -> list[Tensor]:
        """Extract the face recognition network's features of pictures [N, 3, R, R]."""
        with torch.autocast(self.device.type, torch.bfloat16):
            return dlib_recogniser.looks(self.face, pictures)

    def _generator_step(
        self, real: Tensor, wanted: list[Tensor], adversarial: bool
    ) -> tuple[dict[str, Tensor], Tensor, list[Tensor]]:
        """Take a step of generator and encoder.

        real, wanted: pictures and their face features. Returns facts, the fakes that are judged,
        and their face features.
        """
        o = self.options
        w, offsets = self._encode(self._readable(real))
        ws = w[:, None] + offsets
        n = len(real)
        if (adversarial or o.w_noise) and (self.steps % 50 == 0 or not self.gaussian.fitted):
            self.gaussian.refit()
        ws = ws + o.w_noise * self.gaussian.noise(n, self.random).to(self.device)[:, None]
        codes = ws
        if adversarial:
            mixed = self._mixed(ws, n - n // 4)
            codes = torch.cat([ws, mixed])
        fakes = self.generator.synthesis(codes, noise_mode="none")
        features = self._face_features(fakes)
        rebuilt = fakes[:n]
        facts = {
            "pixel": multiscale_l1(rebuilt, real),
            "contrast": contrast_distance(rebuilt, real, dlib_recogniser.CHIP_BOX),
            "face": feature_distance([x[:n] for x in features], wanted),
            "offset": offsets.square().mean(),
            "w": w.square().mean(),
        }
        loss = (
            o.pixel_weight * facts["pixel"]
            + o.contrast_weight * facts["contrast"]
            + o.face_weight * facts["face"]
            + o.offset_weight * facts["offset"]
            + o.w_weight * (facts["w"] - 1.0).square()
        )
        if adversarial:
            self.discriminator.requires_grad_(False)
            self.critic.requires_grad_(False)
            features = [self._judged(x, n) for x in features]
            judged = augment(self._judged(fakes, n), o.augment_p, self.random)
            gan = generator_loss(self.discriminator(judged))
            critic = -self.critic(features).mean()
            self.discriminator.requires_grad_(True)
            self.critic.requires_grad_(True)
            # the encoder finds the code of a drawn face again: codes stay where they are drawn
            drawn = len(mixed) - len(mixed) // 2
            w_again, offsets_again = self.encoder(self._readable(fakes[-drawn:].detach()))
            cycle = F.l1_loss(w_again, mixed[-drawn:, 0]) + offsets_again.abs().mean()
            loss = loss + o.gan_weight * gan + o.critic_weight * critic + o.cycle_weight * cycle
            facts |= {"gan": gan, "critic": critic, "cycle": cycle}
        self.g_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        parallel.average_gradients(self.g_optimiser.param_groups[0]["params"])
        self.g_optimiser.step()
        return facts, self._judged(fakes, n).detach(), [x.detach() for x in features]

    @staticmethod
    def _judged(fakes: Tensor, n: int) -> Tensor:
        """Choose the fakes that are judged: as many as real ones, a quarter reconstructions."""
        return torch.cat([fakes[: n // 4], fakes[n:]])

    def _discriminator_step(
        self, real: Tensor, real_features: list[Tensor], fakes: Tensor, features: list[Tensor]
    ) -> dict[str, Tensor]:
        o = self.options
        real_logits = self.discriminator(augment(real, o.augment_p, self.random))
        fake_logits = self.discriminator(augment(fakes, o.augment_p, self.random))
        facts = {
            "d": discriminator_loss(real_logits, fake_logits),
            "d_sign": real_logits.sign().mean(),
            "d_critic": hinge_loss(self.critic(real_features), self.critic(features)),
        }
        loss = facts["d"] + facts["d_critic"]
        if self.steps % o.r1_interval == 0:
            facts["r1"] = r1_penalty(self.discriminator, real)
            loss = loss + facts["r1"] * (o.r1_gamma / 2 * o.r1_interval)
        self.d_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        parallel.average_gradients([*self.discriminator.parameters(), *self.critic.parameters()])
        self.d_optimiser.step()
        return facts

    def step(self, batch: Tensor) -> dict[str, float]:
        """Take a step of everything on one batch; returns the losses as plain numbers."""
        o, real = self.options, batch
        adversarial = self.shown >= o.warmup
        rate = self._learning_rate()
        for group in self.g_optimiser.param_groups:
            group["lr"], group["betas"] = rate, (0.0 if adversarial else 0.9, 0.99)
        for group in self.d_optimiser.param_groups:
            group["lr"] = rate * o.discriminator_rate * group["scale"]
        with torch.no_grad():
            wanted = self._face_features(real)
        losses, fakes, features = self._generator_step(real, wanted, adversarial)
        if adversarial:
            losses |= self._discriminator_step(real, wanted, fakes, features)
        last_look = self._turn == o.passes
        self.steps += 1
        self.shown += len(real) * self.world
        keep = keep_of(o.batch, self.shown, o.ema_pictures)
        self._averages[0].update(self.generator, keep)
        self._averages[1].update(self.encoder, keep)
        facts = {name: float(value.detach()) for name, value in losses.items()}
        self.folder.check_finite(facts, self.shown, rate)
        if not last_look:  # the log tells of the code that the finished encoder gives
            facts = {name: value for name, value in facts.items() if name not in OF_THE_CODE}
        return facts

    # -- the run -------------------------------------------------------------------------

    def load(self) -> None:
        """Load the pictures, at twice the resolution."""
        self.pictures = self.load_pictures(2 * self.options.resolution).to(self.device)

    def batches(self) -> Iterator[Tensor]:
        """Yield jittered pictures, [N, 3, R, R]."""
        assert self.pictures is not None
        for batch in data.batches(self.pictures, self.share, self.random):
            yield jitter(batch, self.options.jitter, self.random)

    @torch.no_grad()
    def sheet(self) -> np.ndarray:
        """Draw pictures, their reconstructions, two rows of drawn faces: uint8 [H, W, 3]."""
        assert self.pictures is not None
        every = max(len(self.pictures) // 12, 1)
        real = jitter(self.pictures[::every][:12].float() / 127.5 - 1, 0.0)
        fixed = torch.Generator().manual_seed(0)
        gaussian = copy.deepcopy(self.gaussian)  # a picture must not change the run
        if gaussian.seen > 1:
            gaussian.refit()
        count = len(real)
        w = gaussian.draw(2 * count, fixed).to(self.device)
        generator, encoder = self.generator_ema, self.encoder_ema
        codes = encoder.encode(self._readable(real), seen_by(encoder, generator))
        rebuilt = generator.synthesis(codes, noise_mode="none")
        drawn = generator.synthesis(generator.broadcast(w), noise_mode="none")
        rows = [real, rebuilt, drawn[:count], drawn[count:]]
        grid = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
        return images.to_pixels(grid[None])[0]


def plan(options: JointOptions) -> dict[str, float]:
    """Estimate what a run needs, without starting it.

    Raises DataError for a folder that is missing, or holds too few pictures.
    """
    return memory_estimate.estimate_joint(options, data.count(options.data, options.batch))


def train(
    options: JointOptions, export: Path | None = None, progress: Progress | None = None
) -> None:
    """Train to the end, or resume an unfinished run in options.out, and export the model.

    Under torchrun every process works on its share of each batch. Raises OutputError before
    the start if the model could not be written where `export` says.
    """
    if export is not None:
        staging.check_file(export)
    with parallel.processes(options.device) as device:
        training = JointTraining(options, device=device)
        training.run(progress)
        if export is not None and training.rank == 0:
            export_model(training, export)


def export_model(training: JointTraining, path: Path) -> None:
    """Write the averaged generator, its mapping network fitted, and the encoder as one file."""
    generator, encoder = copy.deepcopy((training.generator_ema, training.encoder_ema))
    training.gaussian.refit()
    install_gaussian(generator, encoder, training.gaussian)
    about = data.facts_of(training.options) | {"pictures_shown": str(training.shown)}
    models.save_face_model(path, generator, encoder, about)
