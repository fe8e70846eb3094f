"""OpenVINO files: what comes out of good ones, and that bad ones are one line each."""

import numpy as np
import openvino_files
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facegen.errors import WeightsError
from facegen.weights.formats import mobile_stylegan, packaged
from facegen.weights.formats.mobile_stylegan import LAYERS, from_openvino
from facegen.weights.formats.openvino_ir import read_graph

KNOWN = frozenset({"Parameter", "Const", "Add", "Result"})


def net() -> openvino_files.Net:
    """x + two numbers."""
    made = openvino_files.Net()
    x = made.layer("Parameter", "x")
    constant = made.const("two", np.float32([1.5, 2.5]))
    made.layer("Result", "out", made.layer("Add", "sum", x, constant))
    return made


def read(xml: bytes, numbers: bytes = bytes(8)):
    return read_graph(xml, numbers, "net.xml", KNOWN)


def changed(old: str, new: str) -> bytes:
    text = net().xml().decode()
    assert old in text
    return text.replace(old, new).encode()


def test_a_graph_comes_back_as_data():
    graph = read(net().xml(), bytes(net().numbers))
    assert [layer.type for layer in graph.values()] == ["Parameter", "Const", "Add", "Result"]
    assert graph["2"].inputs == ("0", "1") and graph["1"].value.tolist() == [1.5, 2.5]


def test_inputs_stand_in_the_order_of_their_ports():
    made = net()
    made.edges.reverse()
    assert read(made.xml())["2"].inputs == ("0", "1")


BOMB = (
    '<!DOCTYPE net [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><net version="10">&c;</net>'
)
OUTSIDE = '<!DOCTYPE net [<!ENTITY a SYSTEM "file:///etc/passwd">]><net version="10">&a;</net>'
EDGE = '<edge from-layer="0" from-port="0" to-layer="2" to-port="0"/>'


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        (BOMB.encode(), "declares entities or a document type"),
        (OUTSIDE.encode(), "declares entities or a document type"),
        (b"", "not complete XML"),
        (b"\xff\xfe\x00", "not complete XML"),
        (b'<?xml version="1.0" encoding="nonsense"?><net/>', "not complete XML"),
        (net().xml()[:-20], "not complete XML"),
        (b"<net/>", "not an OpenVINO network of version 10.*None"),
        (changed('version="10"', 'version="11"'), "version '11'"),
        (b'<html version="10"/>', "its root is 'html'"),
        (b'<net version="10"/>', "has 0 layers; between 1"),
        (changed('type="Add"', 'type="Evil"'), "layer 'sum' of type 'Evil'"),
        (changed('type="Add"', ""), "of type ''"),
        (changed('id="1"', 'id="0"'), "two layers of one id"),
        (changed('id="1"', ""), "or one without"),
        (changed('id="1"', 'id="one"'), "or one without"),
        (changed('name="sum"', 'name=""'), "has 0 characters"),
        (changed('name="sum"', f'name="{"x" * 300}"'), "has 300 characters"),
        (changed(EDGE, EDGE.replace('"0" from', '"7" from')), "edge from '7'.*no such layers"),
        (changed(EDGE, EDGE.replace('to-layer="2"', "")), "to None"),
        (changed(EDGE, EDGE.replace('to-port="0"', f'to-port="{"9" * 5000}"')), "no such"),
        (changed(EDGE, EDGE.replace('to-port="0"', 'to-port="-1"')), "port '-1'"),
        (changed(EDGE, EDGE + EDGE), "feeds port 0 of the layer 2 twice"),
        (changed(EDGE, EDGE.replace('from-layer="0"', 'from-layer="2"')), "in a circle"),
        (changed(EDGE, EDGE.replace('from-layer="0"', 'from-layer="3"')), "in a circle"),
        (changed('shape="2"', 'shape="3"'), r"wants 8 bytes at 0 for the shape \[3\]"),
        (changed('shape="2"', 'shape="-2"'), "shape '-2'"),
        (changed('shape="2"', 'shape="2,"'), "shape '2,'"),
        (changed('shape="2"', 'shape="0, 999999999999"'), "wants 8 bytes"),
        (changed('shape="2" size="8"', 'shape="0" size="0"'), "wants 0 bytes"),
        (changed('shape="2"', 'shape="99999999999999999999"'), "that no file has"),
        (changed('shape="2"', f'shape="{"1," * 50}2"'), "that no file has"),
        (
            changed('shape="2" size="8"', 'shape="100000, 100000" size="40000000000"'),
            "wants 40000000000 bytes",
        ),
        (changed('offset="0"', 'offset="4"'), "wants 8 bytes at 4"),
        (changed('offset="0"', 'offset="-4"'), "offset '-4'"),
        (changed('offset="0"', 'offset="999999999999"'), "wants 8 bytes at 999999999999"),
        (changed('offset="0"', ""), "offset None"),
        (changed('size="8"', 'size="7"'), "wants 7 bytes"),
        (changed('"f32"', '"f64"'), "numbers of type 'f64'"),
        (changed("<data ", "<other "), "numbers of type None"),
    ],
)
def test_what_is_not_whole_is_one_line_by_name(xml, words):
    with pytest.raises(WeightsError, match=words) as caught:
        read(xml)
    message = str(caught.value)
    assert message.startswith("net.xml") and "\n" not in message and len(message) < 400


def test_a_truncated_file_of_numbers():
    with pytest.raises(WeightsError, match="the file of numbers has 7 bytes"):
        read(net().xml(), bytes(7))
    with pytest.raises(WeightsError, match="the file of numbers has 0 bytes"):
        read(net().xml(), b"")


def test_constants_cannot_multiply_their_numbers():
    """A thousand constants over the same million bytes would be a gigabyte."""
    made = openvino_files.Net()
    made.const("x", np.zeros(250_000, np.float32))
    made.layers = [
        made.layers[0].replace('id="0" name="x"', f'id="{i}" name="x{i}"') for i in range(1000)
    ]
    with pytest.raises(WeightsError, match="more than twice the 1000000 bytes"):
        read(made.xml(), bytes(made.numbers))


def test_too_much_xml_is_not_even_parsed():
    with pytest.raises(WeightsError, match=r"8000001 bytes of XML; at most 8000000 are read"):
        read(b" " * 8_000_001)


def test_large_graphs_are_refused_soon():
    made = openvino_files.Net()
    for i in range(4_001):
        made.layer("Add", f"a{i}")
    with pytest.raises(WeightsError, match="has 4001 layers; between 1 and 4000"):
        read(made.xml())
    made.layers = made.layers[:10]
    made.edges = [EDGE] * 8_001
    with pytest.raises(WeightsError, match="8001 edges; at most 8000"):
        read(made.xml())
    deep = b'<net version="10">' + b"<a>" * 200_000 + b"</a>" * 200_000 + b"</net>"
    with pytest.raises(WeightsError, match="has 0 layers"):
        read(deep)


# --- the network that is read from it ----------------------------------------------------


@pytest.fixture(scope="module")
def state():
    return openvino_files.state()


@pytest.fixture(scope="module")
def members(state):
    return openvino_files.members(state)


def test_every_number_comes_back(state, members):
    found = from_openvino(members)
    assert found.keys() == state.keys()
    for key, value in state.items():
        assert torch.equal(found[key], value), key


def without(members, old: str, new: str = "", file: str = "SynthesisNetwork.xml"):
    text = members[file].decode()
    assert old in text
    return members | {file: text.replace(old, new).encode()}


@pytest.mark.parametrize(
    ("old", "new", "file"),
    [
        ("m.input.input", "m.input", "SynthesisNetwork.xml"),
        ("m.conv1.bias", "m.conv1.other", "SynthesisNetwork.xml"),
        ("m.layers.0.conv1.conv.weight_dw", "other", "SynthesisNetwork.xml"),
        ("m.layers.0.conv1.conv.modulation.weight", "other", "SynthesisNetwork.xml"),
        ("m.layers.0.conv1.conv.modulation.bias", "m.modulation.bias", "SynthesisNetwork.xml"),
        ("m.layers.0.conv2.bias", "m.layers.0.conv1.bias", "SynthesisNetwork.xml"),
        ('type="Multiply"', 'type="Power"', "SynthesisNetwork.xml"),
        ('type="Add"', 'type="Power"', "SynthesisNetwork.xml"),
        ('type="MatMul"', 'type="Power"', "MappingNetwork.xml"),
        ('type="Reshape"', 'type="MatMul"', "MappingNetwork.xml"),
        ('type="ShapeOf"', 'type="Nonsense"', "MappingNetwork.xml"),
    ],
)
def test_another_graph_is_one_line_by_name(members, old, new, file):
    with pytest.raises(WeightsError, match=file) as caught:
        from_openvino(without(members, old, new, file))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["MappingNetwork.xml", "SynthesisNetwork.bin"])
def test_a_missing_file_is_named(members, file):
    with pytest.raises(WeightsError, match=f"lacks {file}"):
        from_openvino({key: value for key, value in members.items() if key != file})


def test_the_converter_wants_the_published_sizes(members):
    with pytest.raises(WeightsError, match=r"is torch.float32 \[.*\] where the network has"):
        packaged.convert("mobile_stylegan", members)


def test_the_average_of_w_is_measured_once(state, members, monkeypatch):
    from facegen.networks import mobile_stylegan as network

    monkeypatch.setattr(network, "MobileConfig", lambda: openvino_files.CONFIG)
    found = packaged.convert("mobile_stylegan", members)
    mapping = network.MobileMapping(openvino_files.CONFIG)
    mapping.load_state_dict(
        {k.removeprefix("mapping."): v for k, v in found.items() if k.startswith("mapping.")}
    )
    z = packaged.runtime.seeded_normal((10_000, 8), 0)
    with torch.no_grad():
        torch.testing.assert_close(found["mapping.w_avg"], mapping(z).mean(dim=0))
    assert found.keys() == state.keys() | {"mapping.w_avg"}
    again = packaged.convert("mobile_stylegan", members)
    assert torch.equal(found["mapping.w_avg"], again["mapping.w_avg"])


def test_numbers_that_are_not_finite_are_refused(state, monkeypatch):
    from facegen.networks import mobile_stylegan as network

    monkeypatch.setattr(network, "MobileConfig", lambda: openvino_files.CONFIG)
    broken = dict(state)
    broken["synthesis.first.bias"] = torch.full((8,), torch.nan)
    with pytest.raises(WeightsError, match="synthesis.first.bias has numbers that are not finite"):
        packaged.convert("mobile_stylegan", openvino_files.members(broken))


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    changes=st.lists(
        st.tuples(
            st.sampled_from(["flip", "cut", "drop", "insert", "digit"]),
            st.integers(0, 2**20),
            st.integers(0, 255),
        ),
        min_size=1,
        max_size=3,
    ),
    file=st.sampled_from(["MappingNetwork.xml", "SynthesisNetwork.xml", "SynthesisNetwork.bin"]),
)
def test_a_few_other_bytes_are_a_whole_network_or_a_refusal(state, members, changes, file):
    body = bytearray(members[file])
    for what, where, value in changes:
        at = where % max(len(body), 1)
        if what == "flip" and body:
            body[at] ^= 1 << value % 8
        elif what == "cut":
            del body[at:]
        elif what == "drop":
            del body[at : at + value]
        elif what == "insert":
            body[at:at] = bytes([value]) * (1 + value % 9)
        elif what == "digit" and body:
            digits = [i for i, one in enumerate(body) if 48 <= one <= 57] or [at]
            body[digits[where % len(digits)]] = 48 + value % 10
    try:
        found = from_openvino(members | {file: bytes(body)})
    except WeightsError as error:
        assert "\n" not in str(error)
    else:
        assert all(isinstance(value, torch.Tensor) for value in found.values())


def test_the_list_of_layers_is_what_the_network_needs():
    assert {"Const", "MatMul", "Convolution", "GroupConvolution"} <= LAYERS
    assert "If" not in LAYERS and "TensorIterator" not in LAYERS
    assert mobile_stylegan.MAPPING_LAYERS == 8
