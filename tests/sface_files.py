"""A file in the format of the published SFace, with made-up weights: int8 in blocks, opset 21."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from onnx_files import model, node, port, tensor
from torch import Tensor

WIDTHS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)  # of OpenCV's graph
HALVING = (3, 5, 7, 13)  # its numbers of the layers that halve
EPS, END_EPS = 1e-3, 2e-5


class Written:
    """The file's `data`, and `twin`: the same network, nothing folded, in torch.

    listed: as in the published file, weights that the int8 replaced still stand among the
    inputs. spoil: name -> another array in a tensor's place; edit: node name -> other attributes.
    """

    def __init__(self, listed: bool = True, spoil=None, edit=None):
        self.rng = np.random.default_rng(0)
        self.spoil, self.edit = spoil or {}, edit or {}
        self.arrays: dict[str, np.ndarray] = {}
        self.nodes, self.tensors, self.inputs = [], [], [port("data", (1, 3, 112, 112))]
        self.listed = listed
        self._build()
        self.data = model(self.nodes, self.inputs, [port("fc1", (1, 128))], self.tensors, opset=21)

    def _build(self) -> None:
        self._constant("mean", [127.5])
        self._constant("scale", [1 / 128])
        self._node("Sub", "data mean", "centred")
        self._node("Mul", "centred scale", "scaled")
        at, before = "scaled", 3
        for number, width in enumerate(WIDTHS, 1):
            stride = 2 if number in HALVING else 1
            if number == 1:
                at = self._unit("conv_1", at, (width, 3, 3, 3), 1, 1)
            else:
                shape = (before, 1, 3, 3)
                at = self._unit(f"conv_{number}_dw", at, shape, stride, before)
                at = self._unit(f"conv_{number}", at, (width, before, 1, 1), 1, 1)
            before = width
        at = self._normal("bn1", at, before, END_EPS)
        self._constant("rate", 0.5)
        self._node("Dropout", f"{at} rate", "dropped")
        self._node("Flatten", "dropped", "flat")
        self._blocks("pre_fc1_weight", (128, before * 49), 64, 0.004)
        self._blocks("pre_fc1_bias", (128,), 64, 0.1)
        inputs = "flat pre_fc1_weight_dequantized pre_fc1_bias_dequantized"
        attributes = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 1}
        self._node("Gemm", inputs, "pre_fc1", **attributes)
        self._normal("fc1", "pre_fc1", 128, END_EPS)

    def _node(self, op: str, inputs: str, output: str, **attributes) -> None:
        self.nodes.append(node(op, inputs, output, **attributes | self.edit.get(output, {})))

    def _constant(self, name: str, values, kind=np.float32) -> None:
        values = np.asarray(self.spoil.get(name, values))
        self.arrays[name] = values = values.astype(kind)
        self.tensors.append(tensor(name, values))

    def _unit(self, name: str, at: str, shape, stride: int, groups: int) -> str:
        flat = (shape[0], int(np.prod(shape[1:])))
        self._blocks(f"{name}_weight", flat, 64 if shape[2] == 1 else flat[1], flat[1] ** -0.5)
        self._constant(f"{name}_shape", shape, np.int64)
        self._node("Reshape", f"{name}_weight_dequantized {name}_shape", f"{name}_weight_reshaped")
        pad = shape[2] // 2
        attributes = {
            "dilations": [1, 1],
            "group": groups,
            "kernel_shape": list(shape[2:]),
            "pads": [pad] * 4,
            "strides": [stride] * 2,
        }
        self._node("Conv", f"{at} {name}_weight_reshaped", name, **attributes)
        at = self._normal(f"{name}_bn", name, shape[0], EPS)
        self._constant(f"{name}_slope", self.rng.uniform(0, 0.5, (shape[0], 1, 1)))
        self._node("PRelu", f"{at} {name}_slope", f"{name}_relu")
        return f"{name}_relu"

    def _normal(self, name: str, at: str, width: int, eps: float) -> str:
        parts = {"gamma": (0.5, 1.5), "beta": (-0.2, 0.2), "mean": (-0.2, 0.2), "var": (0.5, 1.5)}
        for part, (low, high) in parts.items():
            self._constant(f"{name}_{part}", self.rng.uniform(low, high, width))
        inputs = " ".join([at, *(f"{name}_{part}" for part in parts)])
        self._node("BatchNormalization", inputs, name, epsilon=eps)
        return name

    def _blocks(self, name: str, shape, block: int, size: float) -> None:
        axis = len(shape) - 1
        blocks = (*shape[:-1], -(-shape[-1] // block))
        scales = self.rng.uniform(0.5, 1.5, blocks) * size / 64
        self._constant(f"{name}_quantized", self.rng.integers(-128, 128, shape), np.int8)
        self._constant(f"{name}_scales", scales)
        self._constant(f"{name}_zero_point", self.rng.integers(-9, 9, blocks), np.int8)
        inputs = f"{name}_quantized {name}_scales {name}_zero_point"
        output = f"{name}_dequantized"
        self._node("DequantizeLinear", inputs, output, axis=axis, block_size=block)
        if self.listed:
            self.inputs.append(port(name, shape))

    # -- the twin ----------------------------------------------------------------------------

    def twin(self, x: Tensor) -> Tensor:
        """RGB [N, 3, 112, 112] in 0 to 255 -> [N, 128]."""
        x = (x - 127.5) / 128
        for number in range(1, len(WIDTHS) + 1):
            if number == 1:
                x = self._seen("conv_1", x, 1, 1, 3)
                continue
            x = self._seen(f"conv_{number}_dw", x, 2 if number in HALVING else 1, x.shape[1], 3)
            x = self._seen(f"conv_{number}", x, 1, 1, 1)
        x = self._normed("bn1", x, END_EPS).flatten(1)
        x = F.linear(x, self._weight("pre_fc1_weight", 64), self._weight("pre_fc1_bias", 64))
        return self._normed("fc1", x, END_EPS)

    def _seen(self, name: str, x: Tensor, stride: int, groups: int, size: int) -> Tensor:
        block = 64 if size == 1 else self.arrays[f"{name}_weight_quantized"].shape[1]
        weight = self._weight(f"{name}_weight", block).view(*self.arrays[f"{name}_shape"])
        x = F.conv2d(x, weight, None, stride, size // 2, 1, groups)
        x = self._normed(f"{name}_bn", x, EPS)
        return F.prelu(x, torch.from_numpy(self.arrays[f"{name}_slope"]).flatten())

    def _normed(self, name: str, x: Tensor, eps: float) -> Tensor:
        gamma, beta, mean, var = (
            torch.from_numpy(self.arrays[f"{name}_{part}"])
            for part in ("gamma", "beta", "mean", "var")
        )
        return F.batch_norm(x, mean, var, gamma, beta, eps=eps)

    def _weight(self, name: str, block: int) -> Tensor:
        numbers, scales, zeros = (
            torch.from_numpy(self.arrays[f"{name}_{part}"]).float()
            for part in ("quantized", "scales", "zero_point")
        )
        count = numbers.shape[-1]
        zeros, scales = (
            one.repeat_interleave(block, dim=-1)[..., :count] for one in (zeros, scales)
        )
        return (numbers - zeros) * scales
