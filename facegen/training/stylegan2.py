"""Train StyleGAN2 with adaptive discriminator augmentation, from 32 to 1024 pixels.

Sources: Karras et al. 2019, https://arxiv.org/abs/1912.04958 (networks, lazy regularisation,
path lengths) and Karras et al. 2020, https://arxiv.org/abs/2006.06676 (augmentation, EMA, the
rule for R1). On a CPU, or with few pictures, a generator that begins as the decoder of an
autoencoder gets further in the same time: train `joint` first and go on here with finetune.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import images, models, weights
from ..errors import OptionError
from ..networks.discriminator import Discriminator
from ..networks.stylegan2 import Generator, GeneratorConfig
from . import augment, data, finetune, memory_estimate, parallel
from .losses import discriminator_loss, generator_loss, path_lengths, r1_penalty
from .options import StyleGAN2Options
from .run import Progress
from .trainer import Average, Averages, Trainer, keep_of, placed

W_AVG_DECAY = 0.998  # of the average w, a step
EMA_RAMP = 0.05  # the half-life of the EMA is at most this share of what was shown
PATH_SHRINK = 2  # path lengths are measured on a part of the batch: they cost two backward passes
GRID = (4, 8)  # rows and columns of the sample sheet


class StyleGAN2Training(Trainer):
    """The networks, the optimisers and the state of a run."""

    SHAPE = (
        "resolution", "z_dim", "w_dim", "mapping_layers", "channel_base", "channel_max", "freeze_d",
    )  # fmt: skip
    SAME = ("generator", "discriminator", "generator_ema")
    PARTS = SAME
    OPTIMISERS = ("g_optimiser", "d_optimiser")
    VALUES = ("shown", "steps", "signs", "path_mean")
    SYNTHETIC = True
    options: StyleGAN2Options

    def __init__(self, options: StyleGAN2Options, device: torch.device | None = None) -> None:
        o = options
        super().__init__(o, device or torch.device("cpu"), o.total, o.snapshot)
        share = parallel.share(o.batch)
        if share % o.accumulate:
            raise OptionError(
                f"accumulate is {o.accumulate}; it must divide the {share} pictures of a batch "
                "that are a process's share"
            )
        self.part = share // o.accumulate  # pictures in one backward pass
        torch.manual_seed(o.seed)
        self.begun_with = ""  # what was taken over from another checkpoint, in words
        config = GeneratorConfig(
            o.resolution, o.z_dim, o.w_dim, o.channel_base, o.channel_max, o.mapping_layers
        )
        half = torch.bfloat16 if o.precision == "bfloat16" else None
        self.generator = Generator(config)
        self.discriminator = Discriminator(config, half_dtype=half)
        if o.finetune and not self.folder.checkpoint.exists():
            self.begun_with = finetune.finetune(
                self.generator, self.discriminator, o.finetune, o.freeze_d
            )
        for network in (self.generator, self.discriminator):
            placed(network, self.device)
        self.generator.synthesis.half_dtype = half
        self._averaging = Average(self.generator)
        self.generator_ema = self._averaging.module
        self._freeze()
        # Lazy regularisation is as if each were trained every step (2019, appendix B).
        self.g_optimiser = _adam(self.generator, o.learning_rate, o.path_interval, o.path_weight)
        self.d_optimiser = _adam(
            self.discriminator, o.learning_rate * o.discriminator_rate, o.r1_interval, 1.0
        )
        self.r1_gamma = o.r1_gamma or 0.0002 * o.resolution**2 / o.batch
        self.augmentation = augment.AdaptiveP(o.ada_target, o.ada_horizon)
        if o.ada != "adaptive":
            self.augmentation.p = float(o.ada)
        self.path_mean = torch.zeros([], device=self.device)
        self.steps = 0
        self.signs: list[float] = []
        self._synthesis: Callable[..., Tensor] = self.generator.synthesis
        self._discriminate: Callable[..., Tensor] = self.discriminator

    def _freeze(self) -> None:
        """Freeze the finest blocks of the discriminator (https://arxiv.org/abs/2002.10964)."""
        for resolution in self.discriminator.config.block_resolutions[::-1][
            : self.options.freeze_d
        ]:
            getattr(self.discriminator, f"b{resolution}").requires_grad_(False)

    # -- state ---------------------------------------------------------------------------

    def more_state(self) -> dict[str, Any]:
        """Collect p of the augmentation."""
        return {"p": self.augmentation.p}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state; a fixed p is that of the options."""
        super().restore(state)
        if self.options.ada == "adaptive":
            self.augmentation.p = state["p"]

    def write_model(self) -> None:
        """Write the averaged generator as model.safetensors."""
        about = data.facts_of(self.options) | {"pictures_shown": str(self.shown)}
        path = self.folder.out / weights.EXPORTED
        models.save_face_model(path, self.generator_ema, None, about)

    # -- steps ---------------------------------------------------------------------------

    def _draw(self, count: int) -> Tensor:
        """Draw ws [count, num_ws, w_dim]; most are of two z, crossed at a random layer."""
        config = self.generator.config
        z = torch.randn(2, count, config.z_dim, generator=self.random).to(self.device)
        first = self.generator.mapping(z[0])
        with torch.no_grad():
            mean = parallel.mean_over_processes(first.detach().mean(dim=0))
            self.generator.mapping.w_avg.lerp_(mean, 1 - W_AVG_DECAY)
        ws = self.generator.broadcast(first)
        if self.options.mixing:
            mixed = torch.rand(count, generator=self.random) < self.options.mixing
            cut = torch.randint(1, config.num_ws, (count,), generator=self.random)
            cut = torch.where(mixed, cut, config.num_ws)
            second = (torch.arange(config.num_ws) >= cut[:, None])[:, :, None].to(self.device)
            ws = torch.where(second, self.generator.broadcast(self.generator.mapping(z[1])), ws)
        return ws

    def _look(self, pictures: Tensor) -> Tensor:
        """Return the discriminator's logits for augmented pictures."""
        return self._discriminate(augment.adaptive(pictures, self.augmentation.p, self.random))

    def _discriminator_step(self, real: Tensor) -> dict[str, Tensor]:
        o, facts = self.options, Averages[Tensor]()
        self.d_optimiser.zero_grad(set_to_none=True)
        self.generator.requires_grad_(False)
        for part in real.split(self.part):
            fakes = self._synthesis(self._draw(len(part)), noise_mode="random")
            real_logits = self._look(part)
            loss = discriminator_loss(real_logits, self._look(fakes.detach()))
            (loss / o.accumulate).backward()
            facts.add({"d_loss": loss.detach(), "r_t": real_logits.sign().mean().detach()})
            if self.steps % o.r1_interval == 0:
                # at what the discriminator sees, augmented: there its slope is to be small
                seen = augment.adaptive(part, self.augmentation.p, self.random)
                r1 = r1_penalty(self.discriminator, seen)
                (r1 * (self.r1_gamma / 2 * o.r1_interval / o.accumulate)).backward()
                facts.add({"r1": r1.detach()})
        self.generator.requires_grad_(True)
        self._update(self.d_optimiser)
        return facts.take()

    def _generator_step(self, count: int) -> dict[str, Tensor]:
        o, facts = self.options, Averages[Tensor]()
        self.g_optimiser.zero_grad(set_to_none=True)
        frozen = [p for p in self.discriminator.parameters() if p.requires_grad]
        for parameter in frozen:
            parameter.requires_grad_(False)
        for _ in range(o.accumulate):
            fakes = self._synthesis(self._draw(count // o.accumulate), noise_mode="random")
            loss = generator_loss(self._look(fakes))
            (loss / o.accumulate).backward()
            facts.add({"g_loss": loss.detach()})
            if o.path_weight and self.steps % o.path_interval == 0:
                penalty, mean = self._path_penalty(max(count // o.accumulate // PATH_SHRINK, 1))
                (penalty * (o.path_weight * o.path_interval / o.accumulate)).backward()
                facts.add({"path_penalty": penalty.detach(), "path_length": mean.detach()})
        for parameter in frozen:
            parameter.requires_grad_(True)
        self._update(self.g_optimiser)
        return facts.take()

    def _path_penalty(self, count: int) -> tuple[Tensor, Tensor]:
        """Compute (|J_w^T y| - a)^2, a the running mean of the lengths (2019, eq. 4), and a."""
        ws = self._draw(count)
        pictures = self.generator.synthesis(ws, noise_mode="random")
        noise = torch.randn(pictures.shape, generator=self.random).to(self.device)
        lengths = path_lengths(pictures, ws, noise)
        with torch.no_grad():
            mean = parallel.mean_over_processes(lengths.detach().mean())
            self.path_mean = self.path_mean.lerp(mean, self.options.path_decay)
        return (lengths - self.path_mean).square().mean(), self.path_mean

    def _update(self, optimiser: torch.optim.Optimizer) -> None:
        parallel.average_gradients(optimiser.param_groups[0]["params"])
        optimiser.step()

    def step(self, batch: Tensor) -> dict[str, float]:
        """Take a step of both networks on this process's share of a batch, in [-1, 1]."""
        o, real = self.options, batch
        facts = self._generator_step(len(real)) | self._discriminator_step(real)
        self.steps += 1
        self.shown += len(real) * self.world
        keep = keep_of(o.batch, self.shown, o.ema, EMA_RAMP)
        self._averaging.update(self.generator, keep)
        r_t = parallel.mean_over_processes(facts["r_t"].clone())
        numbers = {name: float(value) for name, value in facts.items()} | {"r_t": float(r_t)}
        self.folder.check_finite(numbers, self.shown, o.learning_rate)
        if o.ada == "adaptive":
            self.signs.append(numbers["r_t"])
            if len(self.signs) == o.ada_interval:
                mean = sum(self.signs) / len(self.signs)
                self.augmentation.update(mean, o.ada_interval * o.batch)
                self.signs.clear()
        return numbers | {"p": self.augmentation.p}

    def _compile(self) -> dict[str, float]:
        """Compile the two networks where the options say so; returns by how much it pays.

        The penalties need second derivatives and stay as they are written.
        """
        o, config = self.options, self.generator.config
        if o.compile == "off" or (o.compile == "auto" and self.device.type != "cuda"):
            return {}
        if o.compile == "on":
            self._synthesis = torch.compile(self.generator.synthesis)
            self._discriminate = torch.compile(self.discriminator)
            return {}
        ws = torch.zeros(self.part, config.num_ws, config.w_dim, device=self.device)
        pictures = torch.zeros(self.part, 3, o.resolution, o.resolution, device=self.device)
        self._synthesis, drawing = parallel.faster(
            self.generator.synthesis, ws, noise_mode="random"
        )
        self._discriminate, discriminating = parallel.faster(self.discriminator, pictures)
        return {"compiled_generator": drawing, "compiled_discriminator": discriminating}

    # -- the run -------------------------------------------------------------------------

    def load(self) -> None:
        """Load the pictures. Raises DataError."""
        o = self.options
        self.pictures = self.load_pictures(o.resolution, o.batch).to(self.device)

    def prepare(self, progress: Progress | None) -> None:
        """Compile the networks where that pays."""
        if (gains := self._compile()) and progress and self.rank == 0:
            progress(gains)

    def batches(self) -> Iterator[Tensor]:
        """Yield pictures [N, 3, R, R] in [-1, 1]."""
        assert self.pictures is not None
        share = self.part * self.options.accumulate
        return data.batches(self.pictures, share, self.random, bool(self.options.mirror))

    @torch.no_grad()
    def sheet(self) -> np.ndarray:
        """Draw the same faces at every snapshot, uint8 [rows R, columns R, 3], at psi 0.7."""
        rows, columns = GRID
        fixed = torch.Generator().manual_seed(0)
        z = torch.randn(rows * columns, self.generator.config.z_dim, generator=fixed)
        faces = [self.generator_ema(part.to(self.device), 0.7).cpu() for part in z.split(columns)]
        return images.to_pixels(
            torch.cat([torch.cat(list(row), dim=2) for row in faces], dim=1)[None]
        )[0]


def _adam(network: torch.nn.Module, rate: float, interval: int, weight: float) -> torch.optim.Adam:
    """Make Adam with beta1 0, corrected for a regularisation that acts every `interval` steps."""
    share = interval / (interval + 1) if weight else 1.0
    parameters = [p for p in network.parameters() if p.requires_grad]
    return torch.optim.Adam(parameters, rate * share, (0.0, 0.99**share), eps=1e-8)


def train(
    options: StyleGAN2Options,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> None:
    """Train to the end, or resume an unfinished run in options.out.

    Under torchrun every process works on its share of each batch. say: gets in words what was
    taken over from options.finetune.
    """
    with parallel.processes(options.device) as device:
        training = StyleGAN2Training(options, device=device)
        if say and training.rank == 0 and training.begun_with:
            say(f"begun with {training.begun_with}")
        training.run(progress)


def plan(options: StyleGAN2Options) -> dict[str, float]:
    """Estimate what a run needs, without starting it.

    Raises DataError for a folder that is missing, or holds too few pictures.
    """
    return memory_estimate.estimate(options, data.count(options.data, options.batch))
