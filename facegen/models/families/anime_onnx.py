"""An anime style out of an ONNX graph: checked by drawing with it, before it is used."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...errors import WeightsError
from ...networks.onnx.graph import Graph, GraphError, GraphNetwork, Port

TRIED = ((32, 48), (64, 40))  # pixels: height, width; two, as a size may be written into the graph
LARGEST = 1024  # pixels of a side, for a graph of one size
REACH = 4.0  # tanh gives 1, our own styles up to 3; a network for 0 to 255 gives hundreds


class GraphStyle(nn.Module):
    """images [N, 3, H, W] in [-1, 1] -> the same shape, by a graph that draws one picture a time.

    channels_last: the graph's tensors are [1, H, W, 3], as TensorFlow has them. size: the one
    (height, width) it works at, None for any; pictures are resized to it and back.
    """

    def __init__(self, network: GraphNetwork, file: str):
        super().__init__()
        self.network = network
        self.file = file
        self.channels_last, self.size = _layout(network.graph.inputs[0], file)

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([self._draw(image[None]) for image in images])

    def _draw(self, image: Tensor) -> Tensor:
        shape = image.shape
        if self.size:
            image = _resize(image, self.size)
        x = image.permute(0, 2, 3, 1) if self.channels_last else image
        try:
            drawn = self.network(x.contiguous())
        except GraphError as error:
            raise WeightsError(f"{self.file} draws no {_words(image)}: {error}") from error
        if drawn.shape != x.shape:
            raise WeightsError(
                f"{self.file} draws {list(drawn.shape)} for {list(x.shape)}; a style keeps the size"
            )
        if not torch.isfinite(drawn).all():
            raise WeightsError(f"{self.file} draws numbers that are not finite")
        drawn = drawn.permute(0, 3, 1, 2) if self.channels_last else drawn
        return _resize(drawn, shape[2:]) if self.size else drawn


def graph_style(graph: Graph, file: str, device: torch.device) -> GraphStyle:
    """The style, tried out on noise. Raises WeightsError naming the file and the reason."""
    try:
        network = GraphNetwork(graph)
    except GraphError as error:
        raise WeightsError(f"{file} is an ONNX network, but no anime style: {error}") from error
    style = GraphStyle(network, file).to(device).eval()
    for size in [style.size] if style.size else TRIED:
        noise = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
        reach = float(style(2 * noise.to(device) - 1).abs().max())
        if reach > REACH:
            raise WeightsError(
                f"{file} draws numbers up to {reach:.3g}; a style takes and gives -1 to 1"
            )
    return style


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


def _resize(image: Tensor, size) -> Tensor:
    return F.interpolate(image, tuple(size), mode="bilinear", antialias=True, align_corners=False)


def _words(image: Tensor) -> str:
    return f"picture of {image.shape[3]} x {image.shape[2]} pixels"
