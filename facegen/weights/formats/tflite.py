"""TensorFlow Lite files, read as data: numbers and a list of operations, nothing is run.

A file is a FlatBuffer (https://flatbuffers.dev/internals/) of the tables of
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs,
whose field numbers are below; the options of custom operations are a FlexBuffer map. Weights of 16
bits and sparse ones become whole float32 here, so that a Graph has neither.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...errors import WeightsError

MAX_BYTES = 64_000_000
MAX_TABLES = 4_000  # of one kind; the face mesh has 1,096 tensors
MAX_NUMBERS = 16_000_000  # of a tensor, and of all constants; the hand's have 5,431,362
MAX_ROW = 64  # of a tensor's axes, or of what an operation takes and gives
_TYPES = {0: "<f4", 1: "<f2", 2: "<i4"}  # TensorType
_OPERATIONS = {
    0: "ADD", 1: "AVERAGE_POOL_2D", 2: "CONCATENATION", 3: "CONV_2D", 4: "DEPTHWISE_CONV_2D",
    5: "DEPTH_TO_SPACE", 6: "DEQUANTIZE", 9: "FULLY_CONNECTED", 14: "LOGISTIC",
    17: "MAX_POOL_2D", 18: "MUL",
    19: "RELU", 22: "RESHAPE", 23: "RESIZE_BILINEAR", 34: "PAD", 40: "MEAN", 45: "STRIDED_SLICE",
    54: "PRELU", 117: "HARD_SWISH", 124: "DENSIFY",
}  # fmt: skip
_CUSTOM = 32
_TRANSPOSED = "Convolution2DTransposeBias"  # the one custom operation whose options are three int32
# Options by operation: name -> (field, its format, its default).
_STRIDES = {"valid": (0, "<b", 0), "stride_x": (1, "<i", 0), "stride_y": (2, "<i", 0)}
_POOLING = _STRIDES | {
    "width": (3, "<i", 0), "height": (4, "<i", 0), "activation": (5, "<b", 0)
}  # fmt: skip
_OPTIONS: Mapping[str, Mapping[str, tuple[int, str, int]]] = {
    "ADD": {"activation": (0, "<b", 0)},
    "MUL": {"activation": (0, "<b", 0)},
    "CONCATENATION": {"axis": (0, "<i", 0), "activation": (1, "<b", 0)},
    "CONV_2D": _STRIDES
    | {"activation": (3, "<b", 0), "dilation_x": (4, "<i", 1), "dilation_y": (5, "<i", 1)},
    "DEPTHWISE_CONV_2D": _STRIDES
    | {"activation": (4, "<b", 0), "dilation_x": (5, "<i", 1), "dilation_y": (6, "<i", 1)},
    "MAX_POOL_2D": _POOLING,
    "AVERAGE_POOL_2D": _POOLING,
    "DEPTH_TO_SPACE": {"block": (0, "<i", 0)},
    "FULLY_CONNECTED": {"activation": (0, "<b", 0)},
    "RESIZE_BILINEAR": {"corners": (2, "<b", 0), "centres": (3, "<b", 0)},
}


@dataclass(frozen=True)
class Node:
    """One operation. Numbers of tensors; -1 among the inputs for one that is left out."""

    op: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, object]


@dataclass(frozen=True)
class Graph:
    """The content of a file.

    shapes: of each tensor, the channels last. constants: float32 weights, int32 shapes."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    shapes: tuple[tuple[int, ...], ...]
    nodes: tuple[Node, ...]
    constants: Mapping[int, np.ndarray]


def parse(data: bytes, name: str) -> Graph:
    """Read the only graph of a file's bytes. Raises WeightsError, naming the file."""
    try:
        if not 8 < len(data) <= MAX_BYTES or data[4:8] != b"TFL3":
            raise ValueError("it does not begin as one")
        return _graph(_Table(data, struct.unpack_from("<I", data)[0]))
    except (ValueError, LookupError, struct.error, TypeError, OverflowError, MemoryError) as error:
        reason = " ".join(str(error).split())[:160]
        raise WeightsError(
            f"{name} cannot be read as a TensorFlow Lite file ({reason}); get it again"
        ) from error


@dataclass(frozen=True)
class _Table:
    """A FlatBuffer table at a place: before it lies the offset of each field, or 0."""

    data: bytes
    place: int

    def number(self, field: int, form: str, default: int = 0) -> int:
        at = self._at(field)
        return default if at is None else struct.unpack_from(form, self.data, at)[0]

    def numbers(self, field: int, form: str) -> np.ndarray:
        """Read a vector of numbers, empty where there is none."""
        at = self._at(field)
        if at is None:
            return np.zeros(0, form)
        at = self._follow(at)
        (count,) = struct.unpack_from("<I", self.data, at)
        return np.frombuffer(self.data, form, count, at + 4)

    def row(self, field: int) -> tuple[int, ...]:
        """Read a short vector of int32."""
        numbers = self.numbers(field, "<i4")
        if len(numbers) > MAX_ROW:
            raise ValueError(f"a row of {len(numbers):,}, at most {MAX_ROW}")
        return tuple(numbers.tolist())

    def table(self, field: int) -> _Table | None:
        at = self._at(field)
        return None if at is None else _Table(self.data, self._follow(at))

    def tables(self, field: int) -> list[_Table]:
        at = self._at(field)
        if at is None:
            return []
        at = self._follow(at)
        (count,) = struct.unpack_from("<I", self.data, at)
        if count > MAX_TABLES:
            raise ValueError(f"a list of {count:,}, at most {MAX_TABLES:,}")
        return [_Table(self.data, self._follow(at + 4 + 4 * i)) for i in range(count)]

    def _follow(self, at: int) -> int:
        return at + struct.unpack_from("<I", self.data, at)[0]

    def _at(self, field: int) -> int | None:
        fields = self.place - struct.unpack_from("<i", self.data, self.place)[0]
        (size,) = struct.unpack_from("<H", self.data, fields)
        if 4 + 2 * field >= size:
            return None
        (offset,) = struct.unpack_from("<H", self.data, fields + 4 + 2 * field)
        return self.place + offset if offset else None


def _graph(model: _Table) -> Graph:
    (graph,) = model.tables(2)
    tensors, buffers = graph.tables(0), model.tables(4)
    operations = [_operation(code) for code in model.tables(1)]
    shapes = tuple(tensor.row(0) for tensor in tensors)
    for shape in shapes:
        if min(shape, default=0) < 0:
            raise ValueError(f"a tensor of {shape}")
        _limited(math.prod(shape))
    constants, total = {}, 0
    for i, tensor in enumerate(tensors):
        body = buffers[tensor.number(2, "<I")].numbers(0, "u1")
        if len(body):
            total = _limited(total + math.prod(shapes[i]))
            numbers = body.view(_TYPES[tensor.number(1, "<b")])
            sparse = tensor.table(6)
            constants[i] = _dense(sparse, numbers, shapes[i]) if sparse else numbers
            constants[i] = constants[i].reshape(shapes[i])
    nodes = []
    for one in graph.tables(3):
        op = operations[one.number(0, "<I")]
        inputs, outputs = one.row(1), one.row(2)
        if op in ("DEQUANTIZE", "DENSIFY"):
            total = _limited(total + constants[inputs[0]].size)
            constants[outputs[0]] = constants[inputs[0]]
            continue
        options: Mapping[str, object] = {}
        if (written := one.table(4)) is not None:
            fields = _OPTIONS.get(op, {})
            options = {key: written.number(*field) for key, field in fields.items()}
        elif op == _TRANSPOSED:
            padding, x, y = one.numbers(5, "u1").view("<i4").tolist()
            options = {"valid": padding == 2, "stride_x": x, "stride_y": y, "activation": 0}
        elif len(own := one.numbers(5, "u1")):
            options = _flexible(own.tobytes())
        nodes.append(Node(op, inputs, outputs, options))
    constants = {
        i: numbers.astype(np.float32) if numbers.dtype.kind == "f" else numbers
        for i, numbers in constants.items()
    }
    return Graph(graph.row(1), graph.row(2), shapes, tuple(nodes), constants)


def _limited(count: int) -> int:
    """Return a count of numbers. Raises ValueError above MAX_NUMBERS."""
    if count > MAX_NUMBERS:
        raise ValueError(f"{count:,} numbers, at most {MAX_NUMBERS:,}")
    return count


def _operation(code: _Table) -> str:
    number = max(code.number(0, "<b"), code.number(3, "<i"))
    if number == _CUSTOM:
        return code.numbers(1, "u1").tobytes().decode("ascii", "replace")
    if number not in _OPERATIONS:
        raise ValueError(f"operation {number} is not among those that are known here")
    return _OPERATIONS[number]


def _dense(sparse: _Table, numbers: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Make a sparse tensor dense.

    It is stored axis by axis in an order of its own, the axes of its blocks behind the others; each
    axis lists the places that exist, or has all."""
    order, blocks = sparse.row(0), sparse.row(1)
    sizes = [0] * len(order)
    where = np.zeros((1, len(order)), np.int64)  # of each stored number, by axis
    rows = np.zeros(1, np.int64)  # its place among those stored so far
    for axis, level in zip(order, sparse.tables(2), strict=True):
        if level.number(0, "<b") == 0:
            size = level.number(1, "<i")
            _limited(size * len(rows) * len(order))
            counts, steps = np.full(len(rows), size), np.tile(np.arange(size), len(rows))
            starts = rows * size
        else:
            bounds, inner = _whole_numbers(level, 2), _whole_numbers(level, 4)
            counts, starts = np.diff(bounds)[rows], bounds[:-1][rows]
            if len(counts) and counts.min() < 0:
                raise ValueError("the rows of a sparse tensor do not follow each other")
            _limited(int(counts.sum()) * len(order))
            steps = np.concatenate([inner[a : a + n] for a, n in zip(starts, counts, strict=True)])
            size = shape[axis] if axis < len(shape) else int(inner.max()) + 1
        before = np.repeat(np.cumsum(counts) - counts, counts)
        rows = np.repeat(starts, counts) + np.arange(counts.sum()) - before
        where = np.repeat(where, counts, axis=0)
        where[:, axis] = steps
        sizes[axis] = int(size)
    for i, axis in enumerate(blocks):
        where[:, axis] = where[:, axis] * sizes[len(shape) + i] + where[:, len(shape) + i]
    whole = np.zeros(shape, numbers.dtype)
    whole[tuple(where[:, : len(shape)].T)] = numbers[rows]
    return whole


def _whole_numbers(level: _Table, field: int) -> np.ndarray:
    """Read a vector of one of three widths: the width, then the table that holds it."""
    form = {1: "<i4", 2: "<u2", 3: "u1"}[level.number(field, "<B")]
    held = level.table(field + 1)
    numbers = np.zeros(0, form) if held is None else held.numbers(0, form)
    _limited(len(numbers))
    return numbers.astype(np.int64)


# FlexBuffers (https://flatbuffers.dev/flatbuffers_internals/#flexbuffers): a value is a number or
# how far back it lies; a type's lowest two bits are the logarithm of the width of what it leads to.
_SIGNED, _FLOAT, _MAP, _VECTOR_SIGNED = 1, 3, 9, 11
_SIGNED_FORMS, _FLOAT_FORMS = {1: "<b", 2: "<h", 4: "<i", 8: "<q"}, {4: "<f", 8: "<d"}


def _flexible(data: bytes) -> dict[str, object]:
    """Read a map of numbers and of lists of whole numbers; empty where `data` is something else."""
    width = data[-1]
    if data[-2] >> 2 != _MAP:
        return {}
    place = _back(data, len(data) - 2 - width, width)
    width = 1 << (data[-2] & 3)
    count = _unsigned(data, place - width, width)
    key_width = _unsigned(data, place - 2 * width, width)
    keys = _back(data, place - 3 * width, width)
    found: dict[str, object] = {}
    for i in range(count):
        at = _back(data, keys + i * key_width, key_width)
        key = data[at : data.index(b"\0", at)].decode("ascii")
        kind = data[place + count * width + i]
        found[key] = _value(data, place + i * width, width, kind)
    return found


def _value(data: bytes, at: int, width: int, kind: int) -> object:
    if kind >> 2 == _SIGNED:
        return struct.unpack_from(_SIGNED_FORMS[width], data, at)[0]
    if kind >> 2 == _FLOAT:
        return struct.unpack_from(_FLOAT_FORMS[width], data, at)[0]
    if kind >> 2 == _VECTOR_SIGNED:
        at, width = _back(data, at, width), 1 << (kind & 3)
        count = _unsigned(data, at - width, width)
        return list(struct.unpack_from(f"<{count}{_SIGNED_FORMS[width][1]}", data, at))
    raise ValueError(f"an option of the kind {kind >> 2}")


def _unsigned(data: bytes, at: int, width: int) -> int:
    return int.from_bytes(data[at : at + width], "little")


def _back(data: bytes, at: int, width: int) -> int:
    return at - _unsigned(data, at, width)
