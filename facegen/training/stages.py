"""A stage of a run with several: a trainer with a folder of its own below the run's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from .. import runtime
from .options import PhotoEncoderOptions
from .run import Progress, RunFolder, loop, random_state, restore_random


@dataclass(frozen=True)
class Schedule:
    """What `loop` asks for. All in pictures."""

    total: int
    batch: int
    snapshot: int


class Stage:
    """Saves and restores what `parts` names; a subclass has `step` and `sheet`, see run.Training.

    name: of its folder. agree: options in which an unfinished run must agree; among them the
    counts of the stages before, on whose results it stands.
    """

    name: str
    agree: tuple[str, ...]
    parts: tuple[str, ...]

    def __init__(self, options: PhotoEncoderOptions, device: torch.device, total: int, batch: int):
        self.run_options = options
        self.options = Schedule(total, batch, batch * options.snapshot)
        self.folder = RunFolder(Path(options.out) / self.name)
        self.device = device
        self.random = runtime.seeded(options.seed, *self.name.encode())
        self.shown = 0

    @property
    def steps(self) -> int:
        return self.shown // self.options.batch

    def save(self) -> None:
        state = {name: getattr(self, name).state_dict() for name in self.parts}
        state |= {"shown": self.shown} | random_state(self.random, self.device)
        self.folder.save(state, self.run_options)

    def restore(self, state: dict) -> None:
        """Continue from a saved state: bit for bit on a CPU with the same options."""
        for name in self.parts:
            getattr(self, name).load_state_dict(state[name])
        self.shown = state["shown"]
        restore_random(state, self.random, self.device, self.run_options.seed, 0, self.shown)

    def train(self, progress: Progress | None = None) -> None:
        """To the end of the stage, from where it was left.

        Raises KeyboardInterrupt after Ctrl-C, when the step is finished and saved.
        """
        state = self.folder.begin(self.run_options, self.agree)
        if state is not None:
            self.restore(state)
        loop(self, self.batches(), progress, self.measure, synthetic=True)

    def batches(self) -> Iterator[object]:
        """What `step` is handed, without end."""
        raise NotImplementedError

    def measure(self) -> dict[str, float]:
        """On what is held out."""
        raise NotImplementedError

    def rate(self, rise: int, level: float) -> float:
        """The share of the learning rate now: it rises for so many steps, stays to that share of
        the schedule, and falls to zero as a cosine."""
        done = self.shown / self.options.total
        fallen = max(0.0, done - level) / (1 - level)
        return min(1.0, (self.steps + 1) / rise) * (0.5 + 0.5 * math.cos(math.pi * fallen))


def descend(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step against a gradient of length 1 or less."""
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    nn.utils.clip_grad_norm_(weights, 1.0)
    optimiser.step()
