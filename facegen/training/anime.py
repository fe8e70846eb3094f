"""Trains a drawing network: a style of one's own from pairs, or from unpaired pictures.

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
from ..images import resize
from ..measure.perceptual import features_at_hand
from ..networks.drawing import FACTOR, MARGIN, DrawingNet
from ..stylize import Stylizer
from . import memory_estimate
from .averaging import Average
from .options import AnimeTrainOptions
from .pairs import Pair, read_pairs, read_pictures, split
from .run import CHECKPOINT, Progress, RunFolder, loop
from .strokes import FromPairs, FromPictures, Objective, ssim

EMA_DECAY = 0.998
FEATURES = "efficientnet-lite0"
NETWORK = "drawing"  # what an exported file calls its network
SAMPLES = 6  # rows of a sheet
SAMPLE_SIZE = 512  # pixels a side, there
SAMPLE_SOFT = 64  # pixels a side of a face that is then enlarged, there
DISCRIMINATOR_RATE = 2e-4  # Adam's, of the discriminator: faster it would win at once
LIMIT = 1.0  # of the gradient's norm; without normalisation a step may otherwise go far astray
WARM_UP = 100  # steps until the learning rate is whole, at most a tenth of all
# The options that a run cannot change half-way.
SHAPE = ("style", "total", "batch", "crop", "width", "detail", "seed")

Batch = tuple[Tensor, Tensor]  # photos, drawings


def train(options: AnimeTrainOptions, progress: Progress | None = None) -> Path:
    """Train, or go on with, one style; return the path of OUT/anime-STYLE.safetensors.

    The folder is that of every run, see training.run; its sheets show test pairs: photo, output,
    drawing, the photo made soft, its output; without pairs photo and output. Raises DataError for
    unusable pictures, OptionError for the folder of another run, TrainingError for a loss that is
    no number or weights of the features that are not at hand, KeyboardInterrupt after Ctrl-C, when
    the step is finished and saved.
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    folder = RunFolder(options.out)
    state = folder.begin(options, SHAPE)
    device = runtime.choose_device(options.device)
    objective, testing = _objective(options, device)
    training = AnimeTraining(options, objective, testing, device, folder)
    if state is not None:
        training.restore(state)
    elif options.start:
        training.start_from(Path(options.start))
    loop(training, training.batches(), progress)
    return export(training, Path(options.out) / f"anime-{options.style}.safetensors")


def plan(options: AnimeTrainOptions) -> dict[str, float]:
    """What a run needs, without starting it: see memory_estimate.estimate_anime.

    Raises DataError for a folder that is missing, or holds nothing to learn from.
    """
    return memory_estimate.estimate_anime(options, options.sources())


def _objective(options: AnimeTrainOptions, device: torch.device) -> tuple[Objective, list[Pair]]:
    """What to learn from, and what to measure with; unpaired: photos alone, to look at."""
    features = _features(options, device)
    if options.photos:
        photos = read_pictures(Path(options.photos), options.crop)
        drawings = read_pictures(Path(options.drawings), options.crop)
        shown = [Pair(f"{i:02d}", p, p) for i, p in enumerate(photos[:SAMPLES])]
        return FromPictures(options, photos, drawings, features), shown
    pairs = read_pairs(options.pairs_folder, smallest=options.crop)
    training, testing = split(pairs, options.tests)
    return FromPairs(options, training, features), testing


def _features(options: AnimeTrainOptions, device: torch.device):
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


class AnimeTraining:
    """The two networks, their optimisers and the state of a run. folder: which has begun."""

    def __init__(
        self,
        options: AnimeTrainOptions,
        objective: Objective,
        testing: list[Pair],
        device: torch.device,
        folder: RunFolder,
    ):
        self.options, self.objective, self.testing, self.device = (
            options, objective, testing, device,
        )  # fmt: skip
        self.folder = folder
        self.config = {"width": options.width, "detail": options.detail}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            generator, discriminator = DrawingNet(**self.config), objective.discriminator()
        self.generator = self._placed(generator)
        self.discriminator = self._placed(discriminator)
        self._averaging = Average(self.generator)
        self.average = self._averaging.module
        self.optimizer = torch.optim.Adam(
            self.generator.parameters(), options.learning_rate, betas=(0.9, 0.99)
        )
        self.discriminator_optimizer = torch.optim.Adam(
            self.discriminator.parameters(), DISCRIMINATOR_RATE, betas=(0.5, 0.99)
        )
        self.shown = 0

    def _placed(self, network: nn.Module) -> nn.Module:
        return network.to(self.device, memory_format=torch.channels_last)

    _PARTS = ("generator", "average", "discriminator", "optimizer", "discriminator_optimizer")

    def save(self) -> None:
        """Write the whole state, see RunFolder.save."""
        state = {name: getattr(self, name).state_dict() for name in self._PARTS}
        self.folder.save({**state, "network": NETWORK, "shown": self.shown}, self.options)

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with a saved state."""
        for name in self._PARTS:
            getattr(self, name).load_state_dict(state[name])
        self.shown = state["shown"]

    def start_from(self, path: Path) -> None:
        """Begin with the network of another style's run. Raises TrainingError."""
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            average, width = state["average"], json.loads(state["options"])["width"]
        except Exception as error:  # what a foreign file may raise is torch's to know
            raise TrainingError(
                f"{path} is no state of this trainer ({type(error).__name__}); name a {CHECKPOINT} "
                "that 'train anime' wrote"
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
        """Photos and drawings for step after step, by what was shown: a run that goes on sees the
        crops that it would have seen."""
        while True:
            rng = np.random.default_rng((self.options.seed, self.shown // self.options.batch))
            photos, drawings = self.objective.batch(rng)
            yield photos.to(self.device), drawings.to(self.device)

    def step(self, batch: Batch) -> dict[str, float]:
        """One step of the generator and, once it has joined, of the discriminator."""
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
        total = sum(objective.weights[name] * loss for name, loss in losses.items())
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
        """Columns: photo, output, drawing; the same photo made soft, and its output. Rows: pairs.
        Of photos alone, which are their own drawings, the first two."""
        stylizer = Stylizer(self.average, "sample", self.device)
        rows = []
        for pair in self.testing[:SAMPLES]:
            photo = _square(pair.photo, SAMPLE_SIZE)
            row = [photo, stylizer(photo)]
            if pair.drawing is not pair.photo:
                soft = resize(resize(photo, SAMPLE_SOFT), photo.shape[:2])
                row += [_square(pair.drawing, SAMPLE_SIZE), soft, stylizer(soft)]
            rows.append(np.concatenate(row, axis=1))
        return np.concatenate(rows)


def learning_rate_factor(step: int, steps: int) -> float:
    """A short linear warm-up, then half a cosine down to zero."""
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
    """How far outputs, and how far the photos themselves, are from the drawings.

    All at the drawing's size. l1: mean absolute difference of RGB in [0, 1]. ssim: see `ssim`.
    Means over the pairs.
    """
    stylizer = Stylizer(generator, "measured")
    rows = []
    for pair in testing:
        shape = pair.drawing.shape[:2]
        output, photo = (resize(p, shape) for p in (stylizer(pair.photo), pair.photo))
        rows.append(
            {
                "l1": _l1(output, pair.drawing),
                "l1_photo": _l1(photo, pair.drawing),
                "ssim": _ssim(output, pair.drawing),
                "ssim_photo": _ssim(photo, pair.drawing),
            }
        )
    means = {key: round(float(np.mean([row[key] for row in rows])), 4) for key in rows[0]}
    return {"test_pairs": len(rows), **means}


def _l1(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(np.float32) - b).mean()) / 255


def _ssim(a: np.ndarray, b: np.ndarray) -> float:
    planes = (torch.from_numpy(x).permute(2, 0, 1)[None].double() / 127.5 - 1 for x in (a, b))
    return ssim(*planes).item()


def _square(pixels: np.ndarray, size: int) -> np.ndarray:
    """The middle of a picture, size x size."""
    side = min(pixels.shape[:2])
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    return resize(np.ascontiguousarray(pixels[top : top + side, left : left + side]), size)
