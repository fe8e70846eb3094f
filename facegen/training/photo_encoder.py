"""Train the companion of a MobileStyleGAN on its own pictures: five stages and a file.

pairs/, preview/        finished pictures with what the preview head draws from; the head
pool/                   random codes and their previews, uint8: they stay on disk and may grow
first/, further/        the encoder: a first look, and looks at what the generator makes of it
natural/                what a classifier sees in natural and in broken pictures
encoder.safetensors     the companion (models.mobile.save_companion)

Each stage begins where it was left. See docs/training.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from .. import runtime, weights
from ..errors import OptionError
from ..measure.perceptual import features_at_hand
from ..models.face_model import sample_w
from ..models.families import mobile_stylegan
from ..networks.mobile_stylegan import MobileGenerator
from ..networks.photo_encoder import PhotoEncoder
from . import memory_estimate, natural, parallel, preview_head
from .data import Records
from .looks import Codes, FirstLook, FurtherLooks
from .options import PhotoEncoderOptions
from .preview_head import HeadTraining
from .run import Progress, RunFolder

COMPANION = "encoder.safetensors"
BODY = "efficientnet-lite0"  # what the encoder's body begins with
POOL_AGREES = ("model", "seed", "preview_samples", "preview_crops")
LICENCE = "as the generator it was trained for: treat it as non-commercial"


@dataclass(frozen=True)
class Parts:
    """What a run stands on."""

    generator: MobileGenerator
    body: Mapping[str, Tensor] | None  # the encoder's; None: it begins from nothing
    features: natural.Features | None = None  # None: naturalness is not fitted


def load_parts(options: PhotoEncoderOptions, device: torch.device) -> Parts:
    """Load both networks. Raises WeightsError, or OptionError for another model."""
    _, body, _ = weights.load(weights.find(BODY))
    generator = _load_generator(options, device)
    return Parts(generator, body, features_at_hand(device))


def _load_generator(options: PhotoEncoderOptions, device: torch.device) -> MobileGenerator:
    path, content, metadata = weights.load(weights.find(options.model))
    if not mobile_stylegan.is_mobile(content, metadata):
        raise OptionError(
            f"model is {options.model}, which is not a MobileStyleGAN; 'train encoder' makes "
            "encoders of other generators"
        )
    return mobile_stylegan.load_generator(content, path.name, device)


def plan(options: PhotoEncoderOptions) -> dict[str, float]:
    """Estimate what the run needs, without starting it.

    Raises OptionError for another model, WeightsError.
    """
    generator = _load_generator(options, torch.device("cpu"))
    records = _records(options, generator)
    wanted = {"pairs": options.preview_samples, "pool": options.samples}
    missing = sum(
        max(0, wanted[name] - len(records[name])) * records[name].bytes_each for name in wanted
    )
    return memory_estimate.estimate_photo_encoder(options, generator.config) | {
        "records_mb": missing / 1e6
    }


def _records(options: PhotoEncoderOptions, generator: MobileGenerator) -> dict[str, Records]:
    out = Path(options.out)
    return {
        "pairs": preview_head.pairs(out / "pairs", generator),
        "pool": preview_head.pool(out / "pool", generator),
    }


def train(
    options: PhotoEncoderOptions,
    export: Path | None = None,
    progress: Progress | None = None,
    say: Callable[[str], object] = lambda line: None,
    parts: Parts | None = None,
) -> Path:
    """Run all stages, or what is left of them; returns the companion's file.

    export: gets the file as well. Raises OptionError if the folder holds a run of other options,
    KeyboardInterrupt after Ctrl-C, when the step is finished and saved.
    """
    if parallel.started() > 1:
        raise OptionError(f"WORLD_SIZE is {parallel.started()}; this trainer runs in one process")
    device = runtime.choose_device(options.device)
    out = Path(options.out)
    agree = {stage.name: stage.SHAPE for stage in (HeadTraining, FirstLook, FurtherLooks)}
    for name, shape in (agree | {"pool": POOL_AGREES}).items():  # before anything is computed
        if (out / name).is_dir():
            RunFolder(out / name).begin(options, shape)
    folder = RunFolder(out)
    folder.begin(options, ())
    parts = parts or load_parts(options, device)
    folder.start()
    generator, records = parts.generator, _records(options, parts.generator)
    pairs, pool, seed = records["pairs"], records["pool"], options.seed

    say("preview head: pairs of features and finished pictures")
    preview_head.fill_pairs(pairs, generator, seed, options.preview_samples, progress)
    head = HeadTraining(options, pairs, device)
    head.run(progress)
    generator.head.load_state_dict(head.finished().state_dict())
    if generator.rough is not None:
        generator.roughen()  # with the head that it has now
    numbers = head.measure()
    say(f"preview head: {numbers['psnr']:.1f} dB on held-out codes")

    say("pool: codes and their previews")
    folder = RunFolder(pool.folder)
    begun = folder.begin(options, POOL_AGREES) is not None
    folder.start()
    if not begun:
        folder.save({}, options)  # its pictures are this head's
    preview_head.fill_pool(pool, generator, seed, options.samples, progress)
    pictures, w = (pool.read(name, options.samples) for name in ("pictures", "w"))
    codes = Codes(pictures, w, sample_w(generator), device, FirstLook.held_out)

    say("encoder: first look")
    looks: FirstLook | FurtherLooks = FirstLook(options, generator, codes, parts.body)
    looks.run(progress)
    if options.looks > 1:
        say("encoder: further looks")
        looks = FurtherLooks(options, generator, codes, looks.encoder_ema)
        looks.run(progress)
    encoder, explained = looks.finished()
    say("encoder: R^2 on held-out codes " + _listed(explained))

    facts = _facts(options, numbers, explained, encoder)
    fitted: dict[str, Tensor] = {}
    if parts.features is not None:
        say("natural faces: samples against broken ones")
        fitted, wrong = natural.fit(
            out / "natural", generator, parts.features, seed, options.natural_samples, progress
        )
        facts["natural_samples"] = str(options.natural_samples)
        facts["natural_wrong"] = ", ".join(f"{name} {part:.3f}" for name, part in wrong.items())
    for path in (out / COMPANION, export):
        if path:
            state = generator.head.state_dict()
            mobile_stylegan.save_companion(path, state, encoder, fitted, facts)
    return out / COMPANION


def _facts(
    options: PhotoEncoderOptions,
    numbers: Mapping[str, float],
    explained: Sequence[float],
    encoder: PhotoEncoder,
) -> dict[str, str]:
    o = options
    views = f"{o.first_views}" + (f" and {o.further_views}" if o.looks > 1 else "")
    return {
        "title": f"Preview head and encoder of {o.model}",
        "licence": LICENCE,
        "licence_meaning": "non-commercial use only",
        "training_data": f"{o.samples} random codes of {o.model} and their previews, no "
        f"photograph; the encoder's body began as {BODY} (Apache-2.0, ImageNet)",
        "preview_samples": str(o.preview_samples),
        "preview_psnr": f"{numbers['psnr']:.2f} dB, at worst {numbers['psnr_worst']:.2f}",
        "views": views,
        "looks": str(encoder.config.looks),
        "r2_held_out": _listed(explained),
    }


def _listed(numbers: Sequence[float]) -> str:
    return ", ".join(f"{number:.3f}" for number in numbers)
