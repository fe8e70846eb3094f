"""From a state dict in our keys to a network: strictly, finite, and no byte held twice."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import runtime
from ..errors import WeightsError
from ..networks.encoder import Draw, Encoder
from ..networks.stylegan2 import Generator, GeneratorConfig

LIMITS = {
    "resolution": 2048, "mapping_layers": 32, "num_ws": 64, "channel_base": 2**20, "passes": 16,
}  # fmt: skip
MAY_BE_0 = {"passes"}
ALIGNMENT = 64  # bytes, of what torch allocates


def build(kind: type, config: Any, file: str) -> Any:
    """Build a network without memory: a few bytes of config must not decide what is allocated."""
    for name, value in config.as_dict().items():
        limit = LIMITS.get(name, 4096)
        least = 0 if name in MAY_BE_0 else 1
        if type(value) is not int or not least <= value <= limit:
            raise WeightsError(
                f"{file} has {name} {value!r} in its config; {least} to {limit} is read"
            )
    with torch.device("meta"):
        return kind(config)


def load(
    network: nn.Module,
    state: Mapping[str, Tensor],
    file: str,
    device: torch.device | str,
    in_place: bool = False,
) -> nn.Module:
    """Load strictly; every tensor has the right shape and is finite, or a WeightsError names it.

    in_place: on a CPU the weights stay where they are, in the mapped file, rather than being
    copied to the memory layout in which convolutions are fastest.
    """
    _check_keys(state.keys(), network.state_dict().keys(), file)
    in_place = in_place and torch.device(device).type == "cpu"
    ready = {}
    for key, wanted in network.state_dict().items():
        tensor = state[key]  # once: it may be made on demand
        _check(key, tensor, wanted, file)
        tensor = tensor.float() if tensor.is_floating_point() else tensor
        ready[key] = tensor if in_place else _aligned(tensor)
    network.load_state_dict(ready, strict=True, assign=True)
    network.requires_grad_(False).eval()
    if in_place:
        return network
    return network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def _aligned(tensor: Tensor) -> Tensor:
    """Put the tensor where torch would have put it.

    In a file it may lie anywhere, and on some processors a kernel that meets an odd address rounds
    differently: one seed, two pictures.
    """
    return tensor if tensor.data_ptr() % ALIGNMENT == 0 else tensor.clone()


def _check_keys(keys: Any, wanted: Any, file: str) -> None:
    missing, surplus = sorted(wanted - keys), sorted(keys - wanted)
    if missing or surplus:
        what = f"lacks {missing[0]!r}" if missing else f"has the unknown key {surplus[0]!r}"
        raise WeightsError(
            f"{file} {what} ({len(missing)} keys missing, {len(surplus)} too many); "
            "it is not the network it was taken for"
        )


def _check(key: str, tensor: Tensor, wanted: Tensor, file: str) -> None:
    if not isinstance(tensor, Tensor):
        raise WeightsError(f"{file} has a {type(tensor).__name__} in {key!r}, not a tensor")
    if tensor.shape != wanted.shape:
        raise WeightsError(
            f"{file} has {key!r} in the shape {tuple(tensor.shape)}, not {tuple(wanted.shape)}"
        )
    if tensor.is_floating_point() != wanted.is_floating_point() or tensor.is_complex():
        raise WeightsError(f"{file} has {key!r} as {tensor.dtype}, not {wanted.dtype}")
    if tensor.untyped_storage().nbytes() < tensor.numel() * tensor.element_size():
        raise WeightsError(f"{file} pretends to more numbers in {key!r} than it has")
    if tensor.is_floating_point() and not _finite(tensor):
        raise WeightsError(f"{file} has numbers in {key!r} that are not finite; get it again")


def _finite(tensor: Tensor) -> bool:
    """Check in one pass without a mask: the extremes are finite only if all numbers are."""
    return tensor.numel() == 0 or all(torch.isfinite(x) for x in torch.aminmax(tensor.detach()))


def generator_config(state: Mapping[str, Tensor], file: str = "the checkpoint") -> GeneratorConfig:
    """Read the config of a state dict in our keys off its shapes."""
    try:
        blocks = {int(m[1]) for k in state if (m := re.match(r"synthesis\.b(\d+)\.", k))}
        layers = {int(m[1]) for k in state if (m := re.match(r"mapping\.fc(\d+)\.", k))}
        channels = {r: state[f"synthesis.b{r}.conv1.weight"].shape[0] for r in blocks}
        w_dim, z_dim = state["mapping.fc0.weight"].shape
        top = max(blocks)
        return GeneratorConfig(
            resolution=top,
            z_dim=z_dim,
            w_dim=w_dim,
            channel_base=channels[top] * top,
            channel_max=max(channels.values()),
            mapping_layers=len(layers),
        )
    except (KeyError, ValueError, AssertionError) as error:
        raise WeightsError(f"{file} is not a complete StyleGAN2: {error} is missing") from error


def load_generator(state: Mapping[str, Tensor], file: str, device: torch.device | str) -> Generator:
    """Build a generator from its state dict alone."""
    generator = build(Generator, generator_config(state, file), file)
    load(generator, state, file, device)
    return prepare(generator, device)


def prepare(generator: Generator, device: torch.device | str) -> Generator:
    device = torch.device(device)
    synthesis, resolution = generator.synthesis, generator.config.resolution
    synthesis.half_dtype = runtime.half_dtype(device, resolution)
    synthesis.half_from = runtime.half_from(device, resolution)
    return generator


def resized(images: Tensor, size: int) -> Tensor:
    """Resize images to what an encoder reads, area-averaged when shrinking."""
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, size=(size, size), mode="bilinear", antialias=True)


def seen_by(encoder: Encoder, generator: Generator) -> Draw:
    """Make what shows the encoder its code: ws [N, num_ws, w_dim] -> images [N, 3, r, r].

    The generator's whole picture at the size that the encoder reads.
    """
    size = encoder.config.resolution

    def draw(ws: Tensor) -> Tensor:
        return resized(generator.synthesis(ws, "none"), size)

    return draw


class Weighted(Protocol):
    def state_dict(self) -> Mapping[str, Tensor]: ...


def digest_of(networks: Iterable[Weighted | None], *more: object) -> str:
    """Hash all weights in their order, and what `more` says, in hexadecimal."""
    digest = hashlib.sha256(repr(more).encode())
    for network in networks:
        for name, tensor in network.state_dict().items() if network is not None else ():
            tensor = tensor.detach().float().cpu().contiguous()
            digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def strip(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Take the part of a state dict below a prefix, without it."""
    return {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}


def check_fir(key: str, kernel: Tensor, file: str) -> None:
    """Raise WeightsError unless the filter is [1, 3, 3, 1], whatever its sum."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    wanted = torch.outer(taps, taps) / 64
    if kernel.shape != wanted.shape or not torch.allclose(
        kernel.float() / kernel.float().sum(), wanted, atol=1e-5
    ):
        raise WeightsError(f"{file} has another filter than [1, 3, 3, 1] in {key!r}: no StyleGAN2")
