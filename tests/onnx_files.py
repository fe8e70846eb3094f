"""Small ONNX files, written by hand: what no exporter would write, and what needs none.

Field numbers from https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. The files of real
exporters lie in data/onnx.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data" / "onnx"
FLOAT, INT8, INT64 = 1, 3, 7


def varint(value: int) -> bytes:
    value &= 2**64 - 1
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def field(number: int, value: int | bytes | str) -> bytes:
    """One field of a protocol buffer: https://protobuf.dev/programming-guides/encoding/."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def port(name: str, shape, element: int = FLOAT) -> bytes:
    """An input or output; a text in the shape is an open side."""
    dims = b"".join(field(1, field(1 if isinstance(n, int) else 2, n)) for n in shape)
    return field(1, name) + field(2, field(1, field(1, element) + field(2, dims)))


def tensor(name: str, values, more: bytes = b"") -> bytes:
    values = np.asarray(values)
    kind, kept = (INT64, "<i8") if values.dtype.kind == "i" else (FLOAT, "<f4")
    if values.dtype == np.int8:
        kind, kept = INT8, "i1"
    dims = b"".join(field(1, n) for n in values.shape)
    raw = field(9, values.astype(kept).tobytes())
    return dims + field(2, kind) + field(8, name) + raw + more


def node(op: str, inputs: str, outputs: str, **attributes) -> bytes:
    """inputs, outputs: names, blanks between. attributes: ints, floats, texts, lists of ints."""
    made = b"".join(field(1, name) for name in inputs.split())
    made += b"".join(field(2, name) for name in outputs.split()) + field(4, op)
    for name, value in attributes.items():
        if isinstance(value, str):
            content = field(4, value) + field(20, 3)
        elif isinstance(value, int):
            content = field(3, value) + field(20, 2)
        elif isinstance(value, float):
            content = varint(2 << 3 | 5) + struct.pack("<f", value) + field(20, 1)
        else:
            content = b"".join(field(8, n) for n in value) + field(20, 7)
        made += field(5, field(1, name) + content)
    return made


def model(nodes, inputs, outputs, tensors=(), opset: int = 13) -> bytes:
    graph = b"".join(field(1, one) for one in nodes) + field(2, "miniature")
    graph += b"".join(field(5, one) for one in tensors)
    graph += b"".join(field(11, one) for one in inputs)
    graph += b"".join(field(12, one) for one in outputs)
    return field(1, 7) + field(7, graph) + field(8, field(2, opset))


ANY = (1, 3, "h", "w")


def style(*nodes: bytes, tensors=(), shape=ANY, **more) -> bytes:
    """A network from the picture x to the picture y."""
    return model(nodes, [port("x", shape)], [port("y", shape)], tensors, **more)


def negative(shape=ANY) -> bytes:
    """The style whose right answer is known: every pixel inverted."""
    return style(node("Mul", "x minus", "y"), tensors=[tensor("minus", -1.0)], shape=shape)


def fails_on_low_pictures() -> bytes:
    """The picture itself, of 9 rows or more: where there are fewer, nine cannot be added to."""
    ends = {"a": [0], "b": [9], "c": [2]}
    nodes = [
        node("Slice", "x a b c", "s"),
        node("Add", "s nine", "t"),
        node("GlobalAveragePool", "t", "u"),
        node("Mul", "u zero", "v"),
        node("Add", "x v", "y"),
    ]
    tensors = [tensor(name, values) for name, values in ends.items()]
    tensors += [tensor("nine", np.ones((1, 1, 9, 1), np.float32)), tensor("zero", 0.0)]
    return style(*nodes, tensors=tensors)


def pixelated(path: Path) -> Path:
    """What OpenCV reads as SFace: averages of 16x16 pixels, so 112x112 becomes 7x7 colours."""
    sixteen = {"kernel_shape": [16, 16], "strides": [16, 16]}
    nodes = [node("AveragePool", "data", "pooled", **sixteen), node("Flatten", "pooled", "fc1")]
    path.write_bytes(
        model(nodes, [port("data", (1, 3, 112, 112))], [port("fc1", (1, 147))], opset=11)
    )
    return path
