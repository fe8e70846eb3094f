"""Train a DCGAN, as simple as it gets: the example for a classroom.

One step (Radford et al. 2016, https://arxiv.org/abs/1511.06434; loss: Goodfellow et al. 2014):

    1. the discriminator learns to tell a batch of pictures from a batch of drawn ones;
    2. the generator learns to draw what the discriminator takes for a picture.

Besides the losses, which say little (two networks play against each other; neither loss has to
fall), the log has what can be read: `real` and `fake`, how often the discriminator is right
about pictures and about drawn ones (near 1 and 1 the generator has lost), and `diversity`, how far
a drawn picture is from its nearest twin, in units of the training pictures' own: 1 is right, near
0 is mode collapse. (How much pixels vary is no measure: two pictures in turn vary as much as many.)
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import images, runtime, weights
from ..models.families.facegen import DCGAN, save_dcgan
from ..networks.dcgan import RESOLUTION, DcganConfig, Discriminator, Generator, begin
from . import data, memory_estimate
from .losses import discriminator_loss, generator_loss
from .options import DcganOptions
from .run import Progress
from .trainer import Trainer

ROWS, COLUMNS = 8, 8  # of the sample sheet
_MEASURED = 256  # pictures for diversity


class DcganTraining(Trainer):
    """The two networks, their optimisers and the state of a run."""

    SHAPE = ("z_dim", "channels")
    PARTS = ("generator", "discriminator")
    OPTIMISERS = ("g_optimiser", "d_optimiser")
    SYNTHETIC = True
    options: DcganOptions

    def __init__(self, options: DcganOptions) -> None:
        o = options
        super().__init__(o, runtime.choose_device(o.device), o.total, o.snapshot)
        config = DcganConfig(o.z_dim, o.channels)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(o.seed)
            self.generator, self.discriminator = Generator(config), Discriminator(config)
            for network in (self.generator, self.discriminator):
                begin(network)
        self.generator.to(self.device)
        self.discriminator.to(self.device)
        betas = (o.beta1, 0.999)
        self.g_optimiser = torch.optim.Adam(self.generator.parameters(), o.learning_rate, betas)
        self.d_optimiser = torch.optim.Adam(
            self.discriminator.parameters(), o.learning_rate * o.discriminator_rate, betas
        )
        self.random = torch.Generator().manual_seed(o.seed)

    def more_state(self) -> dict[str, Any]:
        """Say what the file is, so that the state can be loaded as a model."""
        return {"network": DCGAN, "config": self.generator.config.as_dict()}

    def write_model(self) -> None:
        """Write the generator as model.safetensors."""
        about = data.facts_of(self.options) | {"pictures_shown": str(self.shown)}
        save_dcgan(self.folder.out / weights.EXPORTED, self.generator, about)

    # -- steps ---------------------------------------------------------------------------

    def _noise(self, count: int) -> Tensor:
        z = torch.randn(count, self.options.z_dim, generator=self.random)
        return z.to(self.device)

    def step(self, batch: Tensor) -> dict[str, float]:
        """Take a step of each network on pictures [N, 3, 32, 32] in [-1, 1]."""
        real = batch
        self.generator.train()
        self.discriminator.train()
        fakes = self.generator(self._noise(len(real)))

        # Pictures and drawn ones in batches of their own: batch norm would else mix the two.
        real_logits = self.discriminator(real)
        fake_logits = self.discriminator(fakes.detach())
        d_loss = discriminator_loss(real_logits, fake_logits)
        self.d_optimiser.zero_grad()
        d_loss.backward()
        self.d_optimiser.step()

        self.discriminator.requires_grad_(False)
        g_loss = generator_loss(self.discriminator(fakes))
        self.discriminator.requires_grad_(True)
        self.g_optimiser.zero_grad()
        g_loss.backward()
        self.g_optimiser.step()

        self.shown += len(real)
        facts = {
            "g_loss": g_loss.item(),
            "d_loss": d_loss.item(),
            "real": float((real_logits > 0).float().mean()),
            "fake": float((fake_logits < 0).float().mean()),
        }
        self.folder.check_finite(facts, self.shown, self.options.learning_rate)
        return facts

    # -- the run -------------------------------------------------------------------------

    def load(self) -> None:
        """Load the pictures. Raises DataError."""
        self.pictures = self.load_pictures(RESOLUTION, self.options.batch)

    def batches(self) -> Iterator[Tensor]:
        """Yield pictures [N, 3, 32, 32] in [-1, 1]."""
        assert self.pictures is not None
        for batch in data.batches(self.pictures, self.options.batch, self.random):
            yield batch.to(self.device)

    def measure(self) -> dict[str, float]:
        """Measure the diversity of what is drawn."""
        return {"diversity": self.diversity()}

    @torch.no_grad()
    def draw(self, count: int) -> Tensor:
        """Draw the first `count` of the same pictures each time, [count, 3, 32, 32] on the CPU."""
        self.generator.eval()
        fixed = torch.Generator().manual_seed(0)
        z = torch.randn(count, self.options.z_dim, generator=fixed)
        return self.generator(z.to(self.device)).cpu()

    def sheet(self) -> np.ndarray:
        """Draw the same ROWS x COLUMNS pictures at every snapshot, enlarged."""
        pixels = images.to_pixels(self.draw(ROWS * COLUMNS))
        return images.grid([images.resize(picture, 2 * RESOLUTION) for picture in pixels], COLUMNS)

    def diversity(self) -> float:
        """Compare the distance of nearest twins with that among the training pictures."""
        assert self.pictures is not None
        count = min(_MEASURED, len(self.pictures))
        step = len(self.pictures) // count
        real = self.pictures[::step][:count].float() / 127.5 - 1
        return twin_distance(self.draw(count)) / max(twin_distance(real), 1e-6)


def twin_distance(pictures: Tensor) -> float:
    """Measure the median root mean square distance to the nearest other of pictures [N, 3, R, R].

    Compare only for the same N: among more pictures there are nearer twins.
    """
    flat = pictures.flatten(1)
    distances = torch.cdist(flat, flat, compute_mode="donot_use_mm_for_euclid_dist")
    distances.fill_diagonal_(float("inf"))
    return float(distances.min(dim=1).values.median()) / flat.shape[1] ** 0.5


def plan(options: DcganOptions) -> dict[str, float]:
    """Estimate what a run needs, without starting it.

    Raises DataError for a folder that is missing, or holds too few pictures.
    """
    return memory_estimate.estimate_dcgan(options, data.count(options.data, options.batch))


def train(options: DcganOptions, progress: Progress | None = None) -> Path:
    """Train to the end, or resume a run in options.out; returns the exported model's path."""
    training = DcganTraining(options)
    training.run(progress)
    return training.folder.out / weights.EXPORTED
