"""ONNX files, read as data: numbers and a list of operations, nothing is run.

An ONNX file is a protocol buffer (https://protobuf.dev/programming-guides/encoding/); the field
numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Whatever could lead
onnxruntime to numbers that are not checked here is refused by name: other files, sparse weights,
graphs within graphs, functions, training steps.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ...errors import WeightsError

MAX_BYTES = 64_000_000  # seven times AnimeGANv2
MAX_FIELDS = 400_000  # of the protocol buffer: each costs time to look at
MAX_NODES = 4_000  # AnimeGANv2 has about 400
MAX_NAME = 400  # characters; what is longer is cut
MAX_INTS = 4_096  # numbers in an integer tensor: shapes and axes, never weights
CONTENT = "onnx_graph"  # the key of the content that `read` returns

_LAST_FIELD = 2**29 - 1  # beyond it readers of protocol buffers do not agree
_SECOND = b"\x12\x1a\x22\x28\x32\x3a\x42\x72"  # the keys of a ModelProto's other fields
_FLOAT, _INT8, _INT32, _INT64 = 1, 3, 6, 7  # TensorProto.DataType
_INTEGERS = {_INT8: "i1", _INT32: "<i4", _INT64: "<i8"}
_TYPES = {2: "uint8", 3: "int8", 9: "bool", 10: "float16", 11: "float64", 16: "bfloat16"}


@dataclass(frozen=True)
class Port:
    """An input or output. shape: None where not stated, as each open side in it."""

    name: str
    shape: tuple[int | None, ...] | None
    is_float32: bool


@dataclass(frozen=True)
class Node:
    """One operation. A name "" among the inputs is left out."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, object]


@dataclass(frozen=True)
class Graph:
    """A parsed file.

    data: the file's bytes. opset: the version of the operations. constants: read-only arrays,
    float32 weights, int64 shapes and axes, int8 where `parse` may keep them."""

    data: bytes
    opset: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, np.ndarray]


class _NotRead(ValueError):
    """Unsupported content in an intact file; the message names it."""


def looks_like(head: bytes) -> bool:
    """Recognise a ModelProto: the format's version, a small number in field 1; then another."""
    return len(head) > 2 and head[0] == 0x08 and 1 <= head[1] < 32 and head[2] in _SECOND


def read(path: Path, file: BinaryIO, size: int) -> tuple[dict[str, Graph], dict[str, str]]:
    """Read ({CONTENT: the graph}, metadata) of an open file of that size. Raises WeightsError."""
    if size > MAX_BYTES:
        raise WeightsError(
            f"{path.name} is an ONNX file of {size / 1e6:.1f} MB; read are those of up to "
            f"{MAX_BYTES // 10**6} MB"
        )
    return {CONTENT: parse(file.read(MAX_BYTES + 1), path.name)}, {"file_format": "onnx"}


def parse(data: bytes, name: str, quantised: bool = False) -> Graph:
    """Parse an ONNX file's bytes. quantised: weights may be int8, and stay so.

    Raises WeightsError with the file's name."""
    try:
        return _Reader(quantised).model(data)
    except _NotRead as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{name} is an ONNX file that is not read: {reason}") from error
    except (ValueError, IndexError, struct.error, OverflowError, TypeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise WeightsError(f"{name} is a damaged ONNX file ({reason}); get it again") from error


class _Reader:
    """Reads one file and counts its fields."""

    def __init__(self, quantised: bool) -> None:
        self.fields_read = 0
        self.kinds = {_FLOAT, _INT32, _INT64} | ({_INT8} if quantised else set())

    def model(self, data: bytes) -> Graph:
        graphs, opset = [], None
        for number, value in self._fields(memoryview(data)):
            if number == 7:
                graphs.append(value)
            elif number in (20, 25):
                raise _NotRead("it holds functions or training steps of its own")
            elif number == 8:
                of = dict(self._fields(value))
                if self._text(of.get(1, b"")) in ("", "ai.onnx"):
                    opset = _signed(of.get(2, 0))
        if len(graphs) != 1 or opset is None:
            raise ValueError("it holds no graph" if not graphs else "no version of its operations")
        return Graph(data, opset, *self._graph(graphs[0]))

    def _graph(self, data: memoryview) -> tuple:
        """Read (inputs, outputs, nodes, constants)."""
        nodes, constants, inputs, outputs = [], {}, [], []
        for number, value in self._fields(data):
            if number == 1:
                nodes.append(self._node(value))
            elif number == 5:
                name, tensor = self._tensor(value)
                constants[name] = tensor
            elif number == 11:
                inputs.append(self._port(value))
            elif number == 12:
                outputs.append(self._port(value))
            elif number == 15:
                raise _NotRead("it holds sparse weights")
            if len(nodes) > MAX_NODES:
                raise _NotRead(f"it has more than {MAX_NODES} operations")
        inputs = [port for port in inputs if port.name not in constants]  # before version 4: both
        return tuple(inputs), tuple(outputs), tuple(nodes), constants

    def _node(self, data: memoryview) -> Node:
        inputs, outputs, attributes, texts = [], [], {}, {3: "", 4: "", 7: ""}
        for number, value in self._fields(data):
            if number == 1:
                inputs.append(self._text(value))
            elif number == 2:
                outputs.append(self._text(value))
            elif number == 5:
                name, attribute = self._attribute(value)
                attributes[name] = attribute
            elif number in texts:
                texts[number] = self._text(value)
        op, domain = texts[4], texts[7]
        if domain not in ("", "ai.onnx"):
            op = f"{domain}.{op}"
        return Node(op, tuple(inputs), tuple(outputs), attributes)

    def _attribute(self, data: memoryview) -> tuple[str, object]:
        """Read (name, int, float, text, tensor, or a list of them)."""
        name, found, floats, ints = "", None, [], []
        for number, value in self._fields(data):
            if number == 1:
                name = self._text(value)
            elif number == 2:
                found = struct.unpack("<f", value)[0]
            elif number == 3:
                found = _signed(value)
            elif number == 4:
                found = self._text(value)
            elif number == 5:
                found = self._tensor(value)[1]
            elif number == 7:
                floats += np.frombuffer(value, "<f4").tolist()
            elif number == 8:
                ints += self._ints(value)
            elif number in (6, 10, 11, 22, 23):  # graphs, lists of tensors, sparse tensors
                raise _NotRead("it holds graphs within its graph, or lists of tensors")
        return name, floats or ints or ([] if found is None else found)

    def _port(self, data: memoryview) -> Port:
        """Read an input or output: its name, and its shape with None where it is left open."""
        name, element, shape = "", None, None
        for number, value in self._fields(data):
            if number == 1:
                name = self._text(value)
            elif number == 2:
                for _, tensor in (field for field in self._fields(value) if field[0] == 1):
                    for which, part in self._fields(tensor):
                        if which == 1:
                            element = part
                        elif which == 2:
                            dims = [dict(self._fields(d)) for n, d in self._fields(part) if n == 1]
                            shape = tuple(_signed(d.get(1, 0)) or None for d in dims)
        return Port(name, shape, element == _FLOAT)

    def _tensor(self, data: memoryview) -> tuple[str, np.ndarray]:
        dims: list[int] = []
        kind: Any = None
        name, raw = "", None
        floats: list[np.ndarray] = []
        ints: list[int] = []
        for number, value in self._fields(data):
            if number == 1:
                dims += self._ints(value)
            elif number == 2:
                kind = value
            elif number == 4:
                floats.append(np.frombuffer(value, "<f4"))
            elif number in (5, 7):
                ints += self._ints(value)
            elif number == 8:
                name = self._text(value)
            elif number == 9:
                raw = value
            elif number == 13 or (number == 14 and value != 0):
                raise _NotRead("its numbers lie in another file")
        if kind not in self.kinds:
            raise _NotRead(f"{name or 'a tensor'} holds {_TYPES.get(kind, f'type {kind}')}")
        if kind == _FLOAT:
            parts = floats or [np.zeros(0, "<f4")]
            numbers = np.frombuffer(raw, "<f4") if raw is not None else np.concatenate(parts)
        elif raw is not None:
            numbers = np.frombuffer(raw, _INTEGERS[kind])
        else:
            numbers = np.array(ints, np.int64)
        if any(size < 0 for size in dims) or math.prod(dims) != len(numbers):
            raise ValueError(f"{name} holds {len(numbers)} numbers for the shape {dims}")
        if kind not in (_FLOAT, _INT8) and len(numbers) > MAX_INTS:
            raise _NotRead(f"{name} holds {len(numbers)} integers")
        if kind == _FLOAT and not np.isfinite(numbers).all():
            raise _NotRead(f"{name} holds numbers that are not finite")
        if kind not in (_FLOAT, _INT8):
            numbers = numbers.astype(np.int64)
        return name, numbers.reshape(dims)

    def _ints(self, value: int | memoryview) -> list[int]:
        """Read the integers of a repeated field, one by one or packed."""
        if isinstance(value, int):
            return [_signed(value)]
        found, at = [], 0
        while at < len(value):
            number, at = _varint(value, at)
            found.append(_signed(number))
            if len(found) > MAX_INTS:
                raise _NotRead(f"it holds a list of more than {MAX_INTS} integers")
        return found

    @staticmethod
    def _text(value: bytes | memoryview) -> str:
        return bytes(value[:MAX_NAME]).decode("utf-8")

    def _fields(self, data: memoryview) -> Iterator[tuple[int, Any]]:
        """Yield (number, value) of a message: an integer, or the bytes of anything else."""
        if not isinstance(data, memoryview):
            raise ValueError("a number where a message should be")
        at = 0
        while at < len(data):
            self.fields_read += 1
            if self.fields_read > MAX_FIELDS:
                raise _NotRead(f"it has more than {MAX_FIELDS} parts")
            key, at = _varint(data, at)
            number, wire = key >> 3, key & 7
            if not 0 < number <= _LAST_FIELD:
                raise ValueError(f"a field of the number {number}")
            if wire == 0:
                value, at = _varint(data, at)
                yield number, value
                continue
            if wire == 2:
                length, at = _varint(data, at)
            elif wire in (1, 5):
                length = 8 if wire == 1 else 4
            else:
                raise ValueError(f"a field of the unknown kind {wire}")
            if at + length > len(data):
                raise ValueError("it is cut off or changed")
            yield number, data[at : at + length]
            at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number of more than ten bytes")


def _signed(value: int) -> int:
    """Decode a 64-bit number as the format stores it: two's complement."""
    if not isinstance(value, int):
        raise ValueError("bytes where a number should be")
    value &= 2**64 - 1
    return value - 2**64 if value >= 2**63 else value
