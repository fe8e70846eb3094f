"""Execution of a TensorFlow Lite file's operations (weights/formats/tflite.py) in onnxruntime.

They are rewritten as an ONNX model (https://onnx.ai/onnx/operators/), a protocol buffer whose field
numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Both runtimes give the
same numbers but for the rounding of float32.

Convention
    Tensors of four axes are held as ONNX wants them, channels second; others, and inputs and
    outputs, are as in the file, channels last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import FacegenError, WeightsError
from ..weights.formats.tflite import Graph, Node

_OPSET, _FORMAT = 17, 8
_FIRST, _LAST = (0, 3, 1, 2), (0, 2, 3, 1)  # the channels second, and last again
_FLOAT, _INT64 = 1, 7  # TensorProto.DataType


class Network:
    """A graph that is ready to run, safe to share between threads."""

    def __init__(self, graph: Graph):
        try:
            import onnxruntime
        except ImportError as error:
            raise FacegenError(
                f"onnxruntime cannot be loaded ({error}); run `pip install -r requirements.txt`"
            ) from error
        onnxruntime.set_default_logger_severity(4)
        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # such small networks are slower on several
        try:
            self._shape = graph.shapes[graph.inputs[0]]
            self._session = onnxruntime.InferenceSession(
                _Model(graph).bytes(), options, providers=["CPUExecutionProvider"]
            )
        except WeightsError:
            raise
        except Exception as error:  # onnxruntime's own have no base of their own
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
            raise WeightsError(
                f"a network's operations do not fit together ({reason}); get its file again"
            ) from error

    def __call__(self, picture: np.ndarray) -> list[np.ndarray]:
        """Compute the outputs, float32, in the file's order, for a picture, float32 [H, W, 3]."""
        return self._session.run(None, {"picture": picture.reshape(self._shape)})


class _Model:
    """An ONNX model under construction.

    Tensors are named by their numbers in the file; constants and intermediate values have new
    names."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.nodes: list[bytes] = []
        self.constants: list[bytes] = []

    def bytes(self) -> bytes:
        (start,) = self.graph.inputs
        self.put("Transpose", ["picture"], str(start), perm=_FIRST)
        for node in self.graph.nodes:
            write = getattr(self, f"_{node.op.lower()}", None)
            if write is None:
                raise WeightsError(
                    f"{node.op} is not an operation that is known here; get the file again"
                )
            write(node, *[str(i) for i in node.inputs if i not in self.graph.constants])
        ends = [self.as_in_the_file(number) for number in self.graph.outputs]
        ports = [
            _port("picture", self.graph.shapes[start]),
            *(
                _port(end, self.graph.shapes[i])
                for end, i in zip(ends, self.graph.outputs, strict=True)
            ),
        ]
        body = b"".join(
            [
                *(_field(1, node) for node in self.nodes),
                _field(2, b"network"),
                *(_field(5, one) for one in self.constants),
                _field(11, ports[0]),
                *(_field(12, port) for port in ports[1:]),
            ]
        )
        return _field(1, _FORMAT) + _field(8, _field(2, _OPSET)) + _field(7, body)

    def put(self, op: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """Add one ONNX operation; return its output's name, a new one unless it is given."""
        output = output or f"between-{len(self.nodes)}"
        self.nodes.append(
            b"".join(
                [
                    *(_field(1, name.encode()) for name in inputs),
                    _field(2, output.encode()),
                    _field(4, op.encode()),
                    *(_field(5, _attribute(key, value)) for key, value in attributes.items()),
                ]
            )
        )
        return output

    def constant(self, value: Any) -> str:
        """Add a constant, whole numbers or float32; return its name."""
        array = np.asarray(value)
        kind = _FLOAT if array.dtype.kind == "f" else _INT64
        array = np.ascontiguousarray(array, "<f4" if kind == _FLOAT else "<i8")
        name = f"constant-{len(self.constants)}"
        self.constants.append(
            b"".join(_field(1, size) for size in np.shape(value))
            + _field(2, kind)
            + _field(8, name.encode())
            + _field(9, array.tobytes())
        )
        return name

    def as_in_the_file(self, number: int) -> str:
        """Return the name of a tensor with its channels last."""
        if len(self.graph.shapes[number]) == 4:
            return self.put("Transpose", [str(number)], perm=_LAST)
        return str(number)

    def activated(self, node: Node, write: Callable[[str], str]) -> None:
        """Add an operation that ends in none, or one of two activations."""
        output, kind = str(node.outputs[0]), node.options["activation"]
        if kind == 0:
            write(output)
        elif kind == 1:
            self.put("Relu", [write("")], output)
        elif kind == 3:
            limits = [self.constant(float(limit)) for limit in (0, 6)]
            self.put("Clip", [write(""), *limits], output)
        else:
            raise WeightsError(f"{node.op} ends in the activation {kind}; get the file again")

    # --- what networks consist of --------------------------------------------------------------

    def _conv_2d(self, node: Node, x: str) -> None:
        weight = self.graph.constants[node.inputs[1]].transpose(_FIRST)
        self._convolution(node, x, weight, 1)

    def _depthwise_conv_2d(self, node: Node, x: str) -> None:
        weight = self.graph.constants[node.inputs[1]].transpose(3, 0, 1, 2)
        self._convolution(node, x, weight, self.graph.shapes[node.inputs[0]][3])

    def _convolution(self, node: Node, x: str, weight: np.ndarray, group: int) -> None:
        options: Any = node.options
        inputs = [x, self.constant(weight), self.constant(self.graph.constants[node.inputs[2]])]
        window = weight.shape[2:]
        self.activated(
            node,
            lambda output: self.put(
                "Conv", inputs, output, group=group, kernel_shape=window,
                strides=(options["stride_y"], options["stride_x"]),
                dilations=(options["dilation_y"], options["dilation_x"]),
                pads=self._padding(node, window),
            ),
        )  # fmt: skip

    def _convolution2dtransposebias(self, node: Node, x: str) -> None:
        options: Any = node.options
        weight = self.graph.constants[node.inputs[1]].transpose(3, 0, 1, 2)
        strides = (options["stride_y"], options["stride_x"])
        if weight.shape[2:] != strides:
            raise WeightsError(f"{node.op} covers places twice; get the file again")
        inputs = [x, self.constant(weight), self.constant(self.graph.constants[node.inputs[2]])]
        self.put(
            "ConvTranspose", inputs, str(node.outputs[0]),
            kernel_shape=weight.shape[2:], strides=strides,
        )  # fmt: skip

    def _max_pool_2d(self, node: Node, x: str) -> None:
        self._pool(node, x, "MaxPool")

    def _average_pool_2d(self, node: Node, x: str) -> None:
        self._pool(node, x, "AveragePool")

    def _pool(self, node: Node, x: str, op: str) -> None:
        options: Any = node.options
        window = (options["height"], options["width"])
        strides, pads = (options["stride_y"], options["stride_x"]), self._padding(node, window)
        self.activated(
            node,
            lambda output: self.put(
                op, [x], output, kernel_shape=window, strides=strides, pads=pads
            ),
        )

    def _padding(self, node: Node, window: Sequence[int]) -> tuple[int, ...]:
        """Return what SAME adds above, left, below, right: ceil(size / stride) come out of it."""
        options: Any = node.options
        if options["valid"]:
            return (0, 0, 0, 0)
        strides = (options["stride_y"], options["stride_x"])
        missing = [
            max((math.ceil(size / stride) - 1) * stride + length - size, 0)
            for size, stride, length in zip(
                self.graph.shapes[node.inputs[0]][1:3], strides, window, strict=True
            )
        ]
        before = [one // 2 for one in missing]
        return (*before, *(one - half for one, half in zip(missing, before, strict=True)))

    def _add(self, node: Node, *inputs: str) -> None:
        self._of_two(node, "Add", inputs)

    def _mul(self, node: Node, *inputs: str) -> None:
        self._of_two(node, "Mul", inputs)

    def _of_two(self, node: Node, op: str, inputs: Sequence[str]) -> None:
        if len(inputs) < 2:
            inputs = (*inputs, self.constant(self.graph.constants[node.inputs[1]]))
        self.activated(node, lambda output: self.put(op, inputs, output))

    def _prelu(self, node: Node, x: str) -> None:
        # a x + (1 - a) max(0, x): in half the time that onnxruntime's own PRelu takes
        slopes = self.graph.constants[node.inputs[1]].reshape(-1, 1, 1)
        below = self.put("Mul", [x, self.constant(slopes)])
        above = self.put("Mul", [self.put("Relu", [x]), self.constant(1 - slopes)])
        self.put("Add", [below, above], str(node.outputs[0]))

    def _relu(self, node: Node, x: str) -> None:
        self.put("Relu", [x], str(node.outputs[0]))

    def _hard_swish(self, node: Node, x: str) -> None:
        self.put("HardSwish", [x], str(node.outputs[0]))

    def _logistic(self, node: Node, x: str) -> None:
        self.put("Sigmoid", [x], str(node.outputs[0]))

    def _pad(self, node: Node, x: str) -> None:
        pads = self.graph.constants[node.inputs[1]][list(_FIRST)].T.ravel()
        self.put("Pad", [x, self.constant(pads)], str(node.outputs[0]))

    def _resize_bilinear(self, node: Node, x: str) -> None:
        if node.options != {"corners": 0, "centres": 1}:
            raise WeightsError("RESIZE_BILINEAR counts pixels otherwise; get the file again")
        _, height, width, channels = self.graph.shapes[node.outputs[0]]
        sizes = self.constant([1, channels, height, width])
        self.put("Resize", [x, "", "", sizes], str(node.outputs[0]), mode="linear")

    def _depth_to_space(self, node: Node, x: str) -> None:
        block: Any = node.options["block"]
        self.put("DepthToSpace", [x], str(node.outputs[0]), blocksize=block)

    def _reshape(self, node: Node, x: str) -> None:
        shape, output = self.graph.shapes[node.outputs[0]], str(node.outputs[0])
        parts = [self.as_in_the_file(node.inputs[0]), self.constant(shape)]
        if len(shape) == 4:
            self.put("Transpose", [self.put("Reshape", parts)], output, perm=_FIRST)
        else:
            self.put("Reshape", parts, output)

    def _strided_slice(self, node: Node, x: str) -> None:
        if self.graph.shapes[node.inputs[0]] != self.graph.shapes[node.outputs[0]]:
            raise WeightsError("STRIDED_SLICE takes a part; get the file again")
        self.put("Identity", [x], str(node.outputs[0]))

    def _concatenation(self, node: Node, *parts: str) -> None:
        axis: Any = node.options["axis"]
        if len(self.graph.shapes[node.outputs[0]]) == 4:
            axis = _FIRST.index(axis)
        self.activated(node, lambda output: self.put("Concat", parts, output, axis=axis))

    def _fully_connected(self, node: Node, x: str) -> None:
        numbers = [self.constant(self.graph.constants[i]) for i in node.inputs[1:3]]
        self.activated(node, lambda output: self.put("Gemm", [x, *numbers], output, transB=1))

    def _mean(self, node: Node, x: str) -> None:
        axes = [_FIRST.index(i) for i in self.graph.constants[node.inputs[1]].tolist()]
        self.put("ReduceMean", [x], str(node.outputs[0]), axes=axes, keepdims=0)

    # --- mediapipe's own: look again, at the eyes and the mouth ---------------------------------

    def _landmarks2transformmatrix(self, node: Node, landmarks: str) -> None:
        """Make [1, 4, 4]: from pixels of a square around some landmarks to the landmarks' own.

        The square is turned so that two of them lie level."""
        options: Any = node.options
        size = np.array([options["output_width"], options["output_height"]])
        scale = np.array([options["scale_x"], options["scale_y"]]) / size

        def take(which: Sequence[int] | int, of: str, axis: int) -> str:
            return self.put("Gather", [of, self.constant(which)], axis=axis)

        points = take([0, 1], take(0, landmarks, 0), 1)  # [468, 2]
        ends = [take([options[f"{side}_rotation_idx"]], points, 0) for side in ("left", "right")]
        along = self.put("Sub", ends[::-1])
        along = self.put("Div", [along, self.put("ReduceL2", [along], keepdims=1)])  # [1, 2]
        # [[x, -y], [y, x]], columns of the square's axes
        across = self.put("Mul", [take([1, 0], along, 1), self.constant([[-1.0, 1.0]])])
        turn = self.put("Transpose", [self.put("Concat", [along, across], axis=0)], perm=(1, 0))
        level = self.put("MatMul", [take(options["subset_idxs"], points, 0), turn])
        low, high = (
            self.put(op, [level], axes=[0], keepdims=1) for op in ("ReduceMin", "ReduceMax")
        )
        sides = self.put("Mul", [self.put("Sub", [high, low]), self.constant(scale[None])])
        stretched = self.put("Mul", [turn, sides])  # [2, 2]
        # the middle, less half a square
        middle = self.put("Mul", [self.put("Add", [low, high]), self.constant(0.5)])
        half = self.put("Mul", [sides, self.constant(size[None] / 2)])
        corner = self.put("Transpose", [self.put("Sub", [middle, half])], perm=(1, 0))
        shift = self.put("MatMul", [turn, corner])  # [2, 1]
        nothing = self.constant([[0.0], [0.0]])
        rows = self.put("Concat", [stretched, nothing, shift], axis=1)
        rest = self.constant(np.eye(4)[2:])
        whole = self.put("Concat", [rows, rest], axis=0)
        self.put("Reshape", [whole, self.constant([1, 4, 4])], str(node.outputs[0]))

    def _transformtensorbilinear(self, node: Node, x: str, matrix: str) -> None:
        """Read a tensor at a matrix's places; zero outside the centres of its outermost pixels."""
        _, height, width, _ = self.graph.shapes[node.outputs[0]]
        _, deep, wide, _ = self.graph.shapes[node.inputs[0]]
        down, across = np.mgrid[:height, :width] + 0.5
        grid = np.stack([across, down, 0 * down, 0 * down + 1], axis=-1)[None]
        last = np.array([wide - 1, deep - 1])
        places = self._moved(self.constant(grid), matrix)
        places = self.put("Sub", [places, self.constant(0.5)])
        places = self.put("Mul", [places, self.constant(2 / last)])
        places = self.put("Sub", [places, self.constant(1.0)])  # -1 to 1
        found = self.put("GridSample", [x, places], align_corners=1)
        far = self.put("ReduceMax", [self.put("Abs", [places])], axes=[3], keepdims=0)
        inside = self.put("LessOrEqual", [far, self.constant(1.0)])
        inside = self.put("Unsqueeze", [inside, self.constant([1])])
        nothing = self.constant(0.0)
        self.put("Where", [inside, found, nothing], str(node.outputs[0]))

    def _transformlandmarks(self, node: Node, points: str, matrix: str) -> None:
        lengths = self.graph.shapes[node.inputs[0]][:2]
        rest = self.constant(np.tile([0.0, 1.0], (*lengths, 1)))
        whole = self.put("Concat", [points, rest], axis=2)
        self._moved(whole, matrix, str(node.outputs[0]))

    def _moved(self, points: str, matrix: str, output: str = "") -> str:
        """Take points [..., 4] to their (x, y) under a matrix."""
        turned = self.put("Transpose", [matrix], perm=(0, 2, 1))
        columns = self.put("Gather", [turned, self.constant([0, 1])], axis=2)
        return self.put("MatMul", [points, columns], output)


def _field(number: int, value: int | bytes) -> bytes:
    """Write a field of a protocol buffer: a whole number, or bytes with their length."""
    if isinstance(value, bytes):
        return _varint(number << 3 | 2) + _varint(len(value)) + value
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def _attribute(name: str, value: Any) -> bytes:
    if isinstance(value, str):
        kind, fields = 3, _field(4, value.encode())
    elif isinstance(value, int):
        kind, fields = 2, _field(3, value)
    else:
        kind, fields = 7, b"".join(_field(8, int(one)) for one in value)
    return _field(1, name.encode()) + fields + _field(20, kind)


def _port(name: str, shape: Sequence[int]) -> bytes:
    sides = b"".join(_field(1, _field(1, size)) for size in shape)
    kind = _field(1, _field(1, _FLOAT) + _field(2, sides))
    return _field(1, name.encode()) + _field(2, kind)
