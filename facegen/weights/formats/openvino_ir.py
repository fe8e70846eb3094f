"""OpenVINO's intermediate representation, version 10: an XML of layers beside a file of numbers.

Read, never run: the graph is returned as data, with the constants' numbers, from which a converter
picks by name and place. Source: the format's published description, https://docs.openvino.ai
(Intermediate Representation), read off files of that version.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from ...errors import WeightsError

MAX_XML = 8_000_000  # bytes
MAX_LAYERS = 4_000
MAX_EDGES = 8_000
MAX_NAME = 200  # characters
MAX_DIMENSIONS = 8
MAX_DIGITS = 12  # of any number that is written in the XML
_NUMBERS: dict[str, np.dtype] = {
    "f32": np.dtype("<f4"),
    "f16": np.dtype("<f2"),
    "i64": np.dtype("<i8"),
    "i32": np.dtype("<i4"),
    "u8": np.dtype("u1"),
    "boolean": np.dtype("u1"),
}


@dataclass(frozen=True)
class Layer:
    """One operation.

    inputs: the ids of the layers that feed it, in the order of its ports. value: a constant's
    numbers, None for other layers."""

    id: str
    type: str
    name: str
    inputs: tuple[str, ...]
    value: np.ndarray | None = None


def read_graph(xml: bytes, numbers: bytes, file: str, known: frozenset[str]) -> Mapping[str, Layer]:
    """Read id -> Layer, in the file's order. known: the permitted layer types.

    Raises WeightsError naming `file` for anything invalid: not XML or XML with entities, another
    version, too many layers, an unknown type, a duplicate id, name or port, edges that lead nowhere
    or in a circle, numbers outside the file of numbers."""
    root = _parsed(xml, file)
    if root.tag != "net" or root.get("version") != "10":
        raise WeightsError(
            f"{file} is not an OpenVINO network of version 10 (its root is {_short(root.tag)}, "
            f"version {_short(root.get('version'))}); get the file that the registry names"
        )
    layers = root.findall("./layers/layer")
    if not 0 < len(layers) <= MAX_LAYERS:
        raise WeightsError(f"{file} has {len(layers)} layers; between 1 and {MAX_LAYERS} are read")
    ids = [layer.get("id", "") for layer in layers]
    if len(ids) != len(set(ids)) or not all(map(_is_number, ids)):
        raise WeightsError(f"{file} has two layers of one id, or one without; get it again")
    feeds = _feeds(root, set(ids), file)
    graph: dict[str, Layer] = {}
    left = 2 * len(numbers)  # constants may share numbers, but not multiply them
    for key, layer in zip(ids, layers, strict=True):
        kind, name = layer.get("type", ""), layer.get("name", "")
        if kind not in known:
            raise WeightsError(
                f"{file} has a layer {_short(name)} of type {_short(kind)}, which this network "
                "does not have; get the file that the registry names"
            )
        if not 0 < len(name) <= MAX_NAME:
            raise WeightsError(
                f"{file} has a layer whose name {_short(name)} has {len(name)} characters; "
                f"between 1 and {MAX_NAME} are read"
            )
        value = None
        if kind == "Const":
            value = _constant(layer, numbers, f"{file}: {name!r}")
            left -= value.nbytes
            if left < 0:
                raise WeightsError(
                    f"{file} makes more than twice the {len(numbers)} bytes of its file of numbers "
                    "out of them; get both files again"
                )
        graph[key] = Layer(key, kind, name, feeds.get(key, ()), value)
    _check_no_circle(graph, file)
    return graph


def _parsed(xml: bytes, file: str) -> Any:
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    if len(xml) > MAX_XML:
        raise WeightsError(f"{file} has {len(xml)} bytes of XML; at most {MAX_XML} are read")
    try:
        return fromstring(xml, forbid_dtd=True)
    except DefusedXmlException as error:
        raise WeightsError(
            f"{file} declares entities or a document type ({type(error).__name__}), which no "
            "network needs; get the file again from its publisher"
        ) from error
    except (ParseError, ValueError, LookupError) as error:
        reason = " ".join(str(error).split())[:160]
        raise WeightsError(f"{file} is not complete XML ({reason}); get it again") from error


def _feeds(root: Element, ids: set[str], file: str) -> dict[str, tuple[str, ...]]:
    """Return the inputs of each layer, in the order of its ports."""
    edges = root.findall("./edges/edge")
    if len(edges) > MAX_EDGES:
        raise WeightsError(f"{file} has {len(edges)} edges; at most {MAX_EDGES} are read")
    feeds: dict[str, dict[int, str]] = {}
    for edge in edges:
        start, end, port = edge.get("from-layer"), edge.get("to-layer"), edge.get("to-port", "")
        if start not in ids or end not in ids or not _is_number(port):
            raise WeightsError(
                f"{file} has an edge from {_short(start)} to {_short(end)}, port {_short(port)}: "
                "no such layers or port; get it again"
            )
        ports = feeds.setdefault(end, {})
        if int(port) in ports:
            raise WeightsError(f"{file} feeds port {port} of the layer {end} twice; get it again")
        ports[int(port)] = start
    return {end: tuple(ports[port] for port in sorted(ports)) for end, ports in feeds.items()}


def _check_no_circle(graph: Mapping[str, Layer], file: str) -> None:
    """Remove layer by layer what has no inputs left (Kahn 1962); a circle remains."""
    waiting = {key: len(layer.inputs) for key, layer in graph.items()}
    users: dict[str, list[str]] = {}
    for key, layer in graph.items():
        for start in layer.inputs:
            users.setdefault(start, []).append(key)
    free = [key for key, count in waiting.items() if not count]
    done = 0
    while free:
        done += 1
        for user in users.get(free.pop(), ()):
            waiting[user] -= 1
            if not waiting[user]:
                free.append(user)
    if done < len(graph):
        raise WeightsError(f"{file} has layers that feed themselves in a circle; get it again")


def _constant(layer: Element, numbers: bytes, where: str) -> np.ndarray:
    data = layer.find("data")
    facts = {} if data is None else data.attrib
    dtype = _NUMBERS.get(facts.get("element_type", ""))
    if dtype is None:
        raise WeightsError(f"{where} has numbers of type {_short(facts.get('element_type'))}")
    text = facts.get("shape", "")
    sizes = [part.strip() for part in text.split(",")] if text.strip() else []
    wanted = [*sizes, facts.get("offset", ""), facts.get("size", "")]
    if len(sizes) > MAX_DIMENSIONS or not all(map(_is_number, wanted)):
        raise WeightsError(
            f"{where} has a shape {_short(text)}, an offset {_short(facts.get('offset'))} or a "
            f"size {_short(facts.get('size'))} that no file has"
        )
    shape = tuple(map(int, sizes))
    offset, size, count = int(facts["offset"]), int(facts["size"]), math.prod(shape)
    if not count or count * dtype.itemsize != size or offset + size > len(numbers):
        raise WeightsError(
            f"{where} wants {size} bytes at {offset} for the shape {list(shape)}; the file of "
            f"numbers has {len(numbers)} bytes; get both files again"
        )
    return np.frombuffer(numbers, dtype, count, offset).reshape(shape).copy()


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS


def _short(text: object) -> str:
    """Shorten a file's words to fit a line."""
    return repr(text if text is None else str(text)[:60])
