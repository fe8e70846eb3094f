"""Trains an AnimeGANv2-type generator from photo/anime pairs.

AnimeGANv2 itself learns from unpaired pictures by VGG features; with pairs at hand the
drawing itself is the target, and a few minutes on a CPU are enough. Objective:

    |y - t| + g |grad y - grad t| + c |mean8(y) - mean8(t)| + s (1 - ssim(y, t))
            + f |D_i(y) - D_i(t)| + a (1 - D(y))^2

where y is the output, t the drawing, grad the differences of neighbouring pixels (outlines),
mean8 the average of 8x8 pixels (colour), ssim the structural similarity (contrast, which L1
alone would blur away), and D a patch discriminator that joins late (least squares, Mao et al.
2016, https://arxiv.org/abs/1611.04076) with features D_i (feature matching, Wang et al. 2018,
https://arxiv.org/abs/1711.11585).
"""

from __future__ import annotations

import copy
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
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import Cancelled, TrainingError
from ..images import encode_png, luma, to_pixels, to_tensor
from ..networks.animegan import STRIDE, Generator, PatchDiscriminator
from .options import AnimeTrainOptions
from .pairs import Pair, random_crops, read_pairs, soften, split
from .run import stopping

EMA_DECAY = 0.998
CHECKPOINT = "checkpoint.pt"
# In samples.png: a face of 64 pixels enlarged to 256.
SAMPLE_SOFTNESS = 4.0
# The options that a run cannot change half-way.
FIXED = ("style", "steps", "batch", "crop", "width", "seed")
LOSS_NAMES = (
    "pixel",
    "gradient",
    "colour",
    "structure",
    "features",
    "adversarial",
    "discriminator",
)

Progress = Callable[[dict[str, float]], None]


def train(options: AnimeTrainOptions, progress: Progress | None = None) -> Path:
    """Train, or go on with, one style; return the path of OUT/anime-STYLE.safetensors.

    progress(facts) gets the step and the losses every log_every steps; what it raises ends
    the run after a checkpoint, so a cancelled run can be continued. Writes checkpoint.pt,
    log.csv and samples.png (test pairs: photo, output, drawing, the photo made soft, its
    output). Raises DataError for unusable pairs, TrainingError for a checkpoint of another
    run or a loss that is no number, KeyboardInterrupt after Ctrl-C, when the step is finished and
    saved.
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    folder = Path(options.pairs)
    if (folder / options.style).is_dir():
        folder = folder / options.style
    training, testing = split(read_pairs(folder, smallest=options.crop))
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)

    run = Run(options)
    checkpoint = out / CHECKPOINT
    if checkpoint.exists():
        run.load(checkpoint)
    try:
        with stopping() as asked:
            while run.step < options.steps and not asked.is_set():
                losses = run.train_step(training)
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


class Run:
    """Everything that changes during training."""

    def __init__(self, options: AnimeTrainOptions):
        self.options = options
        self.config = {"width": options.width, "align_corners": False, "skips": True}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            self.generator = Generator(**self.config).to(memory_format=torch.channels_last)
            self.discriminator = PatchDiscriminator().to(memory_format=torch.channels_last)
        if options.start and not (Path(options.out) / CHECKPOINT).exists():
            self.generator.load_state_dict(self._read(Path(options.start), ("width",))["average"])
        self.average = copy.deepcopy(self.generator)
        self.average.eval().requires_grad_(False)
        self.optimizer = torch.optim.Adam(
            self.generator.parameters(), options.learning_rate, betas=(0.9, 0.99)
        )
        self.judge = torch.optim.Adam(self.discriminator.parameters(), 1e-3, betas=(0.5, 0.99))
        self.step = 0

    def train_step(self, pairs: list[Pair]) -> dict[str, float]:
        """One step of the generator and, once it has joined, of the discriminator."""
        options = self.options
        # A generator of its own per step: a continued run sees the crops it would have seen.
        rng = np.random.default_rng((options.seed, self.step))
        photos, drawings = random_crops(pairs, options.batch, options.crop, rng)
        photos = photos.to(memory_format=torch.channels_last)
        judged = self.step >= options.adversarial_from * options.steps
        for group in self.optimizer.param_groups:
            group["lr"] = options.learning_rate * learning_rate_factor(self.step, options.steps)

        with _autocast():
            outputs = self.generator(photos)
        outputs = outputs.float()
        losses = {
            "pixel": F.l1_loss(outputs, drawings),
            "gradient": gradient_loss(outputs, drawings),
            "colour": F.l1_loss(F.avg_pool2d(outputs, 8), F.avg_pool2d(drawings, 8)),
            "structure": 1 - ssim(outputs, drawings),
        }
        total = losses["pixel"]
        for name in ("gradient", "colour", "structure"):
            total = total + getattr(options, name) * losses[name]
        if judged:
            losses |= self._judgement(photos, outputs, drawings)
            total = total + options.features * losses["features"]
            total = total + options.adversarial * losses["adversarial"]
        if not torch.isfinite(total):
            raise TrainingError(
                f"the loss is {total.item()} at step {self.step}; it must be finite, so start "
                f"again in an empty folder with a learning rate below {options.learning_rate}"
            )
        self.optimizer.zero_grad()
        total.backward()
        self.optimizer.step()

        if judged:
            losses["discriminator"] = self._judge_step(photos, outputs.detach(), drawings)
        self.step += 1
        decay = min(EMA_DECAY, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, new in zip(
                self.average.parameters(), self.generator.parameters(), strict=True
            ):
                mean.lerp_(new, 1 - decay)
        return {name: loss.item() for name, loss in losses.items()}

    def _judgement(self, photos: Tensor, outputs: Tensor, drawings: Tensor) -> dict[str, Tensor]:
        """What the discriminator has to say on the outputs; it learns nothing from it."""
        self.discriminator.requires_grad_(False)
        with _autocast():
            *made, logits = self.discriminator(photos, outputs)
            *drawn, _ = self.discriminator(photos, drawings)
        self.discriminator.requires_grad_(True)
        distances = [F.l1_loss(a.float(), b.float()) for a, b in zip(made, drawn, strict=True)]
        return {
            "features": torch.stack(distances).mean(),
            "adversarial": (1 - logits.float()).square().mean(),
        }

    def _judge_step(self, photos: Tensor, outputs: Tensor, drawings: Tensor) -> Tensor:
        with _autocast():
            drawn = self.discriminator(photos, drawings)[-1].float()
            made = self.discriminator(photos, outputs)[-1].float()
        loss = (1 - drawn).square().mean() + made.square().mean()
        self.judge.zero_grad()
        loss.backward()
        self.judge.step()
        return loss.detach()

    def _parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        names = ("generator", "average", "discriminator", "optimizer", "judge")
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


def gradient_loss(outputs: Tensor, drawings: Tensor) -> Tensor:
    """L1 between the differences of horizontal and of vertical neighbours: the outlines."""
    horizontal = F.l1_loss(outputs.diff(dim=3), drawings.diff(dim=3))
    return horizontal + F.l1_loss(outputs.diff(dim=2), drawings.diff(dim=2))


def _autocast() -> torch.autocast:
    # bfloat16 halves the time of a step on CPUs that multiply it in hardware, and costs
    # little where they do not; the losses and the weights stay float32.
    return torch.autocast("cpu", torch.bfloat16)


# --- the result ------------------------------------------------------------------------


def export(run: Run, testing: list[Pair], path: Path) -> Path:
    """Write the averaged generator in float16, with what it is in the file's metadata.

    The metrics are those of the rounded weights.
    """
    half = {key: value.half().contiguous() for key, value in run.average.state_dict().items()}
    generator = Generator(**run.config).eval()
    generator.load_state_dict({key: value.float() for key, value in half.items()})
    options = run.options
    metadata = {
        "format": "facegen",
        "network": "animegan",
        "config": json.dumps(run.config),
        "name": options.style,
        "licence": options.licence,
        "licence_meaning": options.licence_meaning,
        "training_data": options.training_data,
        "metrics": json.dumps(measure(generator, testing)),
    }
    whole = path.with_suffix(".tmp")
    save_file(half, whole, metadata)
    os.replace(whole, path)
    return path


@torch.inference_mode()
def measure(generator: nn.Module, testing: list[Pair]) -> dict[str, float | int]:
    """How far outputs, and how far the photos themselves, are from the drawings.

    l1: mean absolute difference of RGB in [0, 1]. ssim: see `ssim`. Means over the pairs.
    """
    rows = []
    for pair in testing:
        photo, drawing = (_trim(to_tensor(pixels)) for pixels in (pair.photo, pair.anime))
        output = generator(photo).clamp(-1, 1)
        # A difference of 2 in [-1, 1] is one of 1 in [0, 1].
        rows.append(
            {
                "l1": F.l1_loss(output, drawing).item() / 2,
                "l1_photo": F.l1_loss(photo, drawing).item() / 2,
                "ssim": ssim(output.double(), drawing.double()).item(),
                "ssim_photo": ssim(photo.double(), drawing.double()).item(),
            }
        )
    means = {key: round(float(np.mean([row[key] for row in rows])), 4) for key in rows[0]}
    return {"test_pairs": len(rows), **means}


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Structural similarity of images' luma, a scalar; 1 for equal images.

    Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861: Gaussian window of 11 pixels,
    sigma 1.5, K1 = 0.01, K2 = 0.03, L = 1. Images are [N, 3, H, W] in [-1, 1].
    """
    # SSIM compares means by their ratio, so black has to be 0.
    a, b = (luma((i + 1) / 2) for i in (a, b))
    at = torch.arange(11, dtype=a.dtype) - 5
    window = torch.exp(-(at**2) / (2 * 1.5**2))
    window = window / window.sum()

    def blur(images: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(images, window.view(1, 1, 1, -1)), window.view(1, 1, -1, 1))

    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    top = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return (top / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))).mean()


def _trim(images: Tensor) -> Tensor:
    height, width = (side - side % STRIDE for side in images.shape[2:])
    return images[:, :, :height, :width]


# --- to look at ------------------------------------------------------------------------


def _log(path: Path, step: int, losses: Mapping[str, float]) -> None:
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if fresh:
            writer.writerow(["step", "time", *LOSS_NAMES])
        values = [f"{losses[name]:.5f}" if name in losses else "" for name in LOSS_NAMES]
        writer.writerow([step, round(time.time()), *values])


@torch.inference_mode()
def _save_samples(generator: nn.Module, testing: list[Pair], path: Path, size: int = 256) -> None:
    """Columns: photo, output, drawing; the same photo made soft, and its output. Rows: pairs."""
    rows = []
    for pair in testing:
        photo, drawing = (_centre(to_tensor(p), size) for p in (pair.photo, pair.anime))
        soft = soften(photo, SAMPLE_SOFTNESS)
        rows.append(torch.cat([photo, generator(photo), drawing, soft, generator(soft)], dim=3))
    path.write_bytes(encode_png(to_pixels(torch.cat(rows, dim=2))[0]))


def _centre(images: Tensor, size: int) -> Tensor:
    size = min(size, *images.shape[2:])
    size -= size % STRIDE
    top, left = ((side - size) // 2 for side in images.shape[2:])
    return images[:, :, top : top + size, left : left + size]
