"""How fast MobileStyleGAN draws 1024x1024 on a CPU, batch 1; a part of generator.py.

--mobile FOLDER: the four published files; without a folder random weights. --openvino: the same
files drawn by OpenVINO in float32, in an environment made for it in a temporary folder. --busy:
everything of ours again while another process takes all of one core. Previews, in float32 and in
bfloat16, are drawn by a head that has learned nothing: it takes as long.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import venv
from pathlib import Path

import common  # before torch: it settles the process
import numpy as np
import torch

from facegen import runtime
from facegen.networks.mobile_fast import FastSynthesis
from facegen.networks.mobile_stylegan import (
    MobileConfig,
    MobileGenerator,
    MobileMapping,
    MobileSynthesis,
)
from facegen.weights.formats.mobile_stylegan import from_openvino

FILES = [f"{part}Network.{end}" for part in ("Mapping", "Synthesis") for end in ("xml", "bin")]
OPENVINO = """
import statistics, sys, time
import numpy as np, openvino as ov
core, (graph, given, made, repeats) = ov.Core(), sys.argv[1:]
started = time.perf_counter()
f32 = {"INFERENCE_PRECISION_HINT": "f32"}
draw = core.compile_model(core.read_model(graph), "CPU", f32).create_infer_request()
ready, w, seconds = time.perf_counter() - started, np.load(given), []
for _ in range(int(repeats) + 1):
    started = time.perf_counter()
    image = next(iter(draw.infer([w]).values()))
    seconds.append(time.perf_counter() - started)
np.save(made, image)
print(ov.__version__, ready, statistics.median(seconds[1:]))
"""


@torch.no_grad()
def median(draw, ws, repeats) -> tuple[float, torch.Tensor]:
    image = draw(ws)  # the first one does not count
    seconds = []
    for _ in range(repeats):
        with runtime.Timer(ws.device) as timer:
            image = draw(ws)
        seconds.append(timer.seconds)
    return statistics.median(seconds), image.float().cpu()


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    """In dB; the signal's range is that of a, which random weights put anywhere."""
    return float(10 * torch.log10((a.max() - a.min()) ** 2 / (a - b).square().mean()))


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mobile", metavar="FOLDER", nargs="?", const="")
    parser.add_argument("--openvino", action="store_true")
    parser.add_argument("--busy", action="store_true")


def networks(folder: str) -> tuple[MobileMapping, MobileSynthesis]:
    """Of the published files, or with random weights that keep the numbers in bounds."""
    config = MobileConfig()
    made = torch.nn.ModuleDict(
        {"mapping": MobileMapping(config), "synthesis": MobileSynthesis(config)}
    )
    if folder:
        state = from_openvino({name: (Path(folder) / name).read_bytes() for name in FILES})
        made.load_state_dict({"mapping.w_avg": torch.zeros(config.w_dim)} | state)
    else:
        random = torch.Generator().manual_seed(0)
        for tensor in (*made.parameters(), *made.buffers()):
            spread = 0.1 if tensor.ndim < 2 else tensor[0].numel() ** -0.5
            tensor.data.copy_(torch.randn(tensor.shape, generator=random) * spread)
    made.eval().requires_grad_(False)
    return made["mapping"], made["synthesis"]


def speed(arguments: argparse.Namespace) -> None:
    mapping, synthesis = networks(arguments.mobile)
    w = mapping(torch.randn(1, 512, generator=torch.Generator().manual_seed(1)))
    ws = w[:, None].repeat(1, synthesis.config.num_ws, 1)
    print(
        f"MobileStyleGAN, {synthesis.config.resolution} px, batch 1, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}"
    )
    ways = {
        "plain": synthesis,
        "fast": FastSynthesis(synthesis),
        "fast, bfloat16": FastSynthesis(synthesis, torch.bfloat16),
    }
    alone, oracle = {}, None
    for name, draw in ways.items():
        seconds, image = median(draw, ws, arguments.repeats)
        oracle = image if oracle is None else oracle
        alone[name] = seconds
        _say(name, seconds, alone["plain"], image, oracle)
    if arguments.openvino:
        assert arguments.mobile, "OpenVINO draws the published files: name their folder"
        _openvino(Path(arguments.mobile), w, oracle, alone["plain"], arguments.repeats)
    _features({"plain": synthesis.features, "fast": ways["fast"].features}, ws, arguments.repeats)
    _previews(synthesis, ways["fast"], ws, arguments.repeats)
    if arguments.busy:
        with common.burning():
            for name, draw in ways.items():
                seconds, _ = median(draw, ws, arguments.repeats)
                ratio = seconds / alone[name]
                print(f"{name:16} {seconds:7.3f} s with one core taken, {ratio:.2f} times as long")


def _say(name: str, seconds: float, plain: float, image, oracle) -> None:
    apart = float((image - oracle).abs().max())
    quality = f", PSNR {psnr(oracle, image):.1f} dB" if apart > 1e-3 else ""
    print(f"{name:16} {seconds:7.3f} s {plain / seconds:5.1f}x, at most {apart:.1e} off{quality}")


def _features(ways: dict, ws: torch.Tensor, repeats: int) -> None:
    """What a preview costs before its head."""
    for name, features in ways.items():
        seconds, _ = median(lambda ws, of=features: of(ws, 128), ws, repeats)
        print(f"{name:16} {seconds:7.3f} s for the features at 128 px")


def _previews(synthesis: MobileSynthesis, fast: FastSynthesis, ws: torch.Tensor, repeats) -> None:
    """Whole previews, and the same with the gradient that a step of refinement needs."""
    generator = MobileGenerator(synthesis.config).eval().requires_grad_(False)
    generator.synthesis, generator.fast = synthesis, fast

    def preview(ws: torch.Tensor) -> torch.Tensor:
        return generator.preview(ws, 256)

    @torch.enable_grad()
    def gradient(ws: torch.Tensor) -> torch.Tensor:
        code = ws.clone().requires_grad_(True)
        preview(code).abs().mean().backward()
        return code.grad

    for kind in ("float32", "bfloat16"):
        if kind == "bfloat16":
            generator.roughen()
        for what, made in (("a preview", preview), ("its gradient too", gradient)):
            seconds, _ = median(made, ws, repeats)
            print(f"{kind:16} {seconds:7.3f} s for {what}")


def _openvino(folder: Path, w: torch.Tensor, oracle, plain: float, repeats: int) -> None:
    with tempfile.TemporaryDirectory() as made:
        venv.create(made, with_pip=True)
        python = str(Path(made, "Scripts" if os.name == "nt" else "bin", "python"))
        subprocess.run([python, "-m", "pip", "install", "-q", "openvino"], check=True)
        given, drawn = Path(made) / "w.npy", Path(made) / "image.npy"
        np.save(given, w.numpy())
        command = [python, "-c", OPENVINO, folder / FILES[2], given, drawn, repeats]
        done = subprocess.run(
            [str(part) for part in command], stdout=subprocess.PIPE, text=True, check=True
        )
        version, ready, seconds = done.stdout.split()
        image = torch.from_numpy(np.load(drawn))
    _say("OpenVINO", float(seconds), plain, image, oracle)
    print(f"                 OpenVINO {version}, {float(ready):.2f} s to be ready")
