"""OpenVINO's intermediate representation, version 10: an XML of layers beside a file of numbers.

Read, never run: the graph comes back as data, with the constants' numbers, and whoever knows the
network picks them out by name and place. Source: the format's published description,
https://docs.openvino.ai (Intermediate Representation), read off files of that version.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import WeightsError

MAX_XML = 8_000_000  # bytes
MAX_LAYERS = 10_000
_TYPES = {"f32": np.dtype("<f4"), "f16": np.dtype("<f2"), "i64": np.dtype("<i8")}
_OTHER_NUMBERS = {"i32": np.dtype("<i4"), "u8": np.dtype("u1"), "boolean": np.dtype("u1")}
_NUMBERS = _TYPES | _OTHER_NUMBERS


@dataclass(frozen=True)
class Layer:
    """One operation. inputs: the ids of the layers that feed it, in the order of its ports.
    value: a constant's numbers, None for other layers."""

    id: str
    type: str
    name: str
    inputs: tuple[str, ...]
    value: np.ndarray | None = None


def read_graph(
    xml: bytes, numbers: bytes, file: str, known: frozenset[str]
) -> Mapping[str, Layer]:
    """id -> Layer, in the file's order. known: the layer types to let through.

    Raises WeightsError naming `file` for anything that is not whole, and for a layer of a type
    that is not known by name.
    """
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    if len(xml) > MAX_XML:
        raise WeightsError(f"{file} has {len(xml)} bytes of XML; at most {MAX_XML} are read")
    try:
        root = fromstring(xml, forbid_dtd=True)
    except DefusedXmlException as error:
        raise WeightsError(
            f"{file} declares entities or a document type ({type(error).__name__}), which no "
            "network needs; get the file again from its publisher"
        ) from error
    except (ParseError, ValueError, LookupError) as error:
        raise WeightsError(f"{file} is no whole XML ({error}); get it again") from error
    if root.tag != "net" or root.get("version") != "10":
        raise WeightsError(
            f"{file} is no OpenVINO network of version 10 (its root is {root.tag!r}, version "
            f"{root.get('version')!r}); get the file that the registry names"
        )
    layers = root.findall("./layers/layer")
    if not 0 < len(layers) <= MAX_LAYERS:
        raise WeightsError(f"{file} has {len(layers)} layers; between 1 and {MAX_LAYERS} are read")
    feeds: dict[str, list[tuple[int, str]]] = {}
    ids = {layer.get("id") for layer in layers}
    for edge in root.findall("./edges/edge"):
        start, end, port = edge.get("from-layer"), edge.get("to-layer"), edge.get("to-port", "")
        if start not in ids or end not in ids or not port.isdecimal():
            raise WeightsError(f"{file} has an edge from {start!r} to {end!r}: no such layers")
        feeds.setdefault(end, []).append((int(port), start))
    graph: dict[str, Layer] = {}
    for layer in layers:
        kind, name, key = layer.get("type", ""), layer.get("name", ""), layer.get("id", "")
        if kind not in known:
            raise WeightsError(
                f"{file} has a layer {name!r} of type {kind!r}, which this network does not have"
            )
        if key in graph:
            raise WeightsError(f"{file} has two layers of the id {key!r}; get it again")
        value = _constant(layer, numbers, f"{file}: {name!r}") if kind == "Const" else None
        inputs = tuple(start for _, start in sorted(feeds.get(key, [])))
        graph[key] = Layer(key, kind, name, inputs, value)
    return graph


def _constant(layer, numbers: bytes, where: str) -> np.ndarray:
    data = layer.find("data")
    facts = {} if data is None else data.attrib
    dtype = _NUMBERS.get(facts.get("element_type", ""))
    if dtype is None:
        raise WeightsError(f"{where} has numbers of type {facts.get('element_type')!r}")
    sizes = [part.strip() for part in facts.get("shape", "").split(",") if part.strip()]
    wanted = [*sizes, facts.get("offset", ""), facts.get("size", "")]
    if len(sizes) > 8 or not all(one.isascii() and one.isdecimal() for one in wanted):
        raise WeightsError(f"{where} has shape, offset or size that are no whole numbers")
    if max(map(len, wanted)) > 12:
        raise WeightsError(f"{where} has a shape, an offset or a size beyond any file's")
    shape = tuple(int(one) for one in sizes)
    offset, size = int(facts["offset"]), int(facts["size"])
    if math.prod(shape) * dtype.itemsize != size or offset + size > len(numbers):
        raise WeightsError(
            f"{where} wants {size} bytes at {offset} for the shape {list(shape)}; the file of "
            f"numbers has {len(numbers)} bytes; get both files again"
        )
    found = np.frombuffer(numbers, dtype, math.prod(shape), offset)
    return found.reshape(shape).copy()
