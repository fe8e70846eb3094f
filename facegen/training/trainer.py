"""What every trainer does: the loop, snapshots, averaged weights, random numbers, schedules."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from .. import runtime
from . import data, parallel
from .options import PhotoEncoderOptions
from .run import Progress, RunFolder, stopping

Network = TypeVar("Network", bound=nn.Module)
Number = TypeVar("Number", float, Tensor)

RAMP = 0.1  # the half-life of an average is at most this share of what was shown


class Trainer:
    """Trains networks in a run's folder; a subclass names its parts and takes the steps.

    Everything is counted in pictures shown, over all processes. A restored run continues bit for
    bit on a CPU with the same options.
    """

    SHAPE: tuple[str, ...] = ()  # the options that an unfinished run must agree in
    PARTS: tuple[str, ...] = ()  # attributes whose state is saved and restored
    OPTIMISERS: tuple[str, ...] = ()  # the same, but today's options decide the rates
    VALUES: tuple[str, ...] = ("shown",)  # attributes that are saved as they are
    SAME: tuple[str, ...] = ()  # networks that start with the first process's weights
    SYNTHETIC = False  # whether nothing on the sheets is a photo

    options: Any
    pictures: Tensor | None = None  # uint8 [N, 3, R, R]; None: `load` has not been called

    def __init__(self, options: Any, device: torch.device, total: int, snapshot: int) -> None:
        self.options, self.device, self.total, self.snapshot = options, device, total, snapshot
        self.rank, self.world = parallel.rank_and_world()
        self.folder = RunFolder(Path(options.out), writes=self.rank == 0)
        self.random = torch.Generator().manual_seed(options.seed * 1000 + self.rank)
        self.shown = 0

    # -- what a subclass has ---------------------------------------------------------------

    def load(self) -> None:
        """Load what is learned from, before the first step. Raises DataError."""

    def prepare(self, progress: Progress | None) -> None:
        """Do what has to wait until the state is restored."""

    def batches(self) -> Iterator[Any]:
        """Yield what `step` is handed, without end."""
        raise NotImplementedError

    def step(self, batch: Any) -> dict[str, float]:
        """Take one step, count its pictures in `shown`, and return facts for the log."""
        raise NotImplementedError

    def sheet(self) -> np.ndarray:
        """Draw pictures to follow the run by, uint8 [H, W, 3]; drawing them changes nothing."""
        raise NotImplementedError

    def measure(self) -> dict[str, float]:
        """Measure more facts for the log, at a snapshot."""
        return {}

    def more_state(self) -> dict[str, Any]:
        """Collect what the saved state has besides PARTS, OPTIMISERS and VALUES."""
        return {}

    def write_model(self) -> None:
        """Export the model of a snapshot, beside the state."""

    # -- state -------------------------------------------------------------------------------

    def save(self) -> None:
        """Write the whole state, see RunFolder.save, and the snapshot's model."""
        names = self.PARTS + self.OPTIMISERS
        state: dict[str, Any] = {name: getattr(self, name).state_dict() for name in names}
        state |= {name: getattr(self, name) for name in self.VALUES} | self.more_state()
        state |= {"random": self.random.get_state(), "torch_random": torch.get_rng_state()}
        if self.device.type == "cuda":
            state["cuda_random"] = torch.cuda.get_rng_state(self.device)
        self.folder.save(state, self.options)
        if self.folder.writes:
            self.write_model()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        for name in self.PARTS:
            getattr(self, name).load_state_dict(state[name])
        for name in self.OPTIMISERS:
            restore_optimiser(getattr(self, name), state[name])
        for name in self.VALUES:
            value = state[name]
            setattr(self, name, value.to(self.device) if isinstance(value, Tensor) else value)
        if self.rank > 0:
            # Only the first process saves its random numbers; the others must not repeat each other
            self.random.manual_seed((self.options.seed * 1000 + self.rank) * 10**6 + self.shown)
            torch.manual_seed(self.random.initial_seed())
            return
        if "random" in state:
            self.random.set_state(state["random"])
        if "torch_random" in state:
            torch.set_rng_state(state["torch_random"])
        if self.device.type == "cuda" and "cuda_random" in state:
            torch.cuda.set_rng_state(state["cuda_random"], self.device)

    # -- the loop ----------------------------------------------------------------------------

    def load_pictures(self, resolution: int, batch: int = 1) -> Tensor:
        """Load the pictures of options.data, unless they are given, and check their number."""
        if self.pictures is None:
            self.pictures = data.load_pictures(self.options.data, resolution)
        data.check_count(len(self.pictures), batch)
        return self.pictures

    def run(self, progress: Progress | None = None) -> None:
        """Train until `total` pictures were shown, with a snapshot every `snapshot` of them.

        progress: receives a snapshot's facts; if it has `each_step`, that receives the pictures
        shown and their total. Raises KeyboardInterrupt after Ctrl-C, when the step is finished
        and saved.
        """
        state = self.folder.begin(self.options, self.SHAPE)
        self.load()
        # equal weights everywhere, different random numbers from here on
        parallel.same_everywhere([getattr(self, name) for name in self.SAME])
        if self.world > 1:
            torch.manual_seed(self.options.seed * 1000 + self.rank)
        if state is not None:
            self.restore(state)
        self.prepare(progress)
        self._loop(self.batches(), progress)

    def _loop(self, batches: Iterator[Any], progress: Progress | None) -> None:
        averages, stop = Averages[float](), False
        self.folder.start()
        started, before = time.monotonic(), self.shown
        each_step = getattr(progress, "each_step", None) if self.folder.writes else None
        with stopping() as interrupted:
            while self.shown < self.total and not stop:
                snapshots = self.shown // self.snapshot
                averages.add(self.step(next(batches)))
                if each_step:
                    each_step(self.shown, self.total)
                stop = parallel.anywhere(interrupted.is_set())
                due = self.shown // self.snapshot > snapshots
                if not due and self.shown < self.total and not stop:
                    continue
                speed = (self.shown - before) / (time.monotonic() - started)
                facts = {"shown": self.shown, **averages.take(), "pictures_per_second": speed}
                if self.folder.writes:
                    self.save()
                    facts |= self.measure()
                    self.folder.log(facts)
                    self.folder.draw(self.shown, self.sheet(), self.SYNTHETIC)
                    if progress:
                        progress(facts)
        self.folder.close()
        if stop:
            raise KeyboardInterrupt


def placed(network: Network, device: torch.device) -> Network:
    """Move a network to the device, its convolutions' weights as fast ones want them."""
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def restore_optimiser(optimiser: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Restore its moments. Its state brings the old rates along; the options of today decide."""
    today = [{name: group[name] for name in ("lr", "betas")} for group in optimiser.param_groups]
    optimiser.load_state_dict(state)
    for group, now in zip(optimiser.param_groups, today, strict=True):
        group.update(now)


class Averages(Generic[Number]):
    """The mean of each fact since the last `take`."""

    def __init__(self) -> None:
        self._values: dict[str, list[Number]] = {}

    def add(self, facts: Mapping[str, Number]) -> None:
        """Add one value of each fact."""
        for name, value in facts.items():
            self._values.setdefault(name, []).append(value)

    def take(self) -> dict[str, Number]:
        """Return the means and start anew."""
        kept, self._values = self._values, {}
        return {name: sum(values[1:], values[0]) / len(values) for name, values in kept.items()}


class Average(AveragedModel, Generic[Network]):
    """The exponential moving average of a network's weights: what a trainer shows and exports.

    `module` is the averaged network, frozen and in eval mode; its buffers are the network's own.
    It begins as the network is now.
    """

    module: Network
    n_averaged: Tensor

    def __init__(self, network: Network) -> None:
        super().__init__(network, use_buffers=False)
        self.requires_grad_(False).eval()
        self.n_averaged.fill_(1)  # at 0 the first update would be a copy

    def update(self, network: nn.Module, keep: float) -> None:
        """Set average <- keep * average + (1 - keep) * network; keep: 0 to 1."""
        self.multi_avg_fn = get_ema_multi_avg_fn(keep)
        self.update_parameters(network)


def keep_of(batch: int, shown: int, half_life: float, ramp: float = RAMP) -> float:
    """Compute what a step keeps of the average; all in pictures.

    Karras et al. 2020b, https://arxiv.org/abs/2006.06676, appendix C; the half-life is shorter at
    the start.
    """
    return 0.5 ** (batch / min(half_life, max(shown * ramp, 1.0)))


def cosine(start: float, end: float, done: float) -> float:
    """Fall from start to end as half a cosine; done: 0 to 1."""
    return end + (start - end) * (0.5 + 0.5 * math.cos(math.pi * min(max(done, 0.0), 1.0)))


class Stage(Trainer):
    """A stage of a run with several, in a folder of its own below the run's.

    Among SHAPE are the counts of the stages before, on whose results it stands.
    """

    OPTIMISERS = ("optimiser",)
    SYNTHETIC = True
    name: str  # of its folder
    optimiser: torch.optim.Optimizer
    options: PhotoEncoderOptions

    def __init__(
        self, options: PhotoEncoderOptions, device: torch.device, total: int, batch: int
    ) -> None:
        super().__init__(options, device, total, batch * options.snapshot)
        self.batch = batch
        self.folder = RunFolder(Path(options.out) / self.name)
        self.random = runtime.seeded(options.seed, *self.name.encode())

    @property
    def steps(self) -> int:
        """Count the steps that were taken."""
        return self.shown // self.batch

    def descend(self, loss: Tensor, rise: int, level: float) -> float:
        """Take one step against a gradient of length 1 or less; returns the ramp of its rates.

        The rates rise for so many steps, stay to that share of the schedule, and fall to zero as
        a cosine.
        """
        fallen = max(0.0, self.shown / self.total - level) / (1 - level)
        ramp = min(1.0, (self.steps + 1) / rise) * cosine(1.0, 0.0, fallen)
        for group in self.optimiser.param_groups:
            group["lr"] = group["highest"] * ramp + 1e-6
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        weights = [weight for group in self.optimiser.param_groups for weight in group["params"]]
        nn.utils.clip_grad_norm_(weights, 1.0)
        self.optimiser.step()
        self.shown += self.batch
        return ramp
