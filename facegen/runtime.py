"""Runtime of the networks: device, precision, seeded noise, timers."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .errors import OptionError
from .options import check_device

HALF_MIN_RESOLUTION = 256  # below, converting costs more than half precision saves


def choose_device(name: str = "auto") -> torch.device:
    """Choose the device: cpu, cuda or auto (cuda where there is one). Raises OptionError."""
    check_device(name)
    if name == "cuda" and not torch.cuda.is_available():
        raise OptionError("device is 'cuda', but no CUDA device was found; use cpu or auto")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def half_dtype(device: torch.device, resolution: int) -> torch.dtype | None:
    """Return the lower precision a generator may use on this device, or None for float32 only.

    CUDA: float16 in the four highest resolutions, as in Karras et al. 2020b. CPU: bfloat16 where
    the processor multiplies it in hardware (AMX or AVX512-BF16); elsewhere it is slower than
    float32. Decided by the processor's features, never by timing: the same seed has to give the
    same bytes under any load."""
    if resolution < HALF_MIN_RESOLUTION:
        return None
    if device.type == "cuda":
        return torch.float16
    return torch.bfloat16 if cpu_multiplies_bfloat16() else None


def half_from(device: torch.device, resolution: int) -> int:
    """Return the lowest block resolution that computes in half_dtype."""
    return resolution // 8 if device.type == "cuda" else 8


def cpu_multiplies_bfloat16() -> bool:
    if not hasattr(torch.cpu, "get_capabilities"):  # before torch 2.11
        return False
    found = torch.cpu.get_capabilities()
    return bool(found.get("amx_bf16") or found.get("avx512_bf16"))


def seeded(*keys: int) -> torch.Generator:
    """Make a CPU generator for these integers: the same on every device, whatever ran before.

    The keys are mixed so that (1, 2) and (2, 1), or neighbouring seeds, share nothing."""
    state = 0x9E3779B97F4A7C15
    for key in keys:  # splitmix64, https://prng.di.unimi.it/splitmix64.c (public domain)
        state = (state + key + 0x9E3779B97F4A7C15) % 2**64
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) % 2**64
        state ^= state >> 31
    return torch.Generator().manual_seed(state % 2**63)


def seeded_normal(shape: Sequence[int], *keys: int) -> Tensor:
    """Draw standard normal float32 of that shape on the CPU for these integers."""
    return torch.randn(*shape, generator=seeded(*keys))


def seeded_uniform(*keys: int) -> float:
    """Draw a number from 0 to below 1 for these integers."""
    return float(torch.rand(1, generator=seeded(*keys)))


class Timer:
    """`with Timer(device) as timer: …`, then timer.seconds; waits for the GPU at both ends."""

    def __init__(self, device: torch.device | str = "cpu"):
        self.device = torch.device(device)
        self.seconds = 0.0

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def __enter__(self) -> Timer:
        self._started = self._now()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = self._now() - self._started


def median_seconds(call: Callable[[], object], device: torch.device, repeats: int = 5) -> float:
    """Time `call`: the median of some runs, after one that does not count."""
    taken = []
    for _ in range(1 + repeats):
        with Timer(device) as timer:
            call()
        taken.append(timer.seconds)
    return statistics.median(taken[1:])


def on_zero_gpu() -> bool:
    """Detect a Hugging Face ZeroGPU Space, where torch.compile is not available."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "true")
