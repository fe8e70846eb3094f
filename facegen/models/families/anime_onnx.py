"""An anime style out of an ONNX graph: checked by drawing with it, before it is used.

What the graph may be is looked at here, in the data that the reader gives; it is run elsewhere, by
onnxruntime on the CPU (onnx_session.py), whatever the device of the pictures.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...errors import WeightsError
from ...weights.formats.onnx import Graph, Port
from .onnx_session import Session, SessionError

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
    """The style, tried out on noise. Raises WeightsError naming the file and the reason."""
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
    """One picture in and one out, and operations that are known."""
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
    """(whether the channels come last, the one size or None) of the graph's input."""
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
