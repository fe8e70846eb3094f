"""How fast StyleGAN2 config-f draws at 1024x1024, batch 1, random weights.

    python benchmarks/generator.py [--resolution 1024] [--repeats 5] [--device cpu]
    python benchmarks/generator.py --deviation [--resolution 256 512 1024] [--device cpu]
    python benchmarks/generator.py --mobile [FOLDER] [--openvino] [--busy] [--repeats 5]

Prints medians in seconds, ratios to the plain path (weights modulated sample by sample,
default memory layout: the way of equation 1 and of the reference implementations) and, for
half precision, the PSNR against float32; on CUDA also the recorded graph. With --deviation only
how far bfloat16 and float16 are from float32: the largest and the mean difference over the
largest value, and the PSNR. With --mobile it draws with MobileStyleGAN on the CPU instead: see
mobile.py.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parent.parent))

import mobile  # before torch: it settles the process
import torch
from mobile import median, psnr

from facegen import runtime
from facegen.models.renderer import Recording
from facegen.networks import stylegan2
from facegen.networks.stylegan2 import Generator, GeneratorConfig


def plain(x, weight, styles, up=False, demodulate=True, bias=None, gain=1.0):
    y = stylegan2.modulated_conv2d_plain(x, weight, styles, up, demodulate)
    return gain * (y if bias is None else y + bias[:, None, None])


@torch.no_grad()
def deviation(resolution: int, device: torch.device) -> None:
    """What half precision changes, in the blocks in which the project would use it."""
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(resolution)).eval().to(device)
    generator.to(memory_format=torch.channels_last)
    for layer in generator.synthesis.layers:
        layer.noise_strength.fill_(0.1)
    ws = generator.broadcast(generator.mapping(torch.randn(1, 512, device=device))).contiguous()
    exact = generator.synthesis(ws).float().cpu()
    for kind in ("cpu", "cuda"):
        generator.synthesis.half_from = runtime.half_from(torch.device(kind), resolution)
        for half in (torch.bfloat16, torch.float16):
            generator.synthesis.half_dtype = half
            apart = (generator.synthesis(ws).float().cpu() - exact).abs() / exact.abs().max()
            rough = exact + apart * exact.abs().max()
            print(
                f"{resolution:5} px  {str(half).removeprefix('torch.'):9} from "
                f"{generator.synthesis.half_from:3} px up: largest {apart.max():.1e}, "
                f"mean {apart.mean():.1e}, PSNR {psnr(exact, rough):.1f} dB"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resolution", type=int, nargs="+")
    parser.add_argument("--deviation", action="store_true")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    mobile.add_flags(parser)
    arguments = parser.parse_args()
    if arguments.mobile is not None:
        mobile.speed(arguments)
        return
    device = runtime.choose_device(arguments.device)
    if arguments.deviation:
        print(f"{device}, torch {torch.__version__}, batch 1, random weights, against float32")
        for resolution in arguments.resolution or (256, 512, 1024):
            deviation(resolution, device)
        return
    for resolution in arguments.resolution or (1024,):
        speed(resolution, arguments.repeats, device)


def speed(resolution: int, repeats: int, device: torch.device) -> None:
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(resolution)).eval().to(device)
    ws = generator.broadcast(generator.mapping(torch.randn(1, 512, device=device))).contiguous()
    print(
        f"{resolution}x{resolution}, batch 1, {device}, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}"
    )

    with mock.patch.object(stylegan2, "modulated_conv2d", plain):
        slow, oracle = median(generator.synthesis, ws, repeats)
    print(f"plain     float32   {slow:7.3f} s    1.0x")

    generator.to(memory_format=torch.channels_last)
    fast, image = median(generator.synthesis, ws, repeats)
    error = float((image - oracle).abs().max() / oracle.abs().max())
    print(
        f"facegen   float32   {fast:7.3f} s  {slow / fast:5.1f}x  "
        f"largest deviation {error:.1e} relative"
    )

    half = torch.float16 if device.type == "cuda" else torch.bfloat16
    generator.synthesis.half_dtype = half
    generator.synthesis.half_from = runtime.half_from(device, resolution)
    faster, rough = median(generator.synthesis, ws, repeats)
    name = str(half).removeprefix("torch.")
    print(
        f"facegen   {name:9} {faster:7.3f} s  {slow / faster:5.1f}x  "
        f"PSNR {psnr(image, rough):.1f} dB"
    )
    if device.type == "cuda":
        recording = Recording(lambda inputs: generator.synthesis(inputs[0]), [ws])
        replayed, same = median(lambda one: recording([one]), ws, repeats)
        print(
            f"replayed  {name:9} {replayed:7.3f} s  {slow / replayed:5.1f}x  "
            f"{'the same picture' if torch.equal(same, rough) else 'ANOTHER PICTURE'}"
        )
    used = runtime.half_dtype(device, resolution)
    print(f"used on this machine: {used or torch.float32}")


if __name__ == "__main__":
    main()
