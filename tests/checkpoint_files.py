"""Miniature checkpoints in every format that is read, filled with the golden rule."""

from pathlib import Path

import golden
import nvidia_pickles
import torch

from facegen import models
from facegen.networks.encoder import Encoder, EncoderConfig
from facegen.networks.stylegan2 import Generator, GeneratorConfig

TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0])


def community_state() -> dict[str, torch.Tensor]:
    """A 64-pixel generator in the community's keys."""
    state = golden.state_dict("stylegan2_rosinality_64")
    for entry in golden.load("stylegan2_rosinality_64")[1]:
        if entry["fill"] is None:
            state[entry["key"]] = torch.outer(TAPS, TAPS) / 16
    return state


def community(folder: Path, legacy: bool = False, **changes) -> Path:
    path = folder / "any name at all.bin"
    _, _, arrays = golden.load("stylegan2_rosinality_64")
    content = {
        "g_ema": community_state() | changes,
        "latent_avg": torch.from_numpy(arrays["latent_avg"]),
    }
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path


# --- tiny ones, for tests that read hundreds of files ------------------------------------


def tiny_generator() -> Generator:
    torch.manual_seed(0)
    return Generator(GeneratorConfig(8, 8, 8, channel_base=64, channel_max=8, mapping_layers=2))


def small_generator(resolution: int) -> Generator:
    """All the layers of that size, with 4 to 8 channels."""
    torch.manual_seed(0)
    return Generator(GeneratorConfig(resolution, 8, 8, 4 * resolution, 8, mapping_layers=8))


def to_community(generator: Generator) -> dict[str, torch.Tensor]:
    """Our keys -> the community's, the way back from models.from_rosinality."""
    layer = {
        "weight": "conv.weight",
        "affine.weight": "conv.modulation.weight",
        "affine.bias": "conv.modulation.bias",
        "noise_strength": "noise.weight",
        "bias": "activate.bias",
    }
    state = {}
    for key, value in generator.state_dict().items():
        if key == "mapping.w_avg":
            continue
        part = key.split(".")
        if part[0] == "mapping":
            name = f"style.{int(part[1][2:]) + 1}.{part[2]}"
        elif key == "synthesis.b4.const":
            name, value = "input.input", value[None]
        else:
            level = int(part[1][1:]).bit_length() - 3  # 0 at 4 pixels
            rest = ".".join(part[3:])
            if part[2] == "torgb":
                place = "to_rgb1" if level == 0 else f"to_rgbs.{level - 1}"
                name = f"{place}.{'bias' if rest == 'bias' else layer[rest]}"
                value = value.reshape(1, 3, 1, 1) if rest == "bias" else value
            else:
                index = 2 * level - 2 + int(part[2][4:])
                name = f"{'conv1' if level == 0 else f'convs.{index}'}."
                if rest == "noise_const":
                    name, value = f"noises.noise_{index + 1 if level else 0}", value[None, None]
                else:
                    name += layer[rest]
                    value = value.reshape(1) if rest == "noise_strength" else value
            value = value[None] if rest == "weight" else value
        state[name] = value.detach().clone()
    return state


def tiny(kind: str, path: Path) -> Path:
    """zip, legacy, nvidia or ours: an 8-pixel generator of a few kilobytes."""
    generator = tiny_generator()
    if kind in ("zip", "legacy"):
        content = {"g_ema": to_community(generator), "latent_avg": generator.mapping.w_avg + 1}
        torch.save(content, path, _use_new_zipfile_serialization=kind == "zip")
    elif kind == "nvidia":
        save_nvidia(path, generator)
    elif kind == "ours":
        encoder = Encoder(EncoderConfig(8, generator.config.num_ws, 8, 64, 8, hidden=8))
        facts = {"licence": "CC0", "licence_meaning": "any use", "training_data": "nothing"}
        models.save_face_model(path, generator, encoder, facts)
    return path


def save_nvidia(path: Path, generator: Generator) -> None:
    state = {k: v.detach() for k, v in generator.state_dict().items()}
    buffers = nvidia_pickles.BUFFERS
    tree = nvidia_pickles.module_tree(state, buffers, "Generator", {"c_dim": 0})
    nvidia_pickles.dump(path, {"G_ema": tree})
