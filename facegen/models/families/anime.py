"""Load networks that draw: ours, AnimeGANv2's in the PyTorch port's format, and ONNX graphs.

A graph is checked by drawing with it, before it is used. What it may be is looked at here, in the
data that the reader gives; it is run elsewhere, by onnxruntime on the CPU (onnx_session.py),
whatever the device of the pictures.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ... import weights
from ...errors import WeightsError
from ...networks import animegan
from ...networks.drawing import DrawingNet
from ...weights.formats.onnx import CONTENT, Graph, Port
from ..loading import load
from .onnx_session import Session, SessionError

FIRST_KEY = "block_a.0.1.weight"  # of a published AnimeGANv2 generator
# What a file of ours calls its network: what `train anime` makes, and what was converted.
NETWORKS = {"drawing": DrawingNet, "animegan": animegan.Generator}
UNKNOWN = "what the owner of the pictures allows"
UNKNOWN_ONNX = "what its author allows; ask whoever made it"

# Of graphs.
TRIED = ((32, 48), (64, 40))  # pixels: height, width; two, as a size may be written into the graph
LARGEST = 1024  # pixels of a side, for a graph of one size
REACH = 4.0  # tanh gives 1, our own styles up to 3; a network for 0 to 255 gives hundreds
OPSETS = range(7, 24)  # versions of the operations that onnxruntime promises to know
# What networks that draw consist of. Of onnxruntime's other operations some read what lies outside
# the graph, and all are native code that a file could aim at.
# fmt: off
OPERATIONS = frozenset((
    "Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Constant",
    "ConstantOfShape", "Conv", "ConvTranspose", "DepthToSpace", "Div", "Elu", "Exp", "Floor",
    "Gather", "GlobalAveragePool", "HardSigmoid", "HardSwish", "Identity", "InstanceNormalization",
    "LeakyRelu", "Max", "Min", "Mul", "Neg", "PRelu", "Pad", "Pow", "Reciprocal", "ReduceMean",
    "Relu", "Reshape", "Resize", "Shape", "Sigmoid", "Slice", "Softplus", "Split", "Sqrt",
    "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze", "Upsample",
))
# fmt: on


def load_anime(name: str, device: torch.device) -> nn.Module:
    """Load the anime generator of that style, frozen. Raises WeightsError."""
    entry = weights.find(name)
    path, content, metadata = weights.load(entry)
    if CONTENT in content:
        return graph_style(content[CONTENT], path.name)
    return anime_generator(content, metadata, path.name, device, entry.config)


def anime_file(path: Path, device: torch.device) -> tuple[nn.Module, str, str]:
    """Load (network, name, what its licence allows) of what `train anime` writes, or of ONNX.

    path: an exported safetensors, the latest.pt of an unfinished run, or an ONNX network from
    picture to picture, which is named after its file. Raises WeightsError.
    """
    content, metadata = weights.read(path)
    if CONTENT in content:
        return graph_style(content[CONTENT], path.name), path.stem, _licence(path)
    if metadata.get("network") in NETWORKS:
        network = anime_generator(content, metadata, path.name, device)
        name = metadata.get("name", path.stem)
        return network, name, metadata.get("licence_meaning", UNKNOWN)
    try:
        state, said = content["average"], json.loads(content["options"])
        style, config = str(said["style"]), {key: said[key] for key in ("width", "detail")}
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path.name} is not an anime style; name an anime-STYLE.safetensors or latest.pt "
            "that 'train anime' wrote, or an ONNX file"
        ) from error
    return _build(DrawingNet, config, state, path.name, device), style, UNKNOWN


def anime_generator(
    content: Mapping,
    metadata: Mapping[str, str],
    file: str,
    device: torch.device,
    config: Mapping | None = None,
) -> nn.Module:
    """Build an anime generator. config: what a published file does not say, as align_corners."""
    network = NETWORKS.get(metadata.get("network", ""))
    if network is not None:
        config = json.loads(metadata["config"])
    elif FIRST_KEY in content:
        network = animegan.Generator
    else:
        raise WeightsError(f"{file} is not an anime generator; get the file again")
    return _build(network, config or {}, content, file, device)


def _build(
    network: type[nn.Module], config: Mapping, state: Mapping, file: str, device: torch.device
) -> nn.Module:
    try:
        with torch.device("meta"):
            built = network(**config)
    except (TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{file} has a config that makes no network ({error})") from error
    return load(built, state, file, device)


def _licence(path: Path) -> str:
    """Say what the registry knows of an ONNX file, which says nothing of its licence."""
    entry = weights.same_bytes(path)
    return entry.licence_meaning if entry else UNKNOWN_ONNX


# --- ONNX graphs -----------------------------------------------------------------------


class GraphStyle(nn.Module):
    """images [N, 3, H, W] in [-1, 1] -> the same shape, by a graph that draws one picture a time.

    channels_last: the graph's tensors are [1, H, W, 3], as TensorFlow has them. size: the one
    (height, width) it works at, None for any; pictures are resized to it and back.
    Raises WeightsError when it draws, naming the file.
    """

    def __init__(self, graph: Graph, file: str):
        super().__init__()
        self.file = file
        self.channels_last, self.size = _layout(graph.inputs[0], file)
        self.session = Session(graph.data, torch.get_num_threads())

    @torch.inference_mode()
    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([self._draw(image[None].cpu()) for image in images]).to(images.device)

    def _draw(self, image: Tensor) -> Tensor:
        shape = image.shape
        if self.size:
            image = _resize(image, self.size)
        x = image.permute(0, 2, 3, 1) if self.channels_last else image
        try:
            drawn = torch.from_numpy(self.session.run(x.contiguous().numpy()))
        except SessionError as error:
            size = f"{image.shape[3]} x {image.shape[2]} pixels"
            raise WeightsError(f"{self.file} draws no picture of {size}: {error}") from error
        if not torch.isfinite(drawn).all():
            raise WeightsError(f"{self.file} draws numbers that are not finite")
        drawn = drawn.permute(0, 3, 1, 2) if self.channels_last else drawn
        return _resize(drawn, shape[2:]) if self.size else drawn


def graph_style(graph: Graph, file: str) -> GraphStyle:
    """Make the style and try it on noise. Raises WeightsError naming the file and the reason."""
    if wrong := _what_is_wrong(graph):
        raise WeightsError(f"{file} is an ONNX network, but no anime style: {wrong}")
    style = GraphStyle(graph, file).eval()
    try:
        style.session.load()
    except SessionError as error:
        raise WeightsError(f"{file} is an ONNX network, but no anime style: {error}") from error
    for size in [style.size] if style.size else TRIED:
        noise = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
        reach = float(style(2 * noise - 1).abs().max())
        if reach > REACH:
            raise WeightsError(
                f"{file} draws numbers up to {reach:.3g}; a style takes and gives -1 to 1"
            )
    return style


def _what_is_wrong(graph: Graph) -> str | None:
    """Say why a graph is no style: one picture in and one out, and operations that are listed."""
    for what, ports in (("input", graph.inputs), ("output", graph.outputs)):
        if len(ports) != 1:
            return f"it has {len(ports)} {what}s; a style has one"
        if not ports[0].is_float32:
            return f"its {what} is not of type float32"
    if graph.opset not in OPSETS:
        return f"it has operations of version {graph.opset}, not 7 to {OPSETS[-1]}"
    if unknown := sorted({node.op for node in graph.nodes} - OPERATIONS):
        names = ", ".join(" ".join(op.split())[:40] for op in unknown[:5])
        return f"it has operations that networks which draw do not have: {names}"
    return None


def _layout(port: Port, file: str) -> tuple[bool, tuple[int, int] | None]:
    """Read off an input (whether the channels come last, the one size or None)."""
    shape = port.shape or ()
    if len(shape) != 4 or 3 not in (shape[1], shape[3]) or shape[0] not in (None, 1):
        said = [size or "any" for size in shape]
        raise WeightsError(
            f"{file} is an ONNX network, but no anime style: its input is {said}; "
            "a style's is [1, 3, any, any] or [1, any, any, 3]"
        )
    last = shape[1] != 3
    height, width = shape[1:3] if last else shape[2:]
    if height is None and width is None:
        return last, None
    if (
        height is None
        or width is None
        or not (8 <= min(height, width) <= LARGEST >= max(height, width))
    ):
        raise WeightsError(
            f"{file} draws pictures of {height or 'any'} x {width or 'any'} pixels; a style of one "
            f"size has 8 to {LARGEST} on each side"
        )
    return last, (height, width)


def _resize(image: Tensor, size: tuple[int, ...]) -> Tensor:
    return F.interpolate(image, tuple(size), mode="bilinear", antialias=True, align_corners=False)
