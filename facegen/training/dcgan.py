"""The DCGAN's training, as simple as it gets: the example for a classroom.

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

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .. import images, runtime, weights
from ..datasets.listing import list_pictures
from ..images import grid
from ..models.families.dcgan import FACTS, NETWORK, save_dcgan
from ..networks.dcgan import RESOLUTION, DcganConfig, Discriminator, Generator, begin
from . import data, memory_estimate
from .dcgan_options import DcganOptions
from .losses import discriminator_loss, generator_loss
from .run import Progress, RunFolder, loop, restore_optimiser

SHAPE = ("z_dim", "channels")
ROWS, COLUMNS = 8, 8  # of the sample sheet
_MEASURED = 256  # pictures for diversity


class DcganTraining:
    """The two networks, their optimisers and the state of a run; `run` trains to the end."""

    def __init__(self, options: DcganOptions, pictures: Tensor | None = None):
        o = self.options = options
        self.folder = RunFolder(o.out)
        self.device = runtime.choose_device(o.device)
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
        self.pictures = pictures
        self.shown = 0

    _NETWORKS, _OPTIMISERS = ("generator", "discriminator"), ("g_optimiser", "d_optimiser")

    def save(self) -> None:
        """The whole state as latest.pt, the generator as model.safetensors."""
        o = self.options
        state = {
            name: getattr(self, name).state_dict() for name in self._NETWORKS + self._OPTIMISERS
        }
        state |= {
            "network": NETWORK,
            "config": self.generator.config.as_dict(),
            "shown": self.shown,
            "random": self.random.get_state(),
        }
        self.folder.save(state, o)
        about = {name: getattr(o, name) for name in FACTS}
        about["pictures_shown"] = str(self.shown)
        save_dcgan(self.folder.out / weights.EXPORTED, self.generator, about)

    def restore(self, state: dict) -> None:
        """Continue from a saved state: bit for bit on a CPU with the same options."""
        for name in self._NETWORKS:
            getattr(self, name).load_state_dict(state[name])
        for name in self._OPTIMISERS:
            restore_optimiser(getattr(self, name), state[name])
        self.shown = state["shown"]
        self.random.set_state(state["random"])

    # -- steps ---------------------------------------------------------------------------

    def _noise(self, count: int) -> Tensor:
        z = torch.randn(count, self.options.z_dim, generator=self.random)
        return z.to(self.device)

    def step(self, real: Tensor) -> dict[str, float]:
        """One step of each network on pictures [N, 3, 32, 32] in [-1, 1]."""
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

    # -- the loop ------------------------------------------------------------------------

    def run(self, progress: Progress | None = None) -> None:
        """Train until `total` pictures were shown, with a snapshot every `snapshot` of them.

        Raises KeyboardInterrupt after Ctrl-C, when the step is finished and saved.
        """
        o = self.options
        state = self.folder.begin(o, SHAPE)
        if self.pictures is None:
            self.pictures = data.load_pictures(o.data, RESOLUTION)
        data.check_count(len(self.pictures), o.batch)
        if state is not None:
            self.restore(state)
        stream = data.batches(self.pictures, o.batch, self.random)
        loop(
            self,
            (batch.to(self.device) for batch in stream),
            progress,
            lambda: {"diversity": self.diversity()},
            synthetic=True,
        )

    @torch.no_grad()
    def draw(self, count: int) -> Tensor:
        """The first `count` of the same pictures each time, [count, 3, 32, 32] on the CPU."""
        self.generator.eval()
        fixed = torch.Generator().manual_seed(0)
        z = torch.randn(count, self.options.z_dim, generator=fixed)
        return self.generator(z.to(self.device)).cpu()

    def sheet(self) -> np.ndarray:
        """The same ROWS x COLUMNS pictures at every snapshot, enlarged to be seen."""
        pixels = images.to_pixels(self.draw(ROWS * COLUMNS))
        return grid([images.resize(picture, 2 * RESOLUTION) for picture in pixels], COLUMNS)

    def diversity(self) -> float:
        count = min(_MEASURED, len(self.pictures))
        step = len(self.pictures) // count
        real = self.pictures[::step][:count].float() / 127.5 - 1
        return twin_distance(self.draw(count)) / max(twin_distance(real), 1e-6)


def twin_distance(pictures: Tensor) -> float:
    """The median over pictures [N, 3, R, R] of the root mean square distance to the nearest other.

    Compare only for the same N: among more pictures there are nearer twins.
    """
    flat = pictures.flatten(1)
    distances = torch.cdist(flat, flat, compute_mode="donot_use_mm_for_euclid_dist")
    distances.fill_diagonal_(float("inf"))
    return float(distances.min(dim=1).values.median()) / flat.shape[1] ** 0.5


def plan(options: DcganOptions) -> dict[str, float]:
    """What a run needs, without starting it: see memory_estimate.estimate_dcgan.

    Raises DataError for a folder that is missing, or holds too few pictures.
    """
    pictures = len(list_pictures(options.data))
    data.check_count(pictures, options.batch)
    return memory_estimate.estimate_dcgan(options, pictures)


def train(options: DcganOptions, progress: Progress | None = None) -> Path:
    """Train to the end, or go on with an unfinished run in options.out; the exported model."""
    training = DcganTraining(options)
    training.run(progress)
    return training.folder.out / weights.EXPORTED
