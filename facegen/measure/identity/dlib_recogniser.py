"""Identity: whether recognisers take two pictures for the same person.

A recogniser turns an aligned face into a vector; the distance of two vectors is compared with the
recogniser's threshold. What a distance means among strangers is in calibration.py.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ... import images, limits
from ...errors import WeightsError
from ...images import luma
from ...networks.recognisers import CHIP, FaceResNet
from ...types import Face, IdentityDistance

PACKAGE = "face_recognition_models"
RESNET = "dlib_face_recognition_resnet_model_v1.dat"

# Where dlib's chip lies in an FFHQ crop, in units of the crop's size: left, top, right, bottom.
# The median over 300 aligned faces; a side's standard deviation is 0.012 or less, that of the
# chip's angle 1.4 degrees.
CHIP_BOX = (0.163, 0.259, 0.847, 0.943)


class Recogniser(Protocol):
    """Interface of every recogniser of identity."""

    name: str
    threshold: float

    def embed(self, pixels: np.ndarray, face: Face | None) -> np.ndarray | None:
        """Embed an aligned crop, uint8 [R, R, 3]: float64 [D]; None if it shows no face.

        face: what the detector found in the crop, None if nothing."""

    def embed_all(
        self, pixels: Sequence[np.ndarray], faces: Sequence[Face | None]
    ) -> list[np.ndarray | None]:
        """Embed several crops at once: the same numbers in less time."""

    def distance(self, first: np.ndarray, second: np.ndarray) -> float:
        """Return how different two vectors are; below the threshold it is the same person."""

    def distances(self, one: np.ndarray, many: np.ndarray) -> np.ndarray:
        """Compare one vector [D], or several [M, D], with many [N, D]; returns [N] or [M, N]."""


def compare(recogniser: Recogniser, first: np.ndarray, second: np.ndarray) -> IdentityDistance:
    """Compare two of a recogniser's vectors."""
    return IdentityDistance(recogniser.distance(first, second), recogniser.threshold)


class DlibRecogniser:
    """dlib's face recognition network: 128 numbers, Euclidean distance, threshold 0.6.

    http://blog.dlib.net/2017/02/high-quality-face-recognition-with-deep.html; the network and the
    five-point predictor are the files of the face_recognition_models package. The network itself
    runs in PyTorch, which gives dlib's vectors, batched, in a tenth of dlib's time.

    An FFHQ crop has the face always in the same place, so dlib's face detector, which may fail, is
    replaced by the box it finds in the median. Over 4,950 pairs of different faces the distances
    are those of dlib's own pipeline (correlation 0.997, mean difference 0.006). A face shown at 64
    pixels comes out 0.24 away from itself at 256 (95th percentile 0.31), so compared pictures
    should have one resolution.

    Safe to share between threads; loads its files on first use."""

    name = "dlib"
    threshold = limits.DLIB_SAME

    _SIZE = 256
    _BOX = (53, 78, 203, 228)  # left, top, right, bottom in a crop of 256
    _PADDING = 0.25  # of the chip around the face, as compute_face_descriptor has it
    _BATCH = 16

    def __init__(self, device: torch.device | str = "cpu"):
        self._device = torch.device(device)
        self._lock = threading.Lock()

    def embed(self, pixels: np.ndarray, face: Face | None) -> np.ndarray | None:
        """Embed an aligned crop, uint8 [R, R, 3] of any R: float64 [128]; None if face is None.

        The network gives a vector for anything, so without a face there is none. Raises
        WeightsError."""
        return self.embed_all([pixels], [face])[0]

    def embed_all(
        self, pixels: Sequence[np.ndarray], faces: Sequence[Face | None]
    ) -> list[np.ndarray | None]:
        """Embed several crops, as `embed`."""
        seen = [i for i, face in enumerate(faces) if face is not None]
        chips = self._chips([pixels[i] for i in seen])
        vectors: list[np.ndarray | None] = [None] * len(faces)
        for start in range(0, len(seen), self._BATCH):
            batch = images.to_tensor(chips[start : start + self._BATCH]).to(self._device)
            with torch.no_grad():
                found = self._network(batch).double().cpu().numpy()
            for i, vector in zip(seen[start:], found, strict=False):
                vectors[i] = vector
        return vectors

    def distance(self, first: np.ndarray, second: np.ndarray) -> float:
        return float(np.linalg.norm(first - second))

    def distances(self, one: np.ndarray, many: np.ndarray) -> np.ndarray:
        squares = (one**2).sum(axis=-1)[..., None] + (many**2).sum(axis=1) - 2 * one @ many.T
        return np.sqrt(np.maximum(squares, 0.0))

    def _chips(self, pixels: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Cut the network's inputs, uint8 [150, 150, 3] each, turned upright."""
        if not pixels:
            return []
        crops = [np.ascontiguousarray(images.resize(crop, self._SIZE)) for crop in pixels]
        with self._lock:
            cut, box, find_points = self._cutter
            return [cut(crop, find_points(crop, box), CHIP, self._PADDING) for crop in crops]

    @cached_property
    def _network(self) -> FaceResNet:
        return load_face_resnet().to(self._device)

    @cached_property
    def _cutter(self) -> tuple:
        return _load_dlib()


def _load_dlib() -> tuple:
    """Load (chip cutter, box, five-point predictor). Raises WeightsError for a missing package."""
    path = dlib_file("shape_predictor_5_face_landmarks.dat")
    try:
        import dlib
    except ImportError as error:
        raise WeightsError(
            f"the identity recogniser needs dlib ({error}); run `pip install dlib-bin`"
        ) from error
    try:
        return (
            dlib.get_face_chip,
            dlib.rectangle(*DlibRecogniser._BOX),
            dlib.shape_predictor(str(path)),
        )
    except RuntimeError as error:
        raise WeightsError(
            f"the weights of the identity recogniser cannot be read ({error}); "
            "run `pip install --force-reinstall face_recognition_models`"
        ) from error


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

    For training and refinement: dlib itself gives no gradient. Without the embedding, so that
    bringing two pictures nearer by this does not directly optimise the identity recogniser. Raises
    WeightsError."""
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
