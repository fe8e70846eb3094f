"""The ONNX operations that AnimeGANv2's exports and our own styles' consist of, in torch.

Meanings: https://onnx.ai/onnx/operators/, of the versions 7 to 23; where a version moved something
from an attribute to an input, both are read. Shapes and axes are int64 tensors on the CPU.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .resize import resize_linear, resize_nearest

LITTLE = 4096  # numbers of a tensor that a graph may make out of nothing


@dataclass(frozen=True)
class Call:
    """One operation's inputs (None: left out) and attributes.

    room: to be told the shape of what is about to be made, where that can be larger than what
    came in; work: the multiplications, where they are more than the numbers made. Both raise if it
    is too much.
    """

    inputs: Sequence[Tensor | None]
    attributes: Mapping[str, object]
    opset: int
    room: Callable[..., None]
    work: Callable[[int], None]

    def tensor(self, index: int) -> Tensor | None:
        """An input, None if it is left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def numbers(self, name: str, index: int, default=None) -> list | None:
        """A list: the input of that index, or else the attribute of that name."""
        tensor = self.tensor(index)
        if tensor is not None and tensor.numel() <= LITTLE:
            return tensor.flatten().tolist()
        found = self.attributes.get(name, default)
        return found if found is None or isinstance(found, list) else [found]

    def get(self, name: str, default):
        """An attribute, of the type of its default."""
        return type(default)(self.attributes.get(name, default))


# --- arithmetic ----------------------------------------------------------------------------


def _each(function: Callable[[Tensor], Tensor]):
    return lambda call: function(call.inputs[0])


def _both(function: Callable[[Tensor, Tensor], Tensor]):
    def run(call: Call) -> Tensor:
        first, second = _together(call.inputs[0], call.inputs[1])
        call.room(*torch.broadcast_shapes(first.shape, second.shape))
        return function(first, second)

    return run


def _together(*tensors: Tensor) -> list[Tensor]:
    """On the device of the largest: sizes are computed on the CPU, weights lie elsewhere."""
    device = max(tensors, key=lambda tensor: tensor.numel()).device
    return [tensor.to(device) for tensor in tensors]


def _divide(first: Tensor, second: Tensor) -> Tensor:
    mode = None if first.is_floating_point() else "trunc"
    return torch.div(first, second, rounding_mode=mode)


def _cast(call: Call) -> Tensor:
    return call.inputs[0].to({1: torch.float32, 6: torch.int64, 7: torch.int64}[call.get("to", 0)])


def _clip(call: Call) -> Tensor:
    low, high = (call.numbers(name, i) for i, name in ((1, "min"), (2, "max")))
    return call.inputs[0].clamp(low and low[0], high and high[0])


def _mean(call: Call) -> Tensor:
    x = call.inputs[0]
    axes = call.numbers("axes", 1, list(range(x.ndim)))
    return x.mean(dim=axes, keepdim=bool(call.get("keepdims", 1)))


# --- layers --------------------------------------------------------------------------------


def _conv(call: Call) -> Tensor:
    x, weight, bias = call.inputs[0], call.inputs[1], call.tensor(2)
    if x.ndim != 4 or weight.ndim != 4:
        raise ValueError("only two-dimensional convolutions are read")
    strides, dilations = (call.numbers(name, 9, [1, 1]) for name in ("strides", "dilations"))
    size = list(x.shape[2:])
    reach = [(k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilations, strict=True)]
    match call.get("auto_pad", "NOTSET"):
        case "NOTSET":
            pads = call.numbers("pads", 9, [0, 0, 0, 0])
        case "VALID":
            pads = [0, 0, 0, 0]
        case "SAME_UPPER":
            need = [
                max((math.ceil(n / s) - 1) * s + r - n, 0)
                for n, s, r in zip(size, strides, reach, strict=True)
            ]
            pads = [n // 2 for n in need] + [n - n // 2 for n in need]
        case other:
            raise ValueError(f"auto_pad is {other}")
    top, left, bottom, right = pads
    whole = [size[0] + top + bottom, size[1] + left + right]
    call.room(x.shape[0], x.shape[1], *whole)
    made = [(n - r) // s + 1 for n, r, s in zip(whole, reach, strides, strict=True)]
    call.room(x.shape[0], weight.shape[0], *made)
    call.work(x.shape[0] * math.prod(made) * weight.numel())
    x = F.pad(x, (left, right, top, bottom)) if any(pads) else x
    return F.conv2d(x, weight, bias, strides, 0, dilations, call.get("group", 1))


def _average(call: Call) -> Tensor:
    kernel, x = call.numbers("kernel_shape", 9), call.inputs[0]
    if any(call.numbers("pads", 9, [0])) or call.attributes.get("ceil_mode"):
        raise ValueError("only averages without a border are read")
    call.work(x.numel() * math.prod(kernel))
    return F.avg_pool2d(x, kernel, call.numbers("strides", 9, [1, 1]))


def _instance_norm(call: Call) -> Tensor:
    x, scale, bias = call.inputs
    return F.instance_norm(x, weight=scale, bias=bias, eps=call.get("epsilon", 1e-5))


def _pad(call: Call) -> Tensor:
    x, pads = call.inputs[0], call.numbers("pads", 1)
    if len(pads) != 2 * x.ndim or min(pads) < 0 or call.tensor(3) is not None:
        raise ValueError(f"the pads {pads} do not suit {x.ndim} axes")
    sides = list(zip(pads[: x.ndim], pads[x.ndim :], strict=True))
    call.room(*(n + a + b for n, (a, b) in zip(x.shape, sides, strict=True)))
    mode = call.get("mode", "constant")
    if mode == "constant":
        value = (call.numbers("value", 2) or [0.0])[0]
        return F.pad(x, [n for side in reversed(sides) for n in side], value=value)
    if mode == "reflect" and x.ndim == 4 and not any(n for side in sides[:2] for n in side):
        return F.pad(x, (*sides[3], *sides[2]), mode="reflect")  # several times as fast
    return _pad_any(x, sides, mode)


def _pad_any(x: Tensor, sides: Sequence[tuple[int, int]], mode: str) -> Tensor:
    """Reflect or repeat the border, of any axes."""
    for axis, (before, after) in enumerate(sides):
        n = x.shape[axis]
        if not before and not after:
            continue
        index = torch.arange(-before, n + after)
        if mode == "reflect" and max(before, after) < n:
            index = n - 1 - (n - 1 - index.abs()).abs()
        elif mode == "edge":
            index = index.clamp(0, n - 1)
        else:
            raise ValueError(f"{mode} by {before} and {after} of {n}")
        x = x.index_select(axis, index.to(x.device))
    return x


def _resize(call: Call) -> Tensor:
    """Upsample (x, scales), Resize 10 (x, scales), Resize 11 on (x, roi, scales, sizes)."""
    x, old = call.inputs[0], call.opset <= 10  # the old ones place pixels as TensorFlow 1 does
    sizes = None if old or call.tensor(3) is None else call.numbers("sizes", 3)
    scales = call.numbers("scales", 1 if old else 2) or []
    fit = call.get("keep_aspect_ratio_policy", "stretch")
    if fit != "stretch" or call.attributes.get("axes") or call.attributes.get("antialias"):
        raise ValueError("only plain resizing is read")
    if sizes is None:
        sizes = [math.floor(n * scale) for n, scale in zip(x.shape, scales, strict=True)]
    else:
        scales = [size / n for n, size in zip(x.shape, sizes, strict=True)]
    if min(sizes) < 1:
        raise ValueError(f"the size {sizes} is empty")
    call.room(3, *(max(n, size) for n, size in zip(x.shape, sizes, strict=True)))
    mode = call.get("mode", "nearest")
    if mode == "linear":
        place = call.get("coordinate_transformation_mode", "half_pixel")
        return resize_linear(x, sizes, scales, "asymmetric" if old else place)
    if mode == "nearest":
        place = call.get("coordinate_transformation_mode", "half_pixel")
        rounding = call.get("nearest_mode", "round_prefer_floor")
        if old:
            place, rounding = "asymmetric", "floor"
        return resize_nearest(x, sizes, scales, place, rounding)
    raise ValueError(f"mode is {mode}; read are nearest and linear")


# --- shapes --------------------------------------------------------------------------------


def _reshape(call: Call) -> Tensor:
    x, shape = call.inputs[0], call.numbers("shape", 1)
    if call.get("allowzero", 0) == 0:
        shape = [x.shape[axis] if size == 0 else size for axis, size in enumerate(shape)]
    return x.reshape(shape)


def _transpose(call: Call) -> Tensor:
    x = call.inputs[0]
    return x.permute(call.get("perm", list(reversed(range(x.ndim)))))


def _shape(call: Call) -> Tensor:
    shape = list(call.inputs[0].shape)
    return torch.tensor(shape[call.get("start", 0) : call.get("end", len(shape))])


def _gather(call: Call) -> Tensor:
    x, index = call.inputs
    if x.ndim != 1 or x.is_floating_point():
        raise ValueError("only of lists of integers")
    index = torch.where(index < 0, index + len(x), index)
    call.room(index.numel())
    return x[index]


def _slice(call: Call) -> Tensor:
    x = call.inputs[0]
    starts, ends = call.numbers("starts", 1), call.numbers("ends", 2)
    axes = call.numbers("axes", 3) or list(range(len(starts)))
    steps = call.numbers("steps", 4) or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        index = range(x.shape[axis])[start:end:step]
        x = x.index_select(axis, torch.tensor(index, dtype=torch.int64, device=x.device))
    return x


def _squeeze(call: Call) -> Tensor:
    axes = call.numbers("axes", 1)
    return call.inputs[0].squeeze() if axes is None else call.inputs[0].squeeze(axes)


def _unsqueeze(call: Call) -> Tensor:
    x, axes = call.inputs[0], call.numbers("axes", 1)
    rank = x.ndim + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        x = x.unsqueeze(axis)
    return x


def _concat(call: Call) -> Tensor:
    tensors = _together(*call.inputs)
    call.room(sum(tensor.numel() for tensor in tensors))
    return torch.cat(tensors, call.get("axis", 0))


def _constant(call: Call) -> Tensor:
    for name in ("value", "value_int", "value_ints", "value_float", "value_floats"):
        if name in call.attributes:
            return torch.as_tensor(call.attributes[name])
    raise ValueError("it has no value that is read")


def _constant_of_shape(call: Call) -> Tensor:
    shape = call.numbers("shape", 0)
    if math.prod(shape) > LITTLE:
        raise ValueError(f"the shape {shape} is more than {LITTLE} numbers")
    value = call.attributes.get("value", torch.zeros(1))
    return value.reshape(()).repeat(shape)


OPERATIONS: Mapping[str, Callable[[Call], Tensor]] = {
    "Add": _both(torch.add),
    "AveragePool": _average,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Conv": _conv,
    "Div": _both(_divide),
    "Floor": _each(torch.floor),
    "Gather": _gather,
    "Identity": _each(lambda x: x),
    "InstanceNormalization": _instance_norm,
    "LeakyRelu": lambda call: F.leaky_relu(call.inputs[0], call.get("alpha", 0.01)),
    "Mul": _both(torch.mul),
    "Pad": _pad,
    "Pow": _both(torch.pow),
    "Reciprocal": _each(torch.reciprocal),
    "ReduceMean": _mean,
    "Relu": _each(torch.relu),
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": _shape,
    "Sigmoid": _each(torch.sigmoid),
    "Slice": _slice,
    "Sqrt": _each(torch.sqrt),
    "Squeeze": _squeeze,
    "Sub": _both(torch.sub),
    "Tanh": _each(torch.tanh),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Upsample": _resize,
}
