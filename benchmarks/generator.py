"""How fast StyleGAN2 config-f draws at 1024x1024, batch 1, random weights.

    python benchmarks/generator.py [--resolution 1024] [--repeats 5] [--device cpu]

Prints medians in seconds, ratios to the plain path (weights modulated sample by sample,
default memory layout: the way of equation 1 and of the reference implementations) and, for
half precision, the PSNR against float32.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from unittest import mock

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from facegen import runtime
from facegen.networks import stylegan2
from facegen.networks.stylegan2 import Generator, GeneratorConfig


def plain(x, weight, styles, up=False, demodulate=True, bias=None, gain=1.0):
    y = stylegan2.modulated_conv2d_plain(x, weight, styles, up, demodulate)
    return gain * (y if bias is None else y + bias[:, None, None])


@torch.no_grad()
def median(generator, ws, repeats) -> tuple[float, torch.Tensor]:
    image = generator.synthesis(ws)  # the first one does not count
    seconds = []
    for _ in range(repeats):
        with runtime.Timer(ws.device) as timer:
            image = generator.synthesis(ws)
        seconds.append(timer.seconds)
    return statistics.median(seconds), image.float().cpu()


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    """In dB; the signal's range is that of a, which random weights put anywhere."""
    return float(10 * torch.log10((a.max() - a.min()) ** 2 / (a - b).square().mean()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resolution", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    device = runtime.choose_device(arguments.device)

    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(arguments.resolution)).eval().to(device)
    ws = generator.broadcast(generator.mapping(torch.randn(1, 512, device=device))).contiguous()
    print(
        f"{arguments.resolution}x{arguments.resolution}, batch 1, {device}, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}"
    )

    with mock.patch.object(stylegan2, "modulated_conv2d", plain):
        slow, oracle = median(generator, ws, arguments.repeats)
    print(f"plain     float32   {slow:7.3f} s    1.0x")

    generator.to(memory_format=torch.channels_last)
    fast, image = median(generator, ws, arguments.repeats)
    error = float((image - oracle).abs().max() / oracle.abs().max())
    print(
        f"facegen   float32   {fast:7.3f} s  {slow / fast:5.1f}x  "
        f"largest deviation {error:.1e} relative"
    )

    half = torch.float16 if device.type == "cuda" else torch.bfloat16
    generator.synthesis.half_dtype = half
    generator.synthesis.half_from = runtime.half_from(device, arguments.resolution)
    faster, rough = median(generator, ws, arguments.repeats)
    name = str(half).removeprefix("torch.")
    print(
        f"facegen   {name:9} {faster:7.3f} s  {slow / faster:5.1f}x  "
        f"PSNR {psnr(image, rough):.1f} dB"
    )
    used = runtime.half_dtype(device, arguments.resolution)
    print(f"used on this machine: {used or torch.float32}")


if __name__ == "__main__":
    main()
