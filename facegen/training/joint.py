"""Generator, encoder and discriminator trained together: for small sets and small machines.

A GAN that starts from noise needs millions of pictures to draw a face. A generator that first
learns as the decoder of an encoder draws one after thirty thousand, and the discriminator then
only has to sharpen it. The way is that of VAE-GAN (Larsen et al. 2016,
https://arxiv.org/abs/1512.09300) with the networks and losses of StyleGAN2:

    1. warm-up: image -> w + offsets -> image, L1 on several scales and the distance in the
       features of a face recognition network, which looks at eyes and mouths where L1 sees
       only large areas; offsets kept small. Adam with its usual momentum: without, as GANs
       are trained, this stage takes four times as many pictures;
    2. adversarial: non-saturating loss with lazy R1. The fakes are reconstructions, codes drawn
       from a Gaussian over the encoded w, and crossovers between the two, so that whatever
       `vary` and `random` will ask for has been judged. The discriminator's features are the
       perceptual distance;
       No noise maps: this early a generator abuses them to look busy, and draws salt;
    3. the mapping network becomes that Gaussian: one layer, z -> mean + factor z.
"""

from __future__ import annotations

import copy
import csv
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from .. import face_features, images, models
from ..errors import TrainingError
from ..networks.discriminator import Discriminator
from ..networks.encoder import Encoder, EncoderConfig
from ..networks.stylegan2 import LRELU_GAIN, Generator, GeneratorConfig
from . import data
from .augment import augment, jitter
from .options import JointOptions

Progress = Callable[[dict[str, float]], None]
MARGIN = 5.0  # standard deviations, see install_gaussian


# --- losses ----------------------------------------------------------------------------


def multiscale_l1(a: Tensor, b: Tensor, scales: int = 4) -> Tensor:
    """Mean absolute difference at full, half, quarter, … size: [N, 3, R, R] twice -> scalar."""
    total = (a - b).abs().mean()
    for _ in range(scales - 1):
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
        total = total + (a - b).abs().mean()
    return total / scales


def feature_distance(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """L1 between two feature pyramids, each level in units of b's own mean magnitude."""
    parts = [
        (x.float() - y.float()).abs().mean() / (y.float().abs().mean() + 1e-4)
        for x, y in zip(a, b, strict=True)
    ]
    return sum(parts) / len(parts)


def r1_penalty(discriminator: Discriminator, real: Tensor) -> Tensor:
    """E |grad_x D(x)|^2 over real pictures (Mescheder et al. 2018, eq. 9), a scalar."""
    real = real.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(real).sum(), real, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()


# --- the distribution of w ---------------------------------------------------------------


class CodeGaussian:
    """A Gaussian over the latest encoded w: mean [w_dim] and factor [w_dim, w_dim]."""

    def __init__(self, w_dim: int, capacity: int = 4096):
        self.codes = torch.zeros(capacity, w_dim)
        self.seen = 0
        self.mean = torch.zeros(w_dim)
        self.factor = torch.eye(w_dim)

    @property
    def fitted(self) -> bool:
        return bool((self.factor != torch.eye(len(self.mean))).any())

    def push(self, w: Tensor) -> None:
        where = (self.seen + torch.arange(len(w))) % len(self.codes)
        self.codes[where] = w.detach().float().cpu()
        self.seen += len(w)

    def refit(self) -> None:
        codes = self.codes[: min(self.seen, len(self.codes))].double()
        self.mean = codes.mean(dim=0).float()
        covariance = torch.cov(codes.T) + 1e-6 * torch.eye(codes.shape[1], dtype=torch.float64)
        self.factor = torch.linalg.cholesky(covariance).float()

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        z = torch.randn(count, len(self.mean), generator=generator)
        return self.mean + z @ self.factor.T

    def state_dict(self) -> dict:
        return {"codes": self.codes, "seen": self.seen, "mean": self.mean, "factor": self.factor}

    def load_state_dict(self, state: dict) -> None:
        self.codes, self.seen = state["codes"].cpu(), state["seen"]
        self.mean, self.factor = state["mean"].cpu(), state["factor"].cpu()


def crossover(a: Tensor, b: Tensor, generator: torch.Generator) -> Tensor:
    """ws [N, num_ws, w_dim] twice: layers of b from a random layer on, blended half of the time."""
    n, num_ws = a.shape[:2]
    start = torch.randint(1, num_ws, (n,), generator=generator)
    swap = torch.arange(num_ws)[None] >= start[:, None]
    blend = torch.rand(n, 1, generator=generator)
    whole = torch.rand(n, 1, generator=generator) < 0.5
    share = torch.where(whole, blend.expand(-1, num_ws), swap.float())
    share = share[:, :, None].to(a.device)
    return a + (b - a) * share


# --- several processes -------------------------------------------------------------------


def rank_and_world() -> tuple[int, int]:
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def average_gradients(parameters: list[torch.nn.Parameter]) -> None:
    """Mean over all processes, in one message; nothing to do in a single one."""
    if not dist.is_initialized():
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.reshape(-1) for g in gradients])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


# --- the run -----------------------------------------------------------------------------


class JointTraining:
    """The networks, the optimisers and the state of a run; `run` trains to the end."""

    def __init__(self, options: JointOptions, pictures: Tensor | None = None):
        self.options = options
        self.out = Path(options.out)
        torch.manual_seed(options.seed)
        device = self.device = torch.device(options.device)
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
            options.resolution,
            num_ws=config.num_ws,
            w_dim=config.w_dim,
            channel_base=config.channel_base,
            channel_max=config.channel_max,
        )
        self.generator = Generator(config).to(device)
        self.generator.synthesis.half_dtype = half
        self.encoder = Encoder(encoder_config).to(device)
        self.encoder.half_dtype = half
        self.discriminator = Discriminator(config, half_dtype=half).to(device)
        for network in (self.generator, self.encoder, self.discriminator):
            network.to(memory_format=torch.channels_last)
        self.generator_ema = copy.deepcopy(self.generator).requires_grad_(False)
        self.encoder_ema = copy.deepcopy(self.encoder).requires_grad_(False)
        self.g_optimiser = torch.optim.Adam(
            [*self.generator.synthesis.parameters(), *self.encoder.parameters()],
            lr=options.learning_rate,
        )
        self.d_optimiser = torch.optim.Adam(
            self.discriminator.parameters(),
            lr=options.learning_rate * options.discriminator_rate,
            betas=(0.0, 0.99),
        )
        self.face = None
        if options.face_weight:
            self.face = face_features.load_face_resnet().to(device)
            self.face.to(memory_format=torch.channels_last)
        self.gaussian = CodeGaussian(options.w_dim)
        self.rank, self.world = rank_and_world()
        self.random = torch.Generator().manual_seed(options.seed * 1000 + self.rank)
        self.pictures = pictures
        self.shown = 0
        self.steps = 0

    # -- state ---------------------------------------------------------------------------

    @property
    def checkpoint(self) -> Path:
        return self.out / "latest.pt"

    _PARTS = (
        "generator", "encoder", "discriminator", "generator_ema", "encoder_ema",
        "g_optimiser", "d_optimiser", "gaussian",
    )  # fmt: skip

    def save(self) -> None:
        """Write the whole state; the old file stays until the new one is complete."""
        state = {name: getattr(self, name).state_dict() for name in self._PARTS}
        state |= {
            "shown": self.shown,
            "steps": self.steps,
            "random": self.random.get_state(),
            "torch_random": torch.get_rng_state(),
            "options": json.dumps(asdict(self.options)),
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.checkpoint)

    def resume(self) -> None:
        """Continue from `latest.pt`: bit for bit on a CPU with the same options."""
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        for name in self._PARTS:
            getattr(self, name).load_state_dict(state[name])
        self.shown, self.steps = state["shown"], state["steps"]
        if self.rank == 0:
            self.random.set_state(state["random"].cpu())
            torch.set_rng_state(state["torch_random"].cpu())
        else:  # only the first process saved its own; the others must not repeat each other
            self.random.manual_seed((self.options.seed * 1000 + self.rank) * 10**6 + self.steps)
            torch.manual_seed(self.random.initial_seed())

    # -- steps ---------------------------------------------------------------------------

    def _learning_rate(self) -> float:
        """Constant, then a cosine from learning_rate to final_learning_rate over `anneal`."""
        o = self.options
        done = min(max((self.shown - (o.total - o.anneal)) / max(o.anneal, 1), 0.0), 1.0)
        share = 0.5 + 0.5 * math.cos(math.pi * done)
        return o.final_learning_rate + (o.learning_rate - o.final_learning_rate) * share

    def _mixed(self, ws: Tensor, count: int) -> Tensor:
        """count codes: crossovers of encoded codes with drawn ones or each other, then drawn ones.

        The first half, rounded down, are the crossovers.
        """
        half = count // 2
        drawn = self.gaussian.draw(count, self.random).to(self.device)
        drawn = self.generator.broadcast(drawn)
        ws = ws.detach()[:half]
        with_drawn = torch.rand(half, 1, 1, generator=self.random).to(self.device) < 0.5
        partner = torch.where(with_drawn, drawn[:half], ws.roll(1, dims=0))
        return torch.cat([crossover(ws, partner, self.random), drawn[half:]])

    def _face_distance(self, rebuilt: Tensor, real: Tensor) -> Tensor:
        """How differently a face recognition network sees two pictures, identity included."""
        with torch.autocast(self.device.type, torch.bfloat16):
            with torch.no_grad():
                target = self.face.features(face_features.chips(real))
            return feature_distance(self.face.features(face_features.chips(rebuilt)), target)

    def _generator_step(self, real: Tensor, adversarial: bool) -> tuple[dict, Tensor | None]:
        o = self.options
        w, offsets = self.encoder(real)
        ws = w[:, None] + offsets
        self.gaussian.push(w)
        n = len(real)
        if adversarial:
            if self.steps % 50 == 0 or not self.gaussian.fitted:
                self.gaussian.refit()
            mixed = self._mixed(ws, n - n // 4)
            fakes = self.generator.synthesis(torch.cat([ws, mixed]), noise_mode="none")
        else:
            fakes = self.generator.synthesis(ws, noise_mode="none")
        rebuilt = fakes[:n]
        pixel = multiscale_l1(rebuilt, real)
        loss = (
            o.pixel_weight * pixel
            + o.offset_weight * offsets.square().mean()
            + o.w_weight * (w.square().mean() - 1.0).square()
        )
        facts = {"pixel": pixel, "offset": offsets.square().mean(), "w": w.square().mean()}
        if self.face is not None:
            facts["face"] = self._face_distance(rebuilt, real)
            loss = loss + o.face_weight * facts["face"]
        if adversarial:
            with torch.no_grad():
                target = self.discriminator.features(real)
            self.discriminator.requires_grad_(False)
            distance = feature_distance(self.discriminator.features(rebuilt), target)
            judged = augment(self._judged(fakes, n), o.augment_p, self.random)
            logits = self.discriminator(judged)
            gan = F.softplus(-logits).mean()
            self.discriminator.requires_grad_(True)
            # the encoder finds the code of a drawn face again: codes stay where they are drawn
            drawn = len(mixed) - len(mixed) // 2
            w_again, offsets_again = self.encoder(fakes[-drawn:].detach())
            cycle = F.l1_loss(w_again, mixed[-drawn:, 0]) + offsets_again.abs().mean()
            loss = loss + o.feature_weight * distance + o.gan_weight * gan + o.cycle_weight * cycle
            facts |= {"features": distance, "gan": gan, "cycle": cycle}
        self.g_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(self.g_optimiser.param_groups[0]["params"])
        self.g_optimiser.step()
        return facts, fakes.detach()

    @staticmethod
    def _judged(fakes: Tensor, n: int) -> Tensor:
        """The fakes the discriminator sees: as many as real ones, a quarter reconstructions."""
        return torch.cat([fakes[: n // 4], fakes[n:]])

    def _discriminator_step(self, real: Tensor, fakes: Tensor) -> dict:
        o = self.options
        n = len(real)
        fakes = self._judged(fakes, n)
        both = augment(torch.cat([real, fakes]), o.augment_p, self.random)
        # one pass through the convolutions, but apart where pictures of a batch are compared
        features = self.discriminator.features(both)[-1:]
        real_logits = self.discriminator.judge([f[:n] for f in features])
        fake_logits = self.discriminator.judge([f[n:] for f in features])
        loss = F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()
        facts = {"d": loss, "d_sign": real_logits.sign().mean()}
        if self.steps % o.r1_interval == 0:
            penalty = r1_penalty(self.discriminator, real)
            loss = loss + penalty * (o.r1_gamma / 2 * o.r1_interval)
            facts["r1"] = penalty
        self.d_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(self.d_optimiser.param_groups[0]["params"])
        self.d_optimiser.step()
        return facts

    @torch.no_grad()
    def _average(self) -> None:
        """EMA of the weights with a half-life of ema_pictures, shorter at the start."""
        o = self.options
        half_life = min(o.ema_pictures, max(self.shown * 0.1, 1.0))
        keep = 0.5 ** (o.batch / half_life)
        for average, network in (
            (self.generator_ema, self.generator),
            (self.encoder_ema, self.encoder),
        ):
            torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1.0 - keep)
            for a, b in zip(average.buffers(), network.buffers(), strict=True):
                a.copy_(b)

    def step(self, real: Tensor) -> dict[str, float]:
        """One step of everything on one batch; returns the losses as plain numbers."""
        o = self.options
        adversarial = self.shown >= o.warmup
        rate = self._learning_rate()
        for group in self.g_optimiser.param_groups:
            group["lr"], group["betas"] = rate, (0.0 if adversarial else 0.9, 0.99)
        self.d_optimiser.param_groups[0]["lr"] = rate * o.discriminator_rate
        facts, fakes = self._generator_step(real, adversarial)
        if adversarial:
            facts |= self._discriminator_step(real, fakes)
        self.steps += 1
        self.shown += len(real) * self.world
        self._average()
        facts = {name: float(value.detach()) for name, value in facts.items()}
        bad = [name for name, value in facts.items() if not math.isfinite(value)]
        if bad:
            raise TrainingError(
                f"{', '.join(bad)} is no longer a number after {self.shown} pictures; "
                f"{self.checkpoint} holds the last good state, go on from it with a lower "
                f"learning rate than {o.learning_rate}"
            )
        return facts

    # -- the loop ------------------------------------------------------------------------

    def run(self, progress: Progress | None = None) -> None:
        """Train until `total` pictures were shown, with a snapshot every `snapshot` of them."""
        o = self.options
        self.out.mkdir(parents=True, exist_ok=True)
        if self.world > 1:
            # equal weights everywhere, different random numbers from here on
            for network in (self.generator, self.encoder, self.discriminator):
                for tensor in network.state_dict().values():
                    dist.broadcast(tensor, src=0)
            torch.manual_seed(o.seed * 1000 + self.rank)
        (self.out / "options.json").write_text(json.dumps(asdict(o), indent=1) + "\n")
        if self.pictures is None:
            self.pictures = data.load_pictures(o.data, 2 * o.resolution)
        self.pictures = self.pictures.to(self.device)
        if self.checkpoint.exists():
            self.resume()
        stream = data.batches(self.pictures, o.batch // self.world, self.random)
        sums: dict[str, list[float]] = {}
        started, before = time.monotonic(), self.shown
        next_snapshot = (self.shown // o.snapshot + 1) * o.snapshot
        while self.shown < o.total:
            real = jitter(next(stream), o.jitter, self.random)
            for name, value in self.step(real).items():
                sums.setdefault(name, []).append(value)
            if self.shown >= next_snapshot or self.shown >= o.total:
                next_snapshot += o.snapshot
                facts = {"shown": self.shown}
                facts |= {name: sum(v) / len(v) for name, v in sums.items()}
                facts["pictures_per_second"] = (self.shown - before) / (time.monotonic() - started)
                sums.clear()
                if self.rank > 0:
                    continue
                self._log(facts)
                self.save()
                self.sheet(self.out / f"sheet-{self.shown:08d}.png")
                if progress:
                    progress(facts)

    COLUMNS = (
        "shown", "pictures_per_second", "pixel", "face", "offset", "w", "features", "gan", "cycle",
        "d", "d_sign", "r1",
    )  # fmt: skip

    def _log(self, facts: dict[str, float]) -> None:
        path = self.out / "log.csv"
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, self.COLUMNS)
            if new:
                writer.writeheader()
            writer.writerow({k: f"{v:.6g}" for k, v in facts.items()})

    @torch.no_grad()
    def sheet(self, path: Path, held_out: Tensor | None = None) -> None:
        """A contact sheet: pictures, their reconstructions, two rows of drawn faces."""
        count = 12
        real = (self.pictures[:: max(len(self.pictures) // count, 1)][:count]).float()
        real = held_out if held_out is not None else jitter(real / 127.5 - 1, 0.0)
        fixed = torch.Generator().manual_seed(0)
        gaussian = copy.deepcopy(self.gaussian)  # a picture must not change the run
        if gaussian.seen > 1:
            gaussian.refit()
        drawn = gaussian.draw(2 * count, fixed).to(self.device)
        rebuilt = self.generator_ema.synthesis(self.encoder_ema.encode(real))
        drawn = self.generator_ema.synthesis(self.generator_ema.broadcast(drawn))
        rows = [real, rebuilt, drawn[:count], drawn[count:]]
        grid = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
        path.write_bytes(images.encode_png(images.to_pixels(grid[None])[0]))


@torch.no_grad()
def install_gaussian(generator: Generator, encoder: Encoder, gaussian: CodeGaussian) -> None:
    """Make the one-layer mapping network draw w from the Gaussian, and set w_avg.

    The network normalises z first, so w lies on the Gaussian's shell; in a hundred dimensions
    that is where a Gaussian lies anyway.

    Its only layer ends in a leaky ReLU, which is linear where w is positive. So all of w space
    is moved by a constant that puts MARGIN standard deviations of every component above zero,
    out of the encoder and into the affine layers of the generator, where it changes nothing.
    """
    mapping = generator.mapping
    assert mapping.num_layers == 1, f"{mapping.num_layers} mapping layers"
    device = mapping.w_avg.device
    mean, factor = gaussian.mean.to(device), gaussian.factor.to(device)
    shift = MARGIN * factor.square().sum(dim=1).sqrt() - mean

    layer = mapping.fc0
    layer.weight.copy_(factor / (LRELU_GAIN * layer.weight_gain))
    layer.bias.copy_((mean + shift) / (LRELU_GAIN * layer.bias_gain))
    mapping.w_avg.copy_(mean + shift)

    encoder.w.bias.add_(shift / encoder.w.bias_gain)
    for _, block in generator.synthesis.blocks:
        for part in (*block.layers, block.torgb):
            affine = part.affine
            moved = F.linear(shift, affine.weight * affine.weight_gain)
            affine.bias.sub_(moved / affine.bias_gain)


def train(
    options: JointOptions, export: Path | None = None, progress: Progress | None = None
) -> None:
    """Train to the end, or go on with an unfinished run in options.out, and export the model.

    Under torchrun (RANK and WORLD_SIZE in the environment) every process works on its share
    of each batch.
    """
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if several:
        dist.init_process_group("nccl" if options.device == "cuda" else "gloo")
    try:
        training = JointTraining(options)
        training.run(progress)
        if export is not None and training.rank == 0:
            export_model(training, export)
    finally:
        if several:
            dist.destroy_process_group()


def export_model(training: JointTraining, path: Path) -> None:
    """The averaged generator, its mapping network fitted, and encoder as one safetensors file."""
    generator, encoder = copy.deepcopy((training.generator_ema, training.encoder_ema))
    training.gaussian.refit()
    install_gaussian(generator, encoder, training.gaussian)
    about = {
        "title": training.options.title,
        "training_data": training.options.training_data,
        "pictures_shown": str(training.shown),
        "licence": training.options.licence,
        "licence_meaning": training.options.licence_meaning,
    }
    models.save_face_model(path, generator, encoder, about)
