"""A network that came as a list of ONNX operations, run by torch: on any device, any size.

Only the operations of ops.py are run. Memory and time are bounded: at any one time a graph may
hold FIXED numbers and PER_PIXEL more for each pixel of the picture, and it may make WORK_FIXED
multiplications and WORK_PER_PIXEL more for each pixel. It is stopped before it takes more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .ops import OPERATIONS, Call

OPSETS = range(7, 24)  # versions of the operations that ops.py was written for
FIXED = 1 << 24
PER_PIXEL = 2048  # AnimeGANv2 needs about 500
WORK_FIXED = 1 << 28
WORK_PER_PIXEL = 4_000_000  # AnimeGANv2 needs about 410,000


class GraphError(ValueError):
    """The graph is not one that is run here; the message says why, without the file's name."""


@dataclass(frozen=True)
class Port:
    """An input or output. shape: None where nothing is said, and in it for each open side."""

    name: str
    shape: tuple[int | None, ...] | None
    is_float32: bool


@dataclass(frozen=True)
class Node:
    """One operation. Names of "" among the inputs are those left out."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, object]


@dataclass(frozen=True)
class Graph:
    """opset: the version of the operations. constants: float32 weights, int64 shapes and axes."""

    opset: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, Tensor]


class GraphNetwork(nn.Module):
    """A graph with one input and one output; forward: its input tensor -> its output tensor.

    Raises GraphError for operations that are not known, and at run time for whatever goes wrong.
    """

    def __init__(self, graph: Graph):
        super().__init__()
        _check(graph)
        self.graph = graph
        self._buffer_of: dict[str, str] = {}
        self._integers: dict[str, Tensor] = {}  # on the CPU always: shapes and axes
        for index, (name, tensor) in enumerate(graph.constants.items()):
            if tensor.is_floating_point():
                self._buffer_of[name] = f"constant_{index}"
                self.register_buffer(self._buffer_of[name], tensor)
            else:
                self._integers[name] = tensor
        output = graph.outputs[0].name
        last = {name: i for i, node in enumerate(graph.nodes) for name in node.inputs}
        self._done_after = [[] for _ in graph.nodes]
        for index, node in enumerate(graph.nodes):
            for name in node.outputs:  # one that nobody reads is done at once
                if name != output:
                    self._done_after[max(index, last.get(name, index))].append(name)

    @torch.inference_mode()
    def forward(self, x: Tensor) -> Tensor:
        graph = self.graph
        values = {graph.inputs[0].name: x} | self._integers
        values |= {name: getattr(self, buffer) for name, buffer in self._buffer_of.items()}
        pixels = x.numel() // 3
        limit, held = FIXED + PER_PIXEL * pixels, 0
        left = WORK_FIXED + WORK_PER_PIXEL * pixels

        def room(*shape: int) -> None:
            if min(shape, default=1) < 0 or math.prod(shape) > limit - held:
                raise GraphError(f"a tensor of {list(shape)} is more than a picture needs")

        def work(multiplications: int) -> None:
            nonlocal left
            left -= multiplications
            if left < 0:
                raise GraphError(
                    f"it takes more than {WORK_PER_PIXEL:,} multiplications a pixel; AnimeGANv2 "
                    "takes 410,000"
                )

        for node, done in zip(graph.nodes, self._done_after, strict=True):
            inputs = [values[name] if name else None for name in node.inputs]
            try:
                result = OPERATIONS[node.op](Call(inputs, node.attributes, graph.opset, room, work))
            except Exception as error:
                reason = " ".join(str(error).split())[:120] or type(error).__name__
                raise GraphError(f"its operation {node.op} cannot be done ({reason})") from error
            values[node.outputs[0]] = result
            held += result.numel()
            work(result.numel())
            room()
            for name in done:
                held -= values.pop(name).numel()
        return values[graph.outputs[0].name]


def _check(graph: Graph) -> None:
    """One input and output, known operations in an order that works. Raises GraphError."""
    for what, ports in (("input", graph.inputs), ("output", graph.outputs)):
        if len(ports) != 1:
            raise GraphError(f"it has {len(ports)} {what}s; a style has one")
        if not ports[0].is_float32:
            raise GraphError(f"its {what} is not of type float32")
    if graph.opset not in OPSETS:
        raise GraphError(f"it has operations of version {graph.opset}, not 7 to {OPSETS[-1]}")
    unknown = sorted({node.op for node in graph.nodes} - OPERATIONS.keys())
    if unknown:
        names = ", ".join(" ".join(op.split())[:40] for op in unknown[:5])
        raise GraphError(f"it has operations that AnimeGANv2 does not have: {names}")
    known = {"", graph.inputs[0].name, *graph.constants}
    for node in graph.nodes:
        if len(node.outputs) != 1 or node.outputs[0] in known:
            raise GraphError(f"its operation {node.op} has no output of its own")
        if missing := set(node.inputs) - known:
            raise GraphError(f"{min(missing)[:40]!r} is used before it is made")
        known.add(node.outputs[0])
    if graph.outputs[0].name not in known - {""}:
        raise GraphError(f"its output {graph.outputs[0].name[:40]!r} is never made")
