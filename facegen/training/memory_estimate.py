"""What a run will need, before it starts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image
from torch import nn

from ..errors import OptionError
from ..measure.identity import dlib_network
from ..models.loading import resized
from ..networks import dcgan, drawing
from ..networks.discriminator import Discriminator
from ..networks.efficientnet_lite import EfficientNetLite0
from ..networks.encoder import Encoder, EncoderConfig
from ..networks.face_resnet import FaceResNet
from ..networks.mobile_stylegan import MobileConfig, MobileGenerator
from ..networks.patch_discriminator import PatchDiscriminator
from ..networks.photo_encoder import SIZE, PhotoEncoder, PhotoEncoderConfig
from ..networks.stylegan2 import Generator, GeneratorConfig
from . import parallel
from .dcgan_options import DcganOptions
from .options import (
    AnimeTrainOptions,
    EncoderTrainOptions,
    JointOptions,
    PhotoEncoderOptions,
    StyleGAN2Options,
)

ADAM = 2  # numbers an optimiser keeps for each weight
# Fitted to the peak resident memory of four runs on a CPU (32, 64 and 128 pixels with a batch of 8,
# 64 with 16; channel_base 8192, penalties in every step), which they meet within 4 per cent.
BACKWARD = 2.0  # of what the forward pass keeps: gradients, and a penalty's second backward pass
# The same of three encoder runs (64 pixels with a batch of 16 and 32, 128 with 8): no penalties.
BACKWARD_ENCODER = 1.25
# Of three joint runs (64 pixels with a batch of 8 and 16, 128 with 8): within 7 per cent. Of three
# drawn styles (crops of 128 pixels with a batch of 4 and 8, 64 with 4): 0 to 11 per cent too low.
# One of a DCGAN, with BACKWARD: 4 per cent too high.
BACKWARD_JOINT = 0.9
BACKWARD_ANIME = 1.3
BASE = 0.8e9  # bytes that Python, torch and its libraries take


def estimate(options: StyleGAN2Options, pictures: int) -> dict[str, float]:
    """Parameters in millions; a process's memory and a snapshot's size on disk in MB.

    The activations are counted, not guessed: the forward pass runs once on torch's meta device,
    where tensors have sizes and no content, and everything kept for the backward pass is added.
    """
    o = options
    config = GeneratorConfig(
        o.resolution, o.z_dim, o.w_dim, o.channel_base, o.channel_max, o.mapping_layers
    )
    half = torch.bfloat16 if o.precision == "bfloat16" else None
    with torch.device("meta"):
        generator, discriminator = Generator(config), Discriminator(config, half_dtype=half)
        generator.synthesis.half_dtype = half
        part = max(o.batch // parallel.started() // o.accumulate, 1)
        ws = torch.zeros(part, config.num_ws, config.w_dim)
        ws.requires_grad_(True)
        kept = _kept(lambda: discriminator(generator.synthesis(ws, noise_mode="none")))
    g, d = _size(generator), _size(discriminator)
    state = 4 * (g * (3 + ADAM) + d * (2 + ADAM))
    data = pictures * 3 * o.resolution**2
    return {
        "generator_parameters_millions": g / 1e6,
        "discriminator_parameters_millions": d / 1e6,
        "pictures": pictures,
        "memory_mb": (state + kept * BACKWARD + data + BASE) / 1e6,
        "snapshot_mb": 4 * (g * (2 + ADAM) + d * (1 + ADAM)) / 1e6,
    }


def estimate_encoder(
    options: EncoderTrainOptions, generator: GeneratorConfig, pictures: int
) -> dict[str, float]:
    """The same for an encoder's run: the generator draws, the face network looks, both frozen."""
    o = options
    config = EncoderConfig(
        o.resolution,
        generator.num_ws,
        generator.w_dim,
        o.channel_base,
        o.channel_max,
        passes=o.passes,
    )
    with torch.device("meta"):
        encoder, drawing, face = Encoder(config), Generator(generator), FaceResNet()
        for network in (drawing, face):
            network.requires_grad_(False)

        def forward() -> None:
            share = max(o.batch // parallel.started(), 1)
            w, offsets = encoder(torch.zeros(share, 3, o.resolution, o.resolution))
            drawn = drawing.synthesis(w[:, None] + offsets, noise_mode="none")
            if o.face_weight:
                face.features(dlib_network.chips(resized(drawn, o.resolution)))

        kept = _kept(forward)
    e, g = _size(encoder), _size(drawing)
    return {
        "encoder_parameters_millions": e / 1e6,
        "pictures": pictures,
        "memory_mb": (
            4 * (e * (3 + ADAM) + g)
            + kept * BACKWARD_ENCODER
            + pictures * 12 * o.resolution**2
            + BASE
        )
        / 1e6,
        "snapshot_mb": (4 * e * (2 + ADAM) + 2 * (e + g)) / 1e6,  # and the model, half as wide
    }


def estimate_joint(options: JointOptions, pictures: int) -> dict[str, float]:
    """The same for generator, encoder and discriminator together."""
    o = options
    config = GeneratorConfig(
        o.resolution, o.w_dim, o.w_dim, o.channel_base, o.channel_max, mapping_layers=1
    )
    encoder_config = EncoderConfig(
        o.encoder_resolution or o.resolution,
        config.num_ws,
        config.w_dim,
        o.channel_base,
        o.channel_max,
        passes=o.passes,
    )
    with torch.device("meta"):
        generator, encoder, face = Generator(config), Encoder(encoder_config), FaceResNet()
        discriminator = Discriminator(replace(config, channel_base=o.discriminator_base))
        face.requires_grad_(False)
        share = max(o.batch // parallel.started(), 1)
        seen = torch.zeros(share, 3, encoder_config.resolution, encoder_config.resolution)

        def forward() -> None:
            w, offsets = encoder(seen)
            ws = w[:, None] + offsets
            drawn = generator.synthesis(torch.cat([ws, ws]), noise_mode="none")
            face.features(dlib_network.chips(resized(drawn, o.resolution)))
            discriminator(drawn)

        kept = _kept(forward)
    g, e, d = _size(generator), _size(encoder), _size(discriminator)
    return {
        "generator_parameters_millions": g / 1e6,
        "encoder_parameters_millions": e / 1e6,
        "discriminator_parameters_millions": d / 1e6,
        "pictures": pictures,
        "memory_mb": (
            4 * ((g + e) * (3 + ADAM) + d * (2 + ADAM))
            + kept * BACKWARD_JOINT
            + pictures * 3 * (2 * o.resolution) ** 2
            + BASE
        )
        / 1e6,
        "snapshot_mb": 4 * ((g + e) * (2 + ADAM) + d * (1 + ADAM)) / 1e6,
    }


def estimate_dcgan(options: DcganOptions, pictures: int) -> dict[str, float]:
    """The same for the classroom's network."""
    config = dcgan.DcganConfig(options.z_dim, options.channels)
    with torch.device("meta"):
        generator, discriminator = dcgan.Generator(config), dcgan.Discriminator(config)
        z = torch.zeros(options.batch, options.z_dim)
        kept = _kept(lambda: discriminator(generator(z)))
    g, d = _size(generator), _size(discriminator)
    data = pictures * 3 * dcgan.RESOLUTION**2
    return {
        "generator_parameters_millions": g / 1e6,
        "discriminator_parameters_millions": d / 1e6,
        "pictures": pictures,
        "memory_mb": (4 * (g + d) * (2 + ADAM) + kept * BACKWARD + data + BASE) / 1e6,
        "snapshot_mb": 4 * (g + d) * (1 + ADAM) / 1e6,
    }


def estimate_anime(options: AnimeTrainOptions, pictures: Sequence[Path]) -> dict[str, float]:
    """The same for a drawn style; the pictures lie in memory, decoded, in their own sizes."""
    o = options
    side = o.crop + 2 * drawing.MARGIN
    with torch.device("meta"):
        network = drawing.DrawingNet(o.width, o.detail)
        discriminator = PatchDiscriminator(with_photos=bool(o.pairs))
        features = EfficientNetLite0()
        features.requires_grad_(False)
        photos = torch.zeros(o.batch, 3, side, side)

        def forward() -> None:
            drawn = network(photos)
            features(resized(drawn, o.crop))
            half = resized(drawn, drawn.shape[-1] // 2)
            discriminator(half, half if o.pairs else None)

        kept = _kept(forward)
    g, d = _size(network), _size(discriminator)
    return {
        "generator_parameters_millions": g / 1e6,
        "discriminator_parameters_millions": d / 1e6,
        "pictures": len(pictures),
        "memory_mb": (
            4 * (g * (3 + ADAM) + d * (2 + ADAM))
            + kept * BACKWARD_ANIME
            + sum(_bytes(path) for path in pictures)
            + BASE
        )
        / 1e6,
        "snapshot_mb": 4 * (g * (2 + ADAM) + d * (1 + ADAM)) / 1e6,
    }


def _bytes(path: Path) -> int:
    """Of a picture once it is decoded; 0 for what cannot be read, which its reader names."""
    try:
        with Image.open(path) as picture:
            return 3 * picture.width * picture.height
    except (OSError, ValueError, Image.DecompressionBombError):
        return 0


def estimate_photo_encoder(
    options: PhotoEncoderOptions, generator: MobileConfig
) -> dict[str, float]:
    """The same for the companion of a MobileStyleGAN: the pool lies in memory, or on the disk
    that it is mapped from; the looks are what needs most."""
    o = options
    config = PhotoEncoderConfig(generator.num_ws, generator.w_dim, looks=o.looks)
    with torch.device("meta"):
        encoder, drawing = PhotoEncoder(config), MobileGenerator(generator)

        def forward(batch: int, looks: int) -> Callable[[], object]:
            pictures = torch.zeros(batch, 3, SIZE, SIZE)

            def look() -> None:
                seen = encoder.see(pictures)
                w, offsets = encoder.guess(seen)
                if looks > 1:
                    encoder.correct(seen, w, offsets, pictures)

            return look

        kept = max(_kept(forward(o.first_batch, 1)), _kept(forward(o.further_batch, o.looks)))
    e, g = _size(encoder), _size(drawing)
    return {
        "encoder_parameters_millions": e / 1e6,
        "memory_mb": (
            4 * (e * (3 + ADAM) + g) + kept * BACKWARD_ENCODER + o.samples * 3 * SIZE**2 + BASE
        )
        / 1e6,
        "snapshot_mb": 4 * e * (2 + ADAM) / 1e6,
    }


def _size(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _kept(forward: Callable[[], object]) -> int:
    """The bytes of what a forward pass keeps for the backward pass."""
    kept = _Kept()
    with torch.autograd.graph.saved_tensors_hooks(kept.add, lambda tensor: tensor):
        forward()
    return kept.bytes


class _Kept:
    """Counts the bytes of every tensor kept for the backward pass, each storage once."""

    def __init__(self):
        self.bytes = 0
        self._seen: list[torch.UntypedStorage] = []  # held, so that no address is used twice
        self._known: set[int] = set()

    def add(self, tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in self._known and not isinstance(tensor, nn.Parameter):
            self._known.add(storage._cdata)
            self._seen.append(storage)
            self.bytes += storage.nbytes()
        return tensor


def check(needs: dict[str, float], out: Path, device: torch.device) -> None:
    """Raises OptionError if the memory or the disk is smaller than what a run needs.

    Of several processes each has a GPU of its own, and all of them share a CPU's memory.
    """
    free, disk = free_memory(device), free_disk(out)
    needed = needs["memory_mb"] * (1 if device.type == "cuda" else parallel.started())
    if free is not None and needed * 1e6 > free:
        raise OptionError(
            f"about {needed:.0f} MB of memory are needed, {free / 1e6:.0f} MB are "
            "free; lower the batch or channel_base, or raise accumulate (train stylegan2)"
        )
    records = needs.get("records_mb", 0.0)
    # the old snapshot stays until the new one is complete
    if (2 * needs["snapshot_mb"] + records) * 1e6 > disk:
        more = f" and {records:.0f} MB of pictures" if records else ""
        raise OptionError(
            f"two snapshots of {needs['snapshot_mb']:.0f} MB{more} are needed in {out}, "
            f"{disk / 1e6:.0f} MB are free; make room or name another folder"
        )


def free_disk(out: Path) -> int:
    """Bytes where the folder is, or will be made."""
    folder = out.absolute()
    while not folder.is_dir():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def free_memory(device: torch.device) -> int | None:
    """Bytes; None where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found = {line.split(":")[0]: line.split()[1] for line in lines}
        return int(found["MemAvailable"]) * 1024
    except (OSError, KeyError, IndexError, ValueError):
        return None
