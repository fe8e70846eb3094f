"""A miniature MobileStyleGAN as OpenVINO files, laid out as its publisher's exporter does."""

from xml.sax.saxutils import quoteattr

import numpy as np
import torch

from facegen.networks.mobile_stylegan import MobileConfig, MobileMapping, MobileSynthesis

CONFIG = MobileConfig(z_dim=8, w_dim=8, channels=(8, 4))
_TYPES = {"float32": "f32", "int64": "i64"}
SCALE = 0.5  # what an affine layer's result is multiplied with: exact in floating point


class Net:
    """Layers and edges, written down as they are added; `text` is changed by who wants it wrong."""

    def __init__(self):
        self.layers, self.edges, self.numbers = [], [], bytearray()

    def layer(self, kind: str, name: str, *inputs: int, data: str = "") -> int:
        key = len(self.layers)
        self.layers.append(f'<layer id="{key}" name={quoteattr(name)} type="{kind}">{data}</layer>')
        self.edges += [
            f'<edge from-layer="{start}" from-port="0" to-layer="{key}" to-port="{port}"/>'
            for port, start in enumerate(inputs)
        ]
        return key

    def const(self, name: str, value) -> int:
        value = np.ascontiguousarray(value)
        offset, shape = len(self.numbers), ", ".join(map(str, value.shape))
        self.numbers += value.tobytes()
        return self.layer(
            "Const",
            name,
            data=f'<data element_type="{_TYPES[str(value.dtype)]}" offset="{offset}" '
            f'shape="{shape}" size="{value.nbytes}"/>',
        )

    def xml(self) -> bytes:
        layers, edges = "\n".join(self.layers), "\n".join(self.edges)
        return (
            f'<?xml version="1.0"?>\n<net name="n" version="10"><layers>\n{layers}\n</layers>'
            f"<edges>\n{edges}\n</edges></net>"
        ).encode()


def state(config: MobileConfig = CONFIG) -> dict[str, torch.Tensor]:
    """Random numbers for every key but w_avg."""
    generator = torch.Generator().manual_seed(0)
    parts = {"mapping": MobileMapping(config), "synthesis": MobileSynthesis(config)}
    shapes = {f"{p}.{k}": v.shape for p, one in parts.items() for k, v in one.state_dict().items()}
    del shapes["mapping.w_avg"]
    return {key: torch.randn(*shape, generator=generator) for key, shape in shapes.items()}


def members(state: dict[str, torch.Tensor]) -> dict[str, bytes]:
    """The four files, of which checkpoints.mobile_stylegan.from_openvino makes that state again."""
    mapping, synthesis = _mapping(state), _synthesis(state)
    return {
        "MappingNetwork.xml": mapping.xml(),
        "MappingNetwork.bin": bytes(mapping.numbers),
        "SynthesisNetwork.xml": synthesis.xml(),
        "SynthesisNetwork.bin": bytes(synthesis.numbers),
    }


def _mapping(state) -> Net:
    net = Net()
    x = net.layer("Parameter", "var")
    shape = net.layer("ShapeOf", "shape", x)
    for i in range(8):
        weight = net.const(f"w{i}", state[f"mapping.fc{i}.weight"].numpy())
        product = net.layer("MatMul", f"mul{i}", x, weight)
        bias = net.const(f"b{i}", state[f"mapping.fc{i}.bias"].numpy())
        x = net.layer("Add", f"add{i}", product, net.layer("Reshape", f"r{i}", bias, shape))
    net.layer("Result", "out", x)
    return net


def _synthesis(state) -> Net:
    net = Net()
    style = net.layer("Parameter", "style")
    x = net.const("m.input.input", state["synthesis.const"].numpy())
    affines = [k.removesuffix(".affine.weight") for k in state if k.endswith(".affine.weight")]
    for ours in affines:
        place = ours.removeprefix("synthesis.").split(".")
        stem = {"first": "m.conv1", "to_image": "m.to_img"}.get(
            place[0], f"m.layers.{'.'.join(place[1:])}"
        )
        up = stem.endswith(".up")
        stem += "" if up else ".conv"
        x = _modulated(net, state, ours, stem, 1.0 if up else SCALE, style, x)
        if stem.endswith("to_img.conv"):
            x = net.layer("Convolution", f"{stem}/c", x, _const(net, state, ours, stem, "weight"))
            bias = net.const("m.to_img.bias", state[f"{ours}.bias"].numpy().reshape(1, -1, 1, 1))
            x = net.layer("Add", f"{stem}/biased", x, bias)
        elif not up:
            x = _convolved(net, state, ours, stem, x)
    net.layer("Result", "image", x)
    return net


def _const(net: Net, state, ours: str, stem: str, name: str) -> int:
    return net.const(f"{stem}.{name}", state[f"{ours}.{name}"].numpy())


def _modulated(net: Net, state, ours: str, stem: str, scale: float, style: int, x: int) -> int:
    weight = net.const(f"{stem}.modulation.weight", state[f"{ours}.affine.weight"].numpy() / scale)
    bias = net.const(f"{stem}.modulation.bias", state[f"{ours}.affine.bias"].numpy() / scale)
    product = net.layer("MatMul", f"{stem}/product", style, weight)
    result = net.layer("Add", f"{stem}/style", product, bias)
    if scale != 1:
        constant = net.const(f"{stem}/scale", np.float32([scale]))
        result = net.layer("Multiply", f"{stem}/scaled", result, constant)
    return net.layer("Multiply", f"{stem}/modulated", x, result)


def _convolved(net: Net, state, ours: str, stem: str, x: int) -> int:
    if f"{ours}.depthwise" in state:
        depthwise = state[f"{ours}.depthwise"].numpy()[:, None]
        x = net.layer("GroupConvolution", f"{stem}/d", x, net.const(f"{stem}.weight_dw", depthwise))
        weight = net.const(f"{stem}/pointwise", state[f"{ours}.pointwise"].numpy())
    else:
        weight = net.const(f"{stem}/dense", state[f"{ours}.weight"].numpy())
    x = net.layer("Convolution", f"{stem}/c", x, weight)
    noise = net.const(f"{stem}/noise", state[f"{ours}.noise"].numpy()[None, None])
    x = net.layer("Add", f"{stem}/noisy", x, noise)
    bias = net.const(
        f"{stem.removesuffix('.conv')}.bias", state[f"{ours}.bias"].numpy().reshape(1, -1, 1, 1)
    )
    return net.layer("Add", f"{stem}/biased", x, bias)
