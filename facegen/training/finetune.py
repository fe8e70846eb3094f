"""Change networks outside of training: take over a checkpoint, grow it, move its codes.

A run starts from nothing or from a trained network, which may be smaller; a joint run ends with a
mapping network that draws from the Gaussian of the codes that it encoded.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import models, weights
from ..errors import OptionError
from ..models.families.nvidia import from_nvidia
from ..networks.discriminator import Discriminator
from ..networks.encoder import Encoder, EncoderConfig
from ..networks.stylegan2 import LRELU_GAIN, Generator
from ..weights.formats.nvidia_pickle import Network
from .run import CHECKPOINT

MARGIN = 5.0  # standard deviations, see install_gaussian
State = Mapping[str, Tensor]


@torch.no_grad()
def finetune(
    generator: Generator, discriminator: Discriminator, checkpoint: str, freeze_d: int = 0
) -> str:
    """Take over a checkpoint's weights; returns in words what was taken over.

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
        theirs, judge = _of_a_run(state, own.name), state["discriminator"]
    else:
        source = models.load_face_model(checkpoint, torch.device("cpu")).generator
        assert isinstance(source, nn.Module)
        theirs, judge = source.state_dict(), _pickled_discriminator(checkpoint)
    grown = _grow(generator, theirs, own.name)
    mine = discriminator.state_dict()
    fitting = {k: v for k, v in (judge or {}).items() if k in mine and mine[k].shape == v.shape}
    # the finest block of a smaller network reads RGB, which a grown one does further out
    discriminator.load_state_dict({**mine, **{k: v.float() for k, v in fitting.items()}})
    _check_frozen(discriminator, mine.keys() - fitting.keys(), freeze_d, own.name)
    share = "no" if not fitting else "part of its" if len(fitting) < len(mine) else "its"
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
    if not isinstance(model.encoder, Encoder) or not isinstance(model.generator, Generator):
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


def _grow(generator: Generator, theirs: State, file: str) -> int:
    """Copy the layers that both have; returns by how many resolutions the generator grows.

    The new layers begin with a toRGB of zero, so that at first the picture is the old one,
    enlarged.
    """
    _check_config(generator, theirs, file)
    keys = _copy(generator, theirs, file)
    new = {key.split(".")[1] for key in keys if key.startswith("synthesis.")}
    for name, block in generator.synthesis.blocks:
        if f"b{name}" in new:
            block.torgb.weight.zero_()
            block.torgb.bias.zero_()
    return len(new)


def _of_a_run(state: Mapping[str, Any], file: str) -> State:
    if "encoder" in state:  # its mapping network is fitted only at the export
        raise OptionError(f"{file} is of a joint run; name the model that this run exported")
    if not {"generator_ema", "discriminator"} <= state.keys():
        raise OptionError(f"{file} is not a state of a StyleGAN2 run; name another checkpoint")
    return state["generator_ema"]


def _pickled_discriminator(checkpoint: str) -> State | None:
    """Read that of a file or a registered model, if it is one of NVIDIA's pickles; else None."""
    entry = next((entry for entry in weights.REGISTRY if entry.name == checkpoint), None)
    path = (weights.locate(entry) if entry else None) or Path(checkpoint)
    network = weights.read(path)[0].get("D")
    if not isinstance(network, Network):
        return None
    return dict(from_nvidia(network.state, path.name))


def _check_config(generator: Generator, theirs: State, file: str) -> None:
    sizes = [int(k.split(".")[1][1:]) for k in theirs if k.startswith("synthesis.b")]
    if not sizes:
        raise OptionError(f"{file} holds no StyleGAN2; name a run or a checkpoint of one")
    if max(sizes) > generator.config.resolution:
        raise OptionError(
            f"resolution is {generator.config.resolution}, but {file} draws {max(sizes)} pixels; "
            "a network can grow, not shrink"
        )


def _copy(network: nn.Module, theirs: State, file: str) -> list[str]:
    """Copy what both have; returns the keys that only `network` has."""
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


# --- the distribution of encoded w -----------------------------------------------------


class CodeGaussian:
    """A Gaussian over the latest encoded w: mean [w_dim] and factor [w_dim, w_dim]."""

    def __init__(self, w_dim: int, capacity: int = 4096) -> None:
        self.codes = torch.zeros(capacity, w_dim)
        self.seen = 0
        self.mean = torch.zeros(w_dim)
        self.factor = torch.eye(w_dim)

    @property
    def fitted(self) -> bool:
        """Say whether `refit` has seen codes."""
        return bool((self.factor != torch.eye(len(self.mean))).any())

    def push(self, w: Tensor) -> None:
        """Add codes [N, w_dim], in place of the oldest."""
        where = (self.seen + torch.arange(len(w))) % len(self.codes)
        self.codes[where] = w.detach().float().cpu()
        self.seen += len(w)

    def refit(self) -> None:
        """Fit mean and factor to the codes; they stay as they are with fewer than two."""
        if self.seen < 2:
            return
        codes = self.codes[: min(self.seen, len(self.codes))].double()
        self.mean = codes.mean(dim=0).float()
        covariance = torch.cov(codes.T) + 1e-6 * torch.eye(codes.shape[1], dtype=torch.float64)
        self.factor = torch.linalg.cholesky(covariance).float()

    def noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw [count, w_dim] of the codes' covariance, about zero."""
        return torch.randn(count, len(self.mean), generator=generator) @ self.factor.T

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw codes [count, w_dim]."""
        return self.mean + self.noise(count, generator)

    def state_dict(self) -> dict[str, Any]:
        """Return the whole state."""
        return {"codes": self.codes, "seen": self.seen, "mean": self.mean, "factor": self.factor}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the whole state."""
        self.codes, self.seen = state["codes"].cpu(), state["seen"]
        self.mean, self.factor = state["mean"].cpu(), state["factor"].cpu()


def crossover(a: Tensor, b: Tensor, generator: torch.Generator) -> Tensor:
    """Cross ws [N, num_ws, w_dim]: layers of b from a random one on, or else a blend of both."""
    n, num_ws = a.shape[:2]
    start = torch.randint(1, num_ws, (n,), generator=generator)
    swap = torch.arange(num_ws)[None] >= start[:, None]
    blend = torch.rand(n, 1, generator=generator)
    whole = torch.rand(n, 1, generator=generator) < 0.5
    share = torch.where(whole, blend.expand(-1, num_ws), swap.float())
    share = share[:, :, None].to(a.device)
    return a + (b - a) * share


@torch.no_grad()
def install_gaussian(generator: Generator, encoder: Encoder, gaussian: CodeGaussian) -> None:
    """Make the one-layer mapping network draw w from the Gaussian, and set w_avg.

    The network normalises z first, so w lies on the Gaussian's shell; in a hundred dimensions
    that is where a Gaussian lies anyway.

    Its only layer ends in a leaky ReLU, which is linear where w is positive. So all of w space
    is moved by a constant that puts MARGIN standard deviations of every component above zero.
    """
    mapping = generator.mapping
    assert mapping.num_layers == 1, f"{mapping.num_layers} mapping layers"
    device = mapping.w_avg.device
    mean, factor = gaussian.mean.to(device), gaussian.factor.to(device)
    shift = MARGIN * factor.square().sum(dim=1).sqrt() - mean
    move_w(generator, encoder, shift)

    layer = mapping.fc0
    layer.weight.copy_(factor / (LRELU_GAIN * layer.weight_gain))
    layer.bias.copy_((mean + shift) / (LRELU_GAIN * layer.bias_gain))
    mapping.w_avg.copy_(mean + shift)


@torch.no_grad()
def move_w(generator: Generator, encoder: Encoder, shift: Tensor) -> None:
    """Add shift [w_dim] to every w, and take it off where w is used: no picture changes.

    The mapping network is left to the caller.
    """
    encoder.w.bias.add_(shift / encoder.w.bias_gain)
    for _, block in generator.synthesis.blocks:
        for affine in (*(layer.affine for layer in block.layers), block.torgb.affine):
            moved = F.linear(shift, affine.weight * affine.weight_gain)
            affine.bias.sub_(moved / affine.bias_gain)
