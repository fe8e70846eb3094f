"""Train a drawing network: a style of one's own from pairs, or from unpaired pictures.

training.strokes says what is learned. From pairs one CPU core needs half an hour.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from .. import runtime
from ..errors import TrainingError
from ..images import resize, square
from ..measure.perceptual import features_at_hand
from ..networks.drawing import FACTOR, MARGIN, DrawingNet
from ..stylize import Stylizer
from . import memory_estimate
from .options import AnimeTrainOptions
from .pairs import Pair, read_pairs, read_pictures, split
from .run import CHECKPOINT, Progress, RunFolder
from .strokes import Features, FromPairs, FromPictures, Objective, ssim
from .trainer import Average, Averages, Trainer, placed

EMA_DECAY = 0.998
FEATURES = "efficientnet-lite0"
NETWORK = "drawing"  # what an exported file calls its network
SAMPLES = 6  # rows of a sheet
SAMPLE_SIZE = 512  # pixels a side, there
SAMPLE_SOFT = 64  # pixels a side of a face that is then enlarged, there
DISCRIMINATOR_RATE = 2e-4  # Adam's, of the discriminator: faster it would win at once
LIMIT = 1.0  # of the gradient's norm; without normalisation a step may otherwise go far astray
WARM_UP = 100  # steps until the learning rate is whole, at most a tenth of all

Batch = tuple[Tensor, Tensor]  # photos, drawings


def train(options: AnimeTrainOptions, progress: Progress | None = None) -> Path:
    """Train, or resume, a style; return the path of OUT/anime-STYLE.safetensors.

    The folder is that of every run, see training.run; its sheets show test pairs: photo, output,
    drawing, the photo made soft, its output; without pairs photo and output. Raises DataError for
    unusable pictures, OptionError for the folder of another run, TrainingError for a loss that is
    no number or missing weights of the features, KeyboardInterrupt after Ctrl-C, when the step is
    finished and saved.
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    RunFolder(options.out).begin(options, AnimeTraining.SHAPE)  # before pictures are read
    device = runtime.choose_device(options.device)
    training = AnimeTraining(options, *_objective(options, device), device)
    if options.start and not training.folder.checkpoint.exists():
        training.start_from(Path(options.start))
    training.run(progress)
    return export(training, Path(options.out) / f"anime-{options.style}.safetensors")


def plan(options: AnimeTrainOptions) -> dict[str, float]:
    """Estimate what a run needs, without starting it.

    Raises DataError for a folder that is missing, or holds nothing to learn from.
    """
    return memory_estimate.estimate_anime(options, options.sources())


def _objective(options: AnimeTrainOptions, device: torch.device) -> tuple[Objective, list[Pair]]:
    """Read what to learn from, and what to measure with: unpaired, photos alone for the sheet."""
    features = _features(options, device)
    if options.photos and features is not None:
        photos = read_pictures(Path(options.photos), options.crop)
        drawings = read_pictures(Path(options.drawings), options.crop)
        shown = [Pair(f"{i:02d}", p, p) for i, p in enumerate(photos[:SAMPLES])]
        return FromPictures(options, photos, drawings, features), shown
    pairs = read_pairs(options.pairs_folder, smallest=options.crop)
    training, testing = split(pairs, options.tests)
    return FromPairs(options, training, features), testing


def _features(options: AnimeTrainOptions, device: torch.device) -> Features | None:
    if options.pairs and not options.perceptual:
        return None
    features = features_at_hand(device)
    if features is None:
        without = "; or leave them out with --perceptual 0" if options.pairs else ""
        raise TrainingError(
            f"the features of {FEATURES} are not on this machine; get them with "
            f"'weights fetch {FEATURES}'{without}"
        )
    return features


class AnimeTraining(Trainer):
    """The two networks, their optimisers and the state of a run."""

    SHAPE = ("style", "total", "batch", "crop", "width", "detail", "seed")
    PARTS = ("generator", "average", "discriminator")
    OPTIMISERS = ("optimizer", "discriminator_optimizer")
    options: AnimeTrainOptions

    def __init__(
        self,
        options: AnimeTrainOptions,
        objective: Objective,
        testing: list[Pair],
        device: torch.device,
    ) -> None:
        super().__init__(options, device, options.total, options.snapshot)
        self.objective, self.testing = objective, testing
        self.config = {"width": options.width, "detail": options.detail}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            generator, discriminator = DrawingNet(**self.config), objective.discriminator()
        self.generator = placed(generator, device)
        self.discriminator = placed(discriminator, device)
        self._averaging = Average(self.generator)
        self.average = self._averaging.module
        self.optimizer = torch.optim.Adam(
            self.generator.parameters(), options.learning_rate, betas=(0.9, 0.99)
        )
        self.discriminator_optimizer = torch.optim.Adam(
            self.discriminator.parameters(), DISCRIMINATOR_RATE, betas=(0.5, 0.99)
        )

    def more_state(self) -> dict[str, Any]:
        """Say what the file is."""
        return {"network": NETWORK}

    def start_from(self, path: Path) -> None:
        """Begin with the network of another style's run. Raises TrainingError."""
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            average, width = state["average"], json.loads(state["options"])["width"]
        except Exception as error:  # what a foreign file may raise is torch's to know
            raise TrainingError(
                f"{path} is not a state of this trainer ({type(error).__name__}); name a "
                f"{CHECKPOINT} that 'train anime' wrote"
            ) from error
        if width != self.options.width:
            raise TrainingError(
                f"{path} was trained with width {width}, this run has {self.options.width}; "
                f"start with --width {width}"
            )
        self.generator.load_state_dict(average)
        self.average.load_state_dict(average)

    # -- steps ---------------------------------------------------------------------------

    def batches(self) -> Iterator[Batch]:
        """Yield photos and drawings, by what was shown: a resumed run sees the same crops."""
        while True:
            rng = np.random.default_rng((self.options.seed, self.shown // self.options.batch))
            photos, drawings = self.objective.batch(rng)
            yield photos.to(self.device), drawings.to(self.device)

    def step(self, batch: Batch) -> dict[str, float]:
        """Take a step of the generator and, once it has joined, of the discriminator."""
        options, objective, (photos, drawings) = self.options, self.objective, batch
        adversarial = self.shown >= options.adversarial_from * options.total
        rate = options.learning_rate * learning_rate_factor(
            self.shown // options.batch, math.ceil(options.total / options.batch)
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate

        with self._autocast():
            outputs = self.generator(photos.to(memory_format=torch.channels_last))
        outputs = _without_margin(outputs.float())
        with self._autocast():
            losses = objective.losses(photos, outputs, drawings)
            if adversarial:
                self.discriminator.requires_grad_(False)
                losses |= objective.adversarial(self.discriminator, photos, outputs, drawings)
                self.discriminator.requires_grad_(True)
        weighted = [objective.weights[name] * loss for name, loss in losses.items()]
        total = sum(weighted, torch.zeros((), device=self.device))
        self.folder.check_finite({"the loss": total.item()}, self.shown, options.learning_rate)
        self.optimizer.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(self.generator.parameters(), LIMIT)
        self.optimizer.step()

        if adversarial:
            losses["discriminator"] = self._discriminator_step(photos, outputs.detach(), drawings)
        self.shown += options.batch
        done = self.shown // options.batch
        self._averaging.update(self.generator, min(EMA_DECAY, (1 + done) / (10 + done)))
        return {name: loss.item() for name, loss in losses.items()}

    def _discriminator_step(self, photos: Tensor, outputs: Tensor, drawings: Tensor) -> Tensor:
        with self._autocast():
            loss = self.objective.discriminator_loss(self.discriminator, photos, outputs, drawings)
        self.discriminator_optimizer.zero_grad()
        loss.backward()
        self.discriminator_optimizer.step()
        return loss.detach()

    def _autocast(self) -> torch.autocast:
        # bfloat16 halves the time of a step on CPUs that multiply it in hardware, and costs
        # little where they do not; the losses and the weights stay float32.
        return torch.autocast(self.device.type, torch.bfloat16)

    def sheet(self) -> np.ndarray:
        """Draw a row a pair: photo, output, drawing; the photo made soft, and its output.

        Of photos alone, which are their own drawings, the first two.
        """
        stylizer = Stylizer(self.average, "sample", self.device)
        rows = []
        for pair in self.testing[:SAMPLES]:
            photo = square(pair.photo, SAMPLE_SIZE)
            row = [photo, stylizer(photo)]
            if pair.drawing is not pair.photo:
                soft = resize(resize(photo, SAMPLE_SOFT), photo.shape[:2])
                row += [square(pair.drawing, SAMPLE_SIZE), soft, stylizer(soft)]
            rows.append(np.concatenate(row, axis=1))
        return np.concatenate(rows)


def learning_rate_factor(step: int, steps: int) -> float:
    """Rise in a short linear warm-up, then fall to zero as half a cosine."""
    warm_up = min(1.0, (step + 1) / max(1, min(WARM_UP, steps // 10)))
    return warm_up * 0.5 * (1 + math.cos(math.pi * step / steps))


def _without_margin(outputs: Tensor) -> Tensor:
    edge = FACTOR * MARGIN
    return outputs[:, :, edge:-edge, edge:-edge]


# --- the result ------------------------------------------------------------------------


def export(training: AnimeTraining, path: Path) -> Path:
    """Write the averaged generator in float16, with what it is in the file's metadata.

    The metrics are those of the rounded weights; without pairs there are none.
    """
    state, options = training.average.state_dict(), training.options
    half = {key: value.half().cpu().contiguous() for key, value in state.items()}
    generator = DrawingNet(**training.config).eval()
    generator.load_state_dict({key: value.float() for key, value in half.items()})
    metadata = {
        "format": "facegen",
        "network": NETWORK,
        "config": json.dumps(training.config),
        "name": options.style,
        "licence": options.licence,
        "licence_meaning": options.licence_meaning,
        "training_data": options.training_data,
        "pictures_shown": str(training.shown),
        "metrics": json.dumps(measure(generator, training.testing) if options.pairs else {}),
    }
    whole = path.with_suffix(".tmp")
    save_file(half, whole, metadata)
    os.replace(whole, path)
    return path


@torch.inference_mode()
def measure(generator: nn.Module, testing: list[Pair]) -> dict[str, float | int]:
    """Measure how far outputs, and how far the photos themselves, are from the drawings.

    All at the drawing's size. l1: mean absolute difference of RGB in [0, 1]. ssim: see `ssim`.
    Means over the pairs.
    """
    stylizer = Stylizer(generator, "measured")
    facts = Averages[float]()
    for pair in testing:
        shape = pair.drawing.shape[:2]
        for name, pixels in (("", stylizer(pair.photo)), ("_photo", pair.photo)):
            made = resize(pixels, shape)
            difference = np.abs(made.astype(np.float32) - pair.drawing).mean()
            facts.add({f"l1{name}": float(difference) / 255})
            facts.add({f"ssim{name}": _ssim(made, pair.drawing)})
    means = {name: round(value, 4) for name, value in facts.take().items()}
    return {"test_pairs": len(testing), **means}


def _ssim(a: np.ndarray, b: np.ndarray) -> float:
    planes = (torch.from_numpy(x).permute(2, 0, 1)[None].double() / 127.5 - 1 for x in (a, b))
    return ssim(*planes).item()
