"""MobileStyleGAN from the OpenVINO files in which its author published it.

The two graphs are data (openvino_ir.py). Layers that they name are found by name; what the
converter folded and renamed (pointwise weights, noise, scales) by its place beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...errors import WeightsError
from .openvino_ir import Layer, read_graph

MAPPING_LAYERS = 8
LAYERS = frozenset({
    "Add", "Broadcast", "Concat", "Const", "Convolution", "Gather", "GroupConvolution",
    "GroupConvolutionBackpropData", "MatMul", "Multiply", "PReLU", "Parameter", "Power",
    "ReduceMean", "Reshape", "Result", "ShapeOf", "Squeeze", "Tile", "Unsqueeze", "VariadicSplit",
})  # fmt: skip


def from_openvino(members: Mapping[str, bytes]) -> dict[str, Tensor]:
    """Convert the package's four files to the state dict of networks.mobile_stylegan.

    w_avg is not among them: it has to be measured. members: file name -> bytes. Raises
    WeightsError."""
    state: dict[str, Tensor] = {}
    for part, read in (("Mapping", _mapping), ("Synthesis", _synthesis)):
        xml, numbers = f"{part}Network.xml", f"{part}Network.bin"
        if missing := {xml, numbers} - members.keys():
            raise WeightsError(f"the network lacks {', '.join(sorted(missing))}; get it again")
        graph = read_graph(members[xml], members[numbers], xml, LAYERS)
        try:
            state |= read(_Graph(graph))
        except Exception as error:  # what a graph can lack, it can lack in many ways
            reason = " ".join(f"{type(error).__name__} {error}".split())[:160]
            raise WeightsError(
                f"{xml} is not the network that was looked for ({reason}); get the file that the "
                "registry names"
            ) from error
    return {key: value.contiguous() for key, value in state.items()}


class _Graph:
    """Walks from a layer to those that use it."""

    def __init__(self, layers: Mapping[str, Layer]):
        self.layers = layers
        names = [layer.name for layer in self.constants()]
        if len(names) != len(set(names)):
            raise ValueError("two constants have one name")
        self.users: dict[str, list[Layer]] = {}
        for layer in layers.values():
            for key in layer.inputs:
                self.users.setdefault(key, []).append(layer)

    def constants(self) -> list[Layer]:
        return [layer for layer in self.layers.values() if layer.value is not None]

    def then(self, layer: Layer, kind: str) -> Layer:
        """Find the next layer of that type downstream of a layer."""
        reached, seen = [layer], set()
        while reached:
            for user in self.users.get(reached.pop(0).id, []):
                if user.type == kind:
                    return user
                if user.id not in seen and user.type in ("Add", "Reshape", "MatMul"):
                    seen.add(user.id)
                    reached.append(user)
        raise ValueError(f"no {kind} after {layer.name!r}")

    def numbers_of(self, layer: Layer) -> Tensor:
        """Return the numbers that a layer combines with its input. Raises ValueError."""
        if (found := self.constant_of(layer)) is None:
            raise ValueError(f"{layer.name!r} has no numbers of its own")
        return found

    def constant_of(self, layer: Layer) -> Tensor | None:
        """Return the same, None if there are none."""
        found = [self.layers[key].value for key in layer.inputs]
        found = [value for value in found if value is not None]
        return torch.from_numpy(found[0]) if len(found) == 1 else None


def _mapping(graph: _Graph) -> dict[str, Tensor]:
    products = [layer for layer in graph.layers.values() if layer.type == "MatMul"]
    if len(products) != MAPPING_LAYERS:
        raise ValueError(f"{len(products)} fully connected layers, not {MAPPING_LAYERS}")
    state: dict[str, Tensor] = {}
    for i, product in enumerate(products):
        added = next(user for user in graph.users[product.id] if user.type == "Add")
        bias = next(graph.layers[key] for key in added.inputs if key != product.id)
        state[f"mapping.fc{i}.weight"] = graph.numbers_of(product)
        state[f"mapping.fc{i}.bias"] = graph.numbers_of(bias)  # through its Reshape
    return state


def _synthesis(graph: _Graph) -> dict[str, Tensor]:
    named = {layer.name: layer for layer in graph.constants()}

    def value(name: str) -> Tensor:
        return torch.from_numpy(named[name].value)

    state = {"synthesis.const": value("m.input.input")}
    for name in [name for name in named if name.endswith(".modulation.bias")]:
        stem = name.removesuffix(".modulation.bias")
        bias, weight = value(name).flatten(), value(f"{stem}.modulation.weight")
        stored = graph.constant_of(graph.then(named[name], "Multiply"))
        scale = 1.0 if stored is None else stored.item()  # the `up` layers have none
        ours = _ours(stem)
        state[f"{ours}.affine.weight"] = weight * scale
        state[f"{ours}.affine.bias"] = bias * scale
        if stem.endswith("to_img.conv"):
            state[f"{ours}.weight"] = value(f"{stem}.weight")
            state[f"{ours}.bias"] = value(f"{stem.removesuffix('.conv')}.bias").flatten()
        elif stem.endswith(".conv"):
            state |= _convolution(graph, named, stem, ours)
    return state


def _convolution(graph: _Graph, named: Mapping[str, Layer], stem: str, ours: str) -> Any:
    """Collect weights, bias and noise: the bias is found by name, the others upstream of it."""
    bias = named[f"{stem.removesuffix('.conv')}.bias"]
    biased = graph.users[bias.id][0]
    noisy = next(graph.layers[key] for key in biased.inputs if key != bias.id)
    convolved = next(graph.layers[key] for key in noisy.inputs if graph.layers[key].value is None)
    weight = graph.numbers_of(convolved)
    state = {
        f"{ours}.bias": torch.from_numpy(bias.value).flatten(),
        f"{ours}.noise": graph.numbers_of(noisy).squeeze(0).squeeze(0),
    }
    if weight.shape[-1] == 3:
        return state | {f"{ours}.weight": weight}
    depthwise = torch.from_numpy(named[f"{stem}.weight_dw"].value).squeeze(1)
    return state | {f"{ours}.depthwise": depthwise, f"{ours}.pointwise": weight}


def _ours(stem: str) -> str:
    """Rename m.layers.3.conv1.conv to synthesis.blocks.3.conv1."""
    place = stem.removeprefix("m.").removesuffix(".conv").split(".")
    if place[-1] == "to_img":
        return "synthesis.to_image"
    return f"synthesis.blocks.{place[1]}.{place[2]}" if place[0] == "layers" else "synthesis.first"
