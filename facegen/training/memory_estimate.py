"""Estimate what a run needs, before it starts.

The activations are counted, not guessed: the forward pass runs once on torch's meta device, where
tensors have sizes and no content, and everything kept for the backward pass is added.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image
from torch import nn

from ..errors import OptionError
from ..measure.identity import dlib_recogniser
from ..models.loading import resized
from ..networks import dcgan, drawing
from ..networks.discriminator import Discriminator, PatchDiscriminator
from ..networks.encoder import Encoder, EncoderConfig
from ..networks.mobile_stylegan import MobileConfig, MobileGenerator
from ..networks.photo_encoder import SIZE, EfficientNetLite0, PhotoEncoder, PhotoEncoderConfig
from ..networks.recognisers import FaceResNet
from ..networks.stylegan2 import Generator, GeneratorConfig
from . import parallel
from .options import (
    AnimeTrainOptions,
    DcganOptions,
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
    """Estimate a StyleGAN2 run, see `_needs`."""
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
    data = pictures * 3 * o.resolution**2
    return _needs(
        {"generator": generator, "discriminator": discriminator}, kept * BACKWARD + data, pictures
    )


def estimate_encoder(
    options: EncoderTrainOptions, generator: GeneratorConfig, pictures: int
) -> dict[str, float]:
    """Estimate an encoder's run: generator and face network are frozen."""
    o = options
    config = EncoderConfig(
        o.resolution, generator.num_ws, generator.w_dim, o.channel_base, o.channel_max,
        passes=o.passes,
    )  # fmt: skip
    with torch.device("meta"):
        encoder, drawing, face = Encoder(config), Generator(generator), FaceResNet()
        for network in (drawing, face):
            network.requires_grad_(False)

        def forward() -> None:
            share = max(o.batch // parallel.started(), 1)
            w, offsets = encoder(torch.zeros(share, 3, o.resolution, o.resolution))
            drawn = drawing.synthesis(w[:, None] + offsets, noise_mode="none")
            if o.face_weight:
                face.features(dlib_recogniser.chips(resized(drawn, o.resolution)))

        kept = _kept(forward)
    data = pictures * 12 * o.resolution**2
    needs = _needs(
        {"encoder": encoder}, kept * BACKWARD_ENCODER + data + 4 * _size(drawing), pictures
    )
    needs["snapshot_mb"] += 2 * (_size(encoder) + _size(drawing)) / 1e6  # the model, half as wide
    return needs


def estimate_joint(options: JointOptions, pictures: int) -> dict[str, float]:
    """Estimate a run of generator, encoder and discriminator together."""
    o = options
    config = GeneratorConfig(
        o.resolution, o.w_dim, o.w_dim, o.channel_base, o.channel_max, mapping_layers=1
    )
    encoder_config = EncoderConfig(
        o.encoder_resolution or o.resolution, config.num_ws, config.w_dim, o.channel_base,
        o.channel_max, passes=o.passes,
    )  # fmt: skip
    with torch.device("meta"):
        generator, encoder, face = Generator(config), Encoder(encoder_config), FaceResNet()
        discriminator = Discriminator(replace(config, channel_base=o.discriminator_base))
        face.requires_grad_(False)
        share = max(o.batch // parallel.started(), 1)
        real = torch.zeros(share, 3, encoder_config.resolution, encoder_config.resolution)

        def forward() -> None:
            w, offsets = encoder(real)
            ws = w[:, None] + offsets
            drawn = generator.synthesis(torch.cat([ws, ws]), noise_mode="none")
            face.features(dlib_recogniser.chips(resized(drawn, o.resolution)))
            discriminator(drawn)

        kept = _kept(forward)
    networks = {"generator": generator, "encoder": encoder, "discriminator": discriminator}
    data = pictures * 3 * (2 * o.resolution) ** 2
    return _needs(networks, kept * BACKWARD_JOINT + data, pictures)


def estimate_dcgan(options: DcganOptions, pictures: int) -> dict[str, float]:
    """Estimate a run of the classroom's networks, of which no average is kept."""
    config = dcgan.DcganConfig(options.z_dim, options.channels)
    with torch.device("meta"):
        generator, discriminator = dcgan.Generator(config), dcgan.Discriminator(config)
        z = torch.zeros(options.batch, options.z_dim)
        kept = _kept(lambda: discriminator(generator(z)))
    data = pictures * 3 * dcgan.RESOLUTION**2
    return _needs(
        {"generator": generator, "discriminator": discriminator},
        kept * BACKWARD + data, pictures, averaged=(),
    )  # fmt: skip


def estimate_anime(options: AnimeTrainOptions, pictures: Sequence[Path]) -> dict[str, float]:
    """Estimate a drawn style's run; the pictures lie in memory, decoded, in their own sizes."""
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
    data = sum(_bytes(path) for path in pictures)
    return _needs(
        {"generator": network, "discriminator": discriminator},
        kept * BACKWARD_ANIME + data, len(pictures),
    )  # fmt: skip


def estimate_photo_encoder(
    options: PhotoEncoderOptions, generator: MobileConfig
) -> dict[str, float]:
    """Estimate the run for a MobileStyleGAN's companion: the looks are what needs most.

    The pool lies in memory, or on the disk that it is mapped from.
    """
    o = options
    config = PhotoEncoderConfig(generator.num_ws, generator.w_dim, looks=o.looks)
    with torch.device("meta"):
        encoder, drawing = PhotoEncoder(config), MobileGenerator(generator)

        def forward(batch: int, looks: int) -> Callable[[], object]:
            pictures = torch.zeros(batch, 3, SIZE, SIZE)

            def look() -> None:
                features = encoder.see(pictures)
                w, offsets = encoder.guess(features)
                if looks > 1:
                    encoder.correct(features, w, offsets, pictures)

            return look

        kept = max(_kept(forward(o.first_batch, 1)), _kept(forward(o.further_batch, o.looks)))
    data = o.samples * 3 * SIZE**2
    return _needs({"encoder": encoder}, kept * BACKWARD_ENCODER + data + 4 * _size(drawing))


def _needs(
    networks: Mapping[str, nn.Module],
    more: float,
    pictures: int | None = None,
    averaged: Sequence[str] = ("generator", "encoder"),
) -> dict[str, float]:
    """Collect what `check` and the command line read.

    Args:
        networks: those that are trained, by name.
        more: bytes of activations, pictures and frozen networks.
        pictures: how many are learned from.
        averaged: the networks of which an average is kept.

    Returns:
        Parameters in millions; a process's memory and a snapshot's size on disk in MB.
    """
    sizes = {name: _size(network) for name, network in networks.items()}
    kept = sum(size * (1 + ADAM + (name in averaged)) for name, size in sizes.items())
    needs = {f"{name}_parameters_millions": size / 1e6 for name, size in sizes.items()}
    if pictures is not None:
        needs["pictures"] = pictures
    memory = 4 * (kept + sum(sizes.values())) + more + BASE  # and the gradients
    return needs | {"memory_mb": memory / 1e6, "snapshot_mb": 4 * kept / 1e6}


def _bytes(path: Path) -> int:
    """Compute the size of a decoded picture; 0 for what cannot be read, which its reader names."""
    try:
        with Image.open(path) as picture:
            return 3 * picture.width * picture.height
    except (OSError, ValueError, Image.DecompressionBombError):
        return 0


def _size(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _kept(forward: Callable[[], object]) -> int:
    """Count the bytes that a forward pass keeps for the backward pass."""
    storages: dict[int, torch.UntypedStorage] = {}  # held, so that no address is used twice

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if not isinstance(tensor, nn.Parameter):
            storages[tensor.untyped_storage()._cdata] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        forward()
    return sum(storage.nbytes() for storage in storages.values())


def check(needs: dict[str, float], out: Path, device: torch.device) -> None:
    """Raise OptionError if the memory or the disk is smaller than what a run needs.

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
    """Count the free bytes where the folder is, or will be made."""
    folder = out.absolute()
    while not folder.is_dir():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def free_memory(device: torch.device) -> int | None:
    """Count the free bytes of memory; None where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        facts = {line.split(":")[0]: line.split()[1] for line in lines}
        return int(facts["MemAvailable"]) * 1024
    except (OSError, KeyError, IndexError, ValueError):
        return None
