"""Trains a drawing network: a style of one's own from pairs, or from unpaired pictures.

training.strokes says what is learned. From pairs one CPU core needs half an hour.
"""

from __future__ import annotations

import csv
import json
import math
import os
import pickle
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import Cancelled, TrainingError
from ..images import encode_png, resize
from ..measure.perceptual import features_at_hand
from ..networks.drawing import FACTOR, MARGIN, DrawingNet
from ..stylize import Stylizer
from .averaging import Average
from .options import AnimeTrainOptions
from .pairs import Pair, read_pairs, read_pictures, split
from .run import stopping
from .strokes import FromPairs, FromPictures, Objective, ssim

EMA_DECAY = 0.998
CHECKPOINT = "checkpoint.pt"
FEATURES = "efficientnet-lite0"
NETWORK = "drawing"  # what an exported file calls its network
SAMPLES = 6  # in samples.png
SAMPLE_SOFT = 64  # pixels a side, there, of a face that is then enlarged
DISCRIMINATOR_RATE = 2e-4  # Adam's, of the discriminator: faster it would win at once
LIMIT = 1.0  # of the gradient's norm; without normalisation a step may otherwise go far astray
# The options that a run cannot change half-way.
FIXED = ("style", "steps", "batch", "crop", "width", "detail", "seed")
LOSS_NAMES = (
    "pixel",
    "gradient",
    "structure",
    "perceptual",
    "features",
    "content",
    "style_grey",
    "colour",
    "adversarial",
    "discriminator",
)

Progress = Callable[[dict[str, float]], None]


def train(options: AnimeTrainOptions, progress: Progress | None = None) -> Path:
    """Train, or go on with, one style; return the path of OUT/anime-STYLE.safetensors.

    progress(facts) gets the step and the losses every log_every steps; what it raises ends
    the run after a checkpoint, so a cancelled run can be continued. Writes checkpoint.pt,
    log.csv and samples.png (test pairs: photo, output, drawing, the photo made soft, its
    output; without pairs: photo, output). Raises DataError for unusable pictures, TrainingError
    for a checkpoint of another run, a loss that is no number, or weights of the features that
    are not at hand, KeyboardInterrupt after Ctrl-C, when the step is finished and saved.
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    objective, testing = _objective(options)
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)

    run = Run(options, objective)
    checkpoint = out / CHECKPOINT
    if checkpoint.exists():
        run.load(checkpoint)
    try:
        with stopping() as asked:
            while run.step < options.steps and not asked.is_set():
                losses = run.train_step()
                if run.step % options.save_every == 0:
                    run.save(checkpoint)
                    _save_samples(run.average, testing, out / "samples.png")
                if run.step % options.log_every == 0:
                    _log(out / "log.csv", run.step, losses)
                    if progress is not None:
                        progress({"step": run.step, **losses})
    except Cancelled:
        run.save(checkpoint)
        raise
    run.save(checkpoint)
    _save_samples(run.average, testing, out / "samples.png")
    if run.step < options.steps:
        raise KeyboardInterrupt
    return export(run, testing, out / f"anime-{options.style}.safetensors")


def _objective(options: AnimeTrainOptions) -> tuple[Objective, list[Pair]]:
    """What to learn from, and what to measure with; unpaired: photos alone, to look at."""
    features = _features(options)
    if options.photos:
        photos = read_pictures(Path(options.photos), options.crop)
        drawings = read_pictures(Path(options.drawings), options.crop)
        shown = [Pair(f"{i:02d}", p, p) for i, p in enumerate(photos[:SAMPLES])]
        return FromPictures(options, photos, drawings, features), shown
    folder = Path(options.pairs)
    if (folder / options.style).is_dir():
        folder = folder / options.style
    training, testing = split(read_pairs(folder, smallest=options.crop), options.tests)
    return FromPairs(options, training, features), testing


def _features(options: AnimeTrainOptions):
    if options.pairs and not options.perceptual:
        return None
    features = features_at_hand(torch.device("cpu"))
    if features is None:
        without = "; or leave them out with --perceptual 0" if options.pairs else ""
        raise TrainingError(
            f"the features of {FEATURES} are not on this machine; get them with "
            f"'weights fetch {FEATURES}'{without}"
        )
    return features


class Run:
    """Everything that changes during training."""

    def __init__(self, options: AnimeTrainOptions, objective: Objective):
        self.options, self.objective = options, objective
        self.config = {"width": options.width, "detail": options.detail}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            self.generator = DrawingNet(**self.config).to(memory_format=torch.channels_last)
            discriminator = objective.discriminator()
            self.discriminator = discriminator.to(memory_format=torch.channels_last)
        if options.start and not (Path(options.out) / CHECKPOINT).exists():
            self.generator.load_state_dict(self._read(Path(options.start), ("width",))["average"])
        self._averaging = Average(self.generator)
        self.average = self._averaging.module
        self.optimizer = torch.optim.Adam(
            self.generator.parameters(), options.learning_rate, betas=(0.9, 0.99)
        )
        self.discriminator_optimizer = torch.optim.Adam(
            self.discriminator.parameters(), DISCRIMINATOR_RATE, betas=(0.5, 0.99)
        )
        self.step = 0

    def train_step(self) -> dict[str, float]:
        """One step of the generator and, once it has joined, of the discriminator."""
        options, objective = self.options, self.objective
        # A generator of its own per step: a continued run sees the crops it would have seen.
        rng = np.random.default_rng((options.seed, self.step))
        photos, drawings = objective.batch(rng)
        adversarial = self.step >= options.adversarial_from * options.steps
        for group in self.optimizer.param_groups:
            group["lr"] = options.learning_rate * learning_rate_factor(self.step, options.steps)

        with _autocast():
            outputs = self.generator(photos.to(memory_format=torch.channels_last))
        outputs = _without_margin(outputs.float())
        with _autocast():
            losses = objective.losses(photos, outputs, drawings)
            if adversarial:
                self.discriminator.requires_grad_(False)
                losses |= objective.adversarial(self.discriminator, photos, outputs, drawings)
                self.discriminator.requires_grad_(True)
        total = sum(objective.weights[name] * loss for name, loss in losses.items())
        if not torch.isfinite(total):
            raise TrainingError(
                f"the loss is {total.item()} at step {self.step}; it must be finite, so start "
                f"again in an empty folder with a learning rate below {options.learning_rate}"
            )
        self.optimizer.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(self.generator.parameters(), LIMIT)
        self.optimizer.step()

        if adversarial:
            losses["discriminator"] = self._discriminator_step(photos, outputs.detach(), drawings)
        self.step += 1
        keep = min(EMA_DECAY, (1 + self.step) / (10 + self.step))
        self._averaging.update(self.generator, keep)
        return {name: loss.item() for name, loss in losses.items()}

    def _discriminator_step(self, photos: Tensor, outputs: Tensor, drawings: Tensor) -> Tensor:
        with _autocast():
            loss = self.objective.discriminator_loss(self.discriminator, photos, outputs, drawings)
        self.discriminator_optimizer.zero_grad()
        loss.backward()
        self.discriminator_optimizer.step()
        return loss.detach()

    def _parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        names = ("generator", "average", "discriminator", "optimizer", "discriminator_optimizer")
        return {name: getattr(self, name) for name in names}

    def save(self, path: Path) -> None:
        state = {name: part.state_dict() for name, part in self._parts().items()}
        identity = {name: getattr(self.options, name) for name in FIXED}
        state |= {"step": self.step, "identity": identity}
        whole = path.with_suffix(".tmp")
        torch.save(state, whole)
        os.replace(whole, path)

    def load(self, path: Path) -> None:
        state = self._read(path, FIXED)
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.step = state["step"]

    def _read(self, path: Path, fixed: tuple[str, ...]) -> dict:
        """A checkpoint whose run had our values of the options named in fixed."""
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            theirs = {name: state["identity"][name] for name in fixed}
        except (OSError, KeyError, RuntimeError, pickle.UnpicklingError) as error:
            raise TrainingError(
                f"{path} is no checkpoint of this trainer ({type(error).__name__}); name a "
                f"{CHECKPOINT} that it wrote, or choose another folder"
            ) from error
        for name in fixed:
            ours = getattr(self.options, name)
            if theirs[name] != ours:
                raise TrainingError(
                    f"{path} was trained with {name} {theirs[name]}, this run has {ours}; go on "
                    "with the same options or choose another folder"
                )
        return state


def learning_rate_factor(step: int, steps: int) -> float:
    """A short linear warm-up, then half a cosine down to zero."""
    warm_up = min(1.0, (step + 1) / max(1, min(100, steps // 10)))
    return warm_up * 0.5 * (1 + math.cos(math.pi * step / steps))


def _without_margin(outputs: Tensor) -> Tensor:
    edge = FACTOR * MARGIN
    return outputs[:, :, edge:-edge, edge:-edge]


def _autocast() -> torch.autocast:
    # bfloat16 halves the time of a step on CPUs that multiply it in hardware, and costs
    # little where they do not; the losses and the weights stay float32.
    return torch.autocast("cpu", torch.bfloat16)


# --- the result ------------------------------------------------------------------------


def export(run: Run, testing: list[Pair], path: Path) -> Path:
    """Write the averaged generator in float16, with what it is in the file's metadata.

    The metrics are those of the rounded weights; without pairs there are none.
    """
    half = {key: value.half().contiguous() for key, value in run.average.state_dict().items()}
    generator = DrawingNet(**run.config).eval()
    generator.load_state_dict({key: value.float() for key, value in half.items()})
    options = run.options
    metadata = {
        "format": "facegen",
        "network": NETWORK,
        "config": json.dumps(run.config),
        "name": options.style,
        "licence": options.licence,
        "licence_meaning": options.licence_meaning,
        "training_data": options.training_data,
        "metrics": json.dumps(measure(generator, testing) if options.pairs else {}),
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


# --- to look at ------------------------------------------------------------------------


def _log(path: Path, step: int, losses: Mapping[str, float]) -> None:
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if fresh:
            writer.writerow(["step", "time", *LOSS_NAMES])
        values = [f"{losses[name]:.5f}" if name in losses else "" for name in LOSS_NAMES]
        writer.writerow([step, round(time.time()), *values])


def _save_samples(generator: nn.Module, testing: list[Pair], path: Path, size: int = 512) -> None:
    """Columns: photo, output, drawing; the same photo made soft, and its output. Rows: pairs.
    Of photos alone, which are their own drawings, the first two."""
    stylizer = Stylizer(generator, "sample")
    rows = []
    for pair in testing[:SAMPLES]:
        photo = _square(pair.photo, size)
        if pair.drawing is pair.photo:
            rows.append(np.concatenate([photo, stylizer(photo)], axis=1))
            continue
        drawing, soft = _square(pair.drawing, size), _soft(photo)
        row = [photo, stylizer(photo), drawing, soft, stylizer(soft)]
        rows.append(np.concatenate(row, axis=1))
    path.write_bytes(encode_png(np.concatenate(rows)))


def _square(pixels: np.ndarray, size: int) -> np.ndarray:
    """The middle of a picture, size x size."""
    side = min(pixels.shape[:2])
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    return resize(np.ascontiguousarray(pixels[top : top + side, left : left + side]), size)


def _soft(pixels: np.ndarray) -> np.ndarray:
    return resize(resize(pixels, SAMPLE_SOFT), pixels.shape[:2])
