"""Reference numbers of the published networks: tests/data/golden/NAME.json and NAME.npz.

The json lists a network's config and whole state dict (key, shape, fill); the npz holds
inputs and what the original implementation made of them on a CPU in float32. No weights are
stored: every entry is drawn from a generator seeded with its own key.
"""

import json
import zlib
from pathlib import Path

import numpy as np
import torch

FOLDER = Path(__file__).parent / "data" / "golden"


def load(name: str) -> tuple[dict, list[dict], dict[str, np.ndarray]]:
    """The network's config, its entries {key, shape, fill}, and its arrays by name."""
    described = json.loads((FOLDER / f"{name}.json").read_text())
    with np.load(FOLDER / f"{name}.npz") as file:
        arrays = dict(file)
    return described["config"], described["state_dict"], arrays


def state_dict(name: str) -> dict[str, torch.Tensor]:
    """Every entry that has a fill rule, drawn; FIR kernels and counters are left out."""
    described = json.loads((FOLDER / f"{name}.json").read_text())
    return {
        entry["key"]: torch.from_numpy(draw(entry["key"], entry["shape"], **entry["fill"]))
        for entry in described["state_dict"]
        if entry["fill"] is not None
    }


def draw(key: str, shape: list[int], mean: float, std: float, kind: str) -> np.ndarray:
    """float32 of the given shape: mean + std * x, x standard normal (or its absolute value)."""
    assert kind in ("normal", "positive"), kind
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(key.encode())))
    x = rng.standard_normal(shape).astype(np.float32)
    if kind == "positive":
        x = np.abs(x)
    return np.asarray(mean + std * x, dtype=np.float32)


def relative_error(ours: torch.Tensor, golden: np.ndarray) -> float:
    """Largest absolute difference over the largest absolute golden value."""
    assert tuple(ours.shape) == golden.shape, (tuple(ours.shape), golden.shape)
    golden = golden.astype(np.float64)
    difference = np.abs(ours.detach().double().cpu().numpy() - golden)
    return float(difference.max() / np.abs(golden).max())
