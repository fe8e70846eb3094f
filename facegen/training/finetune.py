"""Where a run starts from: nothing, or a trained network that may be smaller."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import nn

from .. import models, weights
from ..errors import OptionError
from ..models.families.nvidia import from_nvidia
from ..networks.discriminator import Discriminator
from ..networks.encoder import Encoder, EncoderConfig
from ..networks.stylegan2 import Generator
from ..weights.formats.nvidia_pickle import Network
from .latent_prior import move_w
from .run import CHECKPOINT


@torch.no_grad()
def finetune(
    generator: Generator, discriminator: Discriminator, checkpoint: str, freeze_d: int = 0
) -> str:
    """Take over a checkpoint's weights; returns what was taken, in words.

    A generator of a lower resolution grows, see _grow. The discriminator comes along where the
    file holds one (NVIDIA's pickles and this trainer's latest.pt do), without its finest block
    where it grows. freeze_d: how many of its finest blocks have to have come along.

    Raises WeightsError if the file cannot be read, OptionError if the shapes do not fit or a
    block that is to stay as it is would be a random one.
    """
    path = Path(checkpoint)
    own = path / CHECKPOINT if path.is_dir() else path
    if own.name == CHECKPOINT:
        state = weights.read(own)[0]
        theirs = _of_a_run(state, own.name)
        found = state["discriminator"]
    else:
        model = models.load_face_model(checkpoint, torch.device("cpu"))
        theirs, found = model.generator.state_dict(), _pickled_discriminator(checkpoint)
    grown = _grow(generator, theirs, own.name)
    mine = discriminator.state_dict()
    known = {k: v for k, v in (found or {}).items() if k in mine and mine[k].shape == v.shape}
    # the finest block of a smaller network reads RGB, which a grown one does further out
    discriminator.load_state_dict({**mine, **{k: v.float() for k, v in known.items()}})
    _check_frozen(discriminator, mine.keys() - known.keys(), freeze_d, own.name)
    share = "no" if not known else "part of its" if len(known) < len(mine) else "its"
    size = f"a generator grown by {grown} resolutions" if grown else "a generator"
    return f"{own.name}: {size}, {share} discriminator"


def _check_frozen(discriminator: Discriminator, new: set[str], freeze_d: int, file: str) -> None:
    for resolution in discriminator.config.block_resolutions[::-1][:freeze_d]:
        if any(key.startswith(f"b{resolution}.") for key in new):
            raise OptionError(
                f"freeze_d is {freeze_d}, but the discriminator's block of {resolution} pixels "
                f"does not come from {file} and is random; freeze fewer, or none with 0"
            )


@torch.no_grad()
def finetune_both(generator: Generator, encoder: Encoder, checkpoint: str) -> None:
    """Take over the generator and the encoder of a face model of ours.

    The generator may grow, see _grow; the encoder's offsets for the new layers begin as those
    for the last old one. The mean of w comes to lie at zero, where a joint run expects it.

    Raises WeightsError if the file cannot be read, OptionError if the shapes do not fit.
    """
    model = models.load_face_model(checkpoint, torch.device("cpu"))
    if not isinstance(model.encoder, Encoder):
        raise OptionError(f"{checkpoint} has no encoder of ours; a joint run needs both")
    file = Path(checkpoint).name
    _check_encoders(encoder.config, model.encoder.config, file)
    if model.generator.config.mapping_layers != 1:
        raise OptionError(
            f"{file} has {model.generator.config.mapping_layers} mapping layers; a joint run has 1"
        )
    old, looks = copy.deepcopy((model.generator, model.encoder))  # the file's may be mapped
    move_w(old, looks, -old.mapping.w_avg.clone())
    old.mapping.w_avg.zero_()
    _grow(generator, old.state_dict(), file)
    theirs = dict(looks.state_dict())
    missing = generator.config.num_ws - model.encoder.config.num_ws
    for key in [key for key in theirs if key.endswith(("offset.weight", "offset.bias"))]:
        last = theirs[key][-generator.config.w_dim :]
        theirs[key] = torch.cat([theirs[key], *[last] * missing])
    if encoder.config.passes and not model.encoder.config.passes:
        # the second look begins as the first one does, but for what it says
        said = ("w.", "offset.")
        body = {f"again.{k}": v for k, v in theirs.items() if not k.startswith(said)}
        theirs = {**encoder.state_dict(), **theirs, **body}
    _copy(encoder, theirs, file)


def _check_encoders(mine: EncoderConfig, theirs: EncoderConfig, file: str) -> None:
    if mine.resolution != theirs.resolution:
        raise OptionError(
            f"{file} has an encoder that reads {theirs.resolution} pixels, the run one for "
            f"{mine.resolution}; set encoder_resolution to {theirs.resolution}"
        )
    if theirs.passes and not mine.passes:
        raise OptionError(
            f"{file} has an encoder that corrects its code; set passes, it has {theirs.passes}"
        )


def _grow(generator: Generator, theirs, file: str) -> int:
    """Copy the layers that both have; returns by how many resolutions the generator grew.

    The new layers begin with a toRGB of zero, so that at first the picture is the old one,
    enlarged.
    """
    _check_config(generator, theirs, file)
    new = _blocks(_copy(generator, theirs, file))
    for name, block in generator.synthesis.blocks:
        if f"b{name}" in new:
            block.torgb.weight.zero_()
            block.torgb.bias.zero_()
    return len(new)


def _of_a_run(state: dict, file: str) -> dict[str, torch.Tensor]:
    if "encoder" in state:  # its mapping network is fitted only at the export
        raise OptionError(f"{file} is of a joint run; name the model that this run exported")
    if not {"generator_ema", "discriminator"} <= state.keys():
        raise OptionError(f"{file} is no state of a StyleGAN2 run; name another checkpoint")
    return state["generator_ema"]


def _pickled_discriminator(checkpoint: str) -> dict[str, torch.Tensor] | None:
    """Of a file or a registered model, if it is one of NVIDIA's pickles; else None."""
    entry = next((entry for entry in weights.REGISTRY if entry.name == checkpoint), None)
    path = weights.locate(entry) if entry else Path(checkpoint)
    network = weights.read(path)[0].get("D")
    if not isinstance(network, Network):
        return None
    return dict(from_nvidia(network.state, path.name))


def _check_config(generator: Generator, theirs, file: str) -> None:
    sizes = [int(k.split(".")[1][1:]) for k in theirs if k.startswith("synthesis.b")]
    if not sizes:
        raise OptionError(f"{file} holds no StyleGAN2; name a run or a checkpoint of one")
    if max(sizes) > generator.config.resolution:
        raise OptionError(
            f"resolution is {generator.config.resolution}, but {file} draws {max(sizes)} pixels; "
            "a network can grow, not shrink"
        )


def _copy(network: nn.Module, theirs, file: str) -> list[str]:
    """Copy all that both have; returns the keys that only `network` has."""
    mine = network.state_dict()
    for key, value in theirs.items():
        if key not in mine or mine[key].shape != value.shape:
            here = tuple(mine[key].shape) if key in mine else "nothing"
            raise OptionError(
                f"{file} has {key} of shape {tuple(value.shape)} where this run has {here}; set "
                "z_dim, w_dim, mapping_layers, channel_base and channel_max as it was trained"
            )
        mine[key].copy_(value)
    return [key for key in mine if key not in theirs]


def _blocks(keys: list[str]) -> set[str]:
    return {key.split(".")[1] for key in keys if key.startswith("synthesis.")}
