"""From a name or a file to built, strictly loaded, frozen networks.

Foreign checkpoints are renamed to our keys by pure functions on state dicts; a key too many
or too few is an error, always.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import runtime, weights
from .errors import WeightsError
from .networks import animegan, e4e
from .networks.encoder import Encoder, EncoderConfig
from .networks.stylegan2 import Generator, GeneratorConfig

FORMAT = "facegen"  # metadata["format"] of our own files
W_SAMPLES = 10_000  # draws for the covariance of w


@dataclass(frozen=True)
class ModelInfo:
    """What a user has to know of a face model. resolution in pixels; 0 while unknown."""

    name: str
    title: str
    resolution: int
    licence: str
    licence_meaning: str
    training_data: str
    at_hand: bool = True


@dataclass(frozen=True)
class FaceModel:
    """A generator and, where there is one, its encoder.

    encode: images [N, 3, R, R] of any size -> ws [N, num_ws, w_dim], or None. features: images
    -> activations, the finest first, or None; the perceptual distance of the refinement.
    """

    info: ModelInfo
    generator: Generator
    encode: Callable[[Tensor], Tensor] | None
    features: Callable[[Tensor], list[Tensor]] | None

    @torch.no_grad()
    def sample_w(self, count: int = W_SAMPLES) -> Tensor:
        """w [count, w_dim] for fixed z: what the mapping network can say."""
        mapping = self.generator.mapping
        z = runtime.seeded_normal((count, self.generator.config.z_dim), 0)
        return mapping(z.to(mapping.w_avg.device))


# --- from a name -------------------------------------------------------------------------


def available() -> list[ModelInfo]:
    """The face models of the registry, those at hand first."""
    found = [
        _registered(entry, weights.locate(entry) is not None) for entry in weights.of_kind("face")
    ]
    return sorted(found, key=lambda info: not info.at_hand)


def _registered(entry: weights.Weights, at_hand: bool) -> ModelInfo:
    return ModelInfo(
        name=entry.name,
        title=entry.title,
        resolution=entry.resolution or 0,
        licence=entry.licence,
        licence_meaning=entry.licence_meaning,
        training_data=entry.origin,
        at_hand=at_hand,
    )


def best_at_hand() -> str:
    """The name of the registered model with the highest resolution that needs no download."""
    at_hand = [info for info in available() if info.at_hand]
    return max(at_hand, key=lambda info: info.resolution).name if at_hand else "bundled"


def load_face_model(name: str, device: torch.device) -> FaceModel:
    """ "auto", a name of the registry, or a path. Raises WeightsError."""
    if name == "auto":
        name = best_at_hand()
    known = name in {entry.name for entry in weights.REGISTRY}
    if not known and _looks_like_a_path(name):
        path = Path(name)
        if not _is_file(path):
            raise WeightsError(f"there is no checkpoint file {name}; give a name or another path")
        info = ModelInfo(path.stem, path.stem, 0, "unknown", "ask whoever made it", "unknown")
    else:
        entry = weights.find(name)
        if entry.kind != "face":
            raise WeightsError(f"{name} is a model of kind {entry.kind!r}, not a face generator")
        path, info = weights.fetch(entry), _registered(entry, at_hand=True)
    content, metadata = weights.read(path)
    return face_model(content, metadata, info, path.name, device)


def _looks_like_a_path(name: str) -> bool:
    return bool(Path(name).suffix) or "/" in name or "\\" in name or _is_file(Path(name))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that is closed
        return False


def face_model(
    content: Mapping, metadata: Mapping[str, str], info: ModelInfo, file: str, device: torch.device
) -> FaceModel:
    """Build whatever format the content is in; file is only for the messages.

    Whatever is wrong with a stranger's file is a WeightsError.
    """
    try:
        return _face_model(content, metadata, info, file, device)
    except WeightsError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise WeightsError(
            f"{file} is damaged or no face generator ({type(error).__name__}: {reason}); "
            "get it again"
        ) from error


def _face_model(content, metadata, info: ModelInfo, file: str, device) -> FaceModel:
    if metadata.get("format") == FORMAT:
        return _ours(content, metadata, info, file, device)
    if "g_ema" in content:
        state = from_rosinality(content["g_ema"], content.get("latent_avg"), file)
        return _community(state, None, info, file, device)
    if "state_dict" in content and "latent_avg" in content:
        return _e4e(content, info, file, device)
    raise WeightsError(
        f"{file} holds no face generator that is known here; readable are this project's "
        "safetensors, community StyleGAN2 files (g_ema) and e4e files"
    )


def load_anime(name: str, device: torch.device) -> nn.Module:
    """The anime generator of that style, frozen. Raises WeightsError."""
    entry = weights.find(name)
    path = weights.fetch(entry)
    content, metadata = weights.read(path)
    if metadata.get("network") != "animegan":
        raise WeightsError(f"{path.name} is no anime generator; get the file again")
    network = animegan.Generator(**json.loads(metadata["config"]))
    return _load(network, content, path.name, device)


def anime_styles() -> tuple[str, ...]:
    """The names of the anime styles at hand."""
    return tuple(e.name for e in weights.of_kind("anime") if weights.locate(e) is not None)


# --- our own format ----------------------------------------------------------------------


def save_face_model(
    path: Path, generator: Generator, encoder: Encoder, facts: Mapping[str, str]
) -> None:
    """One safetensors file; facts (licence, metrics, …) as metadata.

    Weights in half precision; vectors, which cost nothing, as they are.
    """
    config = {"generator": generator.config.as_dict(), "encoder": encoder.config.as_dict()}
    tensors = {f"generator.{k}": v for k, v in generator.state_dict().items()}
    tensors |= {f"encoder.{k}": v for k, v in encoder.state_dict().items()}
    metadata = {"format": FORMAT, "network": "face", "config": json.dumps(config), **facts}
    tensors = {k: (v.half() if v.ndim > 1 else v.float()).cpu() for k, v in tensors.items()}
    weights.write(path, tensors, metadata)


def _ours(content, metadata, info: ModelInfo, file: str, device) -> FaceModel:
    if metadata.get("network") != "face":
        raise WeightsError(f"{file} is a {metadata.get('network')} file, not a face generator")
    config = json.loads(metadata["config"])
    generator = _build(Generator, GeneratorConfig(**config["generator"]), file)
    encoder = _build(Encoder, EncoderConfig(**config["encoder"]), file)
    for name in ("num_ws", "w_dim"):
        ours, theirs = getattr(encoder.config, name), getattr(generator.config, name)
        if ours != theirs:
            raise WeightsError(f"{file} has an encoder of {name} {ours}, a generator of {theirs}")
    _load(generator, strip(content, "generator."), file, device)
    _load(encoder, strip(content, "encoder."), file, device)
    # the registry knows better than the file what a registered model may be used for
    names = ("title", "licence", "licence_meaning", "training_data")
    known = {} if info.licence != "unknown" else {k: metadata[k] for k in names if k in metadata}
    size = encoder.config.resolution
    return FaceModel(
        info=ModelInfo(**{**info.__dict__, **known, "resolution": generator.config.resolution}),
        generator=_prepare(generator, device),
        encode=lambda images: encoder.encode(_resized(images, size)),
        features=lambda images: encoder.features(_resized(images, size)),
    )


# --- the community's formats -------------------------------------------------------------


def strip(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The part of a state dict below a prefix, without it."""
    return {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}


_ROSINALITY = (
    (r"style\.(\d+)\.(weight|bias)", lambda m: f"mapping.fc{int(m[1]) - 1}.{m[2]}"),
    (r"input\.input", lambda m: "synthesis.b4.const"),
    (r"conv1\.(.+)", lambda m: f"synthesis.b4.conv1.{_layer(m[1])}"),
    (r"to_rgb1\.(.+)", lambda m: f"synthesis.b4.torgb.{_layer(m[1])}"),
    (
        r"convs\.(\d+)\.(.+)",
        lambda m: f"synthesis.b{8 << int(m[1]) // 2}.conv{int(m[1]) % 2}.{_layer(m[2])}",
    ),
    (r"to_rgbs\.(\d+)\.(.+)", lambda m: f"synthesis.b{8 << int(m[1])}.torgb.{_layer(m[2])}"),
    (
        r"noises\.noise_(\d+)",
        lambda m: f"synthesis.b{4 << (int(m[1]) + 1) // 2}.conv{(int(m[1]) + 1) % 2}.noise_const",
    ),
)


def _layer(name: str) -> str:
    names = {
        "conv.weight": "weight",
        "conv.modulation.weight": "affine.weight",
        "conv.modulation.bias": "affine.bias",
        "noise.weight": "noise_strength",
        "activate.bias": "bias",
        "bias": "bias",
    }
    return names.get(name, name)


def from_rosinality(
    state: Mapping[str, Tensor], latent_avg: Tensor | None, file: str = "the checkpoint"
) -> dict[str, Tensor]:
    """The community's StyleGAN2 keys -> ours. FIR kernels are checked and dropped."""
    result = {}
    for key, value in state.items():
        if key.endswith(".kernel"):
            _check_fir(key, value, file)
            continue
        for pattern, rename in _ROSINALITY:
            if match := re.fullmatch(pattern, key):
                name = rename(match)
                break
        else:
            raise WeightsError(f"{file} has the key {key!r}, which no StyleGAN2 generator has")
        result[name] = _reshape(name, value)
    w_dim = result["mapping.fc0.bias"].shape[0] if "mapping.fc0.bias" in result else 512
    result["mapping.w_avg"] = torch.zeros(w_dim) if latent_avg is None else latent_avg.flatten()
    return result


def _reshape(name: str, value: Tensor) -> Tensor:
    """The community keeps a leading 1 where NVIDIA's layout has none."""
    last = name.rsplit(".", 1)[-1]
    if last == "noise_const":
        return value.reshape(value.shape[-2:])
    if last == "noise_strength":
        return value.reshape([])
    if name.endswith("torgb.bias"):
        return value.flatten()
    if (last == "weight" and value.ndim == 5) or (last == "const" and value.ndim == 4):
        return value[0]
    return value


def _check_fir(key: str, kernel: Tensor, file: str) -> None:
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    wanted = torch.outer(taps, taps) / 64
    if kernel.shape != wanted.shape or not torch.allclose(kernel / kernel.sum(), wanted, atol=1e-5):
        raise WeightsError(f"{file} has another filter than [1, 3, 3, 1] in {key!r}: no StyleGAN2")


def generator_config(state: Mapping[str, Tensor], file: str = "the checkpoint") -> GeneratorConfig:
    """The config that a state dict in our keys was made with, read off its shapes."""
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
        raise WeightsError(f"{file} is no whole StyleGAN2 generator: {error} is missing") from error


def _community(state, encode, info: ModelInfo, file: str, device) -> FaceModel:
    generator = _build(Generator, generator_config(state, file), file)
    _load(generator, state, file, device)
    info = ModelInfo(**{**info.__dict__, "resolution": generator.config.resolution})
    return FaceModel(info, _prepare(generator, device), encode, None)


def _e4e(content, info: ModelInfo, file: str, device) -> FaceModel:
    state, average = content["state_dict"], content["latent_avg"].float()
    generator_state = from_rosinality(strip(state, "decoder."), average.reshape(-1, 512)[0], file)
    encoder_state = strip(state, "encoder.")
    num_ws = generator_config(generator_state, file).num_ws
    encoder = _load(e4e.Encoder(num_ws), encoder_state, file, device)
    offset = average.reshape(-1, 512).to(device)

    def encode(images: Tensor) -> Tensor:
        return encoder(_resized(images, 256)) + offset

    return _community(generator_state, encode, info, file, device)


# --- building ----------------------------------------------------------------------------


LIMITS = {"resolution": 2048, "mapping_layers": 32, "num_ws": 64, "channel_base": 2**20}


def _build(kind: type, config, file: str):
    """A network without memory: a few bytes of config must not decide how much is allocated."""
    for name, value in config.as_dict().items():
        limit = LIMITS.get(name, 4096)
        if type(value) is not int or not 1 <= value <= limit:
            raise WeightsError(f"{file} has {name} {value!r} in its config; 1 to {limit} is read")
    with torch.device("meta"):
        return kind(config)


def _load(network: nn.Module, state: Mapping[str, Tensor], file: str, device) -> nn.Module:
    """Strictly; every tensor has the right shape and is finite, or a WeightsError names it."""
    wanted = network.state_dict()
    missing, surplus = sorted(wanted.keys() - state.keys()), sorted(state.keys() - wanted.keys())
    if missing or surplus:
        what = f"lacks {missing[0]!r}" if missing else f"has the unknown key {surplus[0]!r}"
        raise WeightsError(
            f"{file} {what} ({len(missing)} keys missing, {len(surplus)} too many); "
            "it is not the network it was taken for"
        )
    for key, tensor in state.items():
        if tensor.shape != wanted[key].shape:
            raise WeightsError(
                f"{file} has {key!r} in the shape {tuple(tensor.shape)}, "
                f"not {tuple(wanted[key].shape)}"
            )
        if tensor.untyped_storage().nbytes() < tensor.numel() * tensor.element_size():
            raise WeightsError(f"{file} pretends to more numbers in {key!r} than it has")
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise WeightsError(f"{file} has numbers in {key!r} that are not finite; get it again")
    # the file's own memory, which may be mapped from the disk: nothing is held twice
    state = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    network.load_state_dict(state, strict=True, assign=True)
    network.requires_grad_(False).eval()
    return network.to(device=device, memory_format=torch.channels_last)


def _prepare(generator: Generator, device: torch.device) -> Generator:
    synthesis, resolution = generator.synthesis, generator.config.resolution
    synthesis.half_dtype = runtime.half_dtype(device, resolution)
    synthesis.half_from = runtime.half_from(device, resolution)
    return generator


def _resized(images: Tensor, size: int) -> Tensor:
    """images at the size an encoder reads, area-averaged when shrinking."""
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, size=(size, size), mode="bilinear", antialias=True)
