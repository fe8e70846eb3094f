"""ONNX operations as torch runs them, against numpy and against the slower way."""

import itertools

import numpy as np
import pytest
import torch

from facegen.networks.onnx import resize
from facegen.networks.onnx.graph import Graph, GraphError, GraphNetwork, Node, Port
from facegen.networks.onnx.ops import OPERATIONS, Call

MODES = ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")


def run(op: str, *inputs, opset: int = 13, **attributes) -> torch.Tensor:
    """One operation; lists become tensors of integers, None is an input left out."""
    tensors = [torch.tensor(i) if isinstance(i, list) else i for i in inputs]
    return OPERATIONS[op](Call(tensors, attributes, opset, lambda *shape: None, lambda n: None))


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(1, 3, 5, 7, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("mode", ["reflect", "edge", "constant"])
@pytest.mark.parametrize("pads", [(0, 0, 2, 3, 0, 0, 1, 4), (0, 1, 2, 0, 0, 2, 4, 0)])
def test_pad_is_numpys(x, mode, pads):
    sides = list(zip(pads[:4], pads[4:], strict=True))
    expected = np.pad(x.numpy(), sides, mode=mode)
    for inputs, more in (((x, list(pads)), {}), ((x,), {"pads": list(pads)})):
        assert np.array_equal(run("Pad", *inputs, mode=mode, **more), expected)


def test_pad_reflects_no_more_than_there_is(x):
    with pytest.raises(ValueError, match="reflect by 5 and 0 of 5"):
        run("Pad", x.permute(0, 2, 3, 1), [0, 5, 0, 0, 0, 0, 0, 0], mode="reflect")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(10, 14), (15, 7), (5, 21), (8, 9), (3, 4)])
def test_the_fast_resizing_is_the_plain_one(x, mode, size):
    sizes = (1, 3, *size)
    scales = [new / old for new, old in zip(sizes, x.shape, strict=True)]
    fast = resize.resize_linear(x, sizes, scales, mode)
    plain = resize._linear_any(x, sizes, scales, mode)
    torch.testing.assert_close(fast, plain, rtol=0, atol=1e-5)


def test_resizing_places_pixels_as_each_mode_says():
    x = torch.tensor([0.0, 4.0])
    for mode, expected in (
        ("asymmetric", [0, 2, 4, 4]),
        ("half_pixel", [0, 1, 3, 4]),
        ("align_corners", [0, 4 / 3, 8 / 3, 4]),
    ):
        drawn = run(
            "Resize", x, None, None, [4], mode="linear", coordinate_transformation_mode=mode
        )
        assert drawn.tolist() == pytest.approx(expected)
    # before version 11: asymmetric, whatever the size is given by
    for op, opset in (("Upsample", 9), ("Resize", 10)):
        scales = torch.tensor([2.0])
        assert run(op, x, scales, opset=opset, mode="linear").tolist() == [0, 2, 4, 4]
        assert run(op, x, scales, opset=opset).tolist() == [0, 0, 4, 4]
    assert run("Upsample", x, opset=7, scales=[2.0], mode="linear").tolist() == [0, 2, 4, 4]


@pytest.mark.parametrize("rounding", sorted(resize.NEAREST))
def test_nearest_takes_pixels_as_they_are(rounding):
    x = torch.arange(3.0)
    places = (np.arange(6) + 0.5) / 2 - 0.5
    expected = {
        "floor": np.floor(places),
        "ceil": np.ceil(places),
        "round_prefer_floor": np.ceil(places - 0.5),
        "round_prefer_ceil": np.floor(places + 0.5),
    }[rounding].clip(0, 2)
    assert run("Resize", x, None, torch.tensor([2.0]), nearest_mode=rounding).tolist() == list(
        expected
    )


@pytest.mark.parametrize(("kernel", "stride", "size"), itertools.product((3, 7), (1, 2), (9, 10)))
def test_same_padding_is_tensorflows(kernel, stride, size):
    """ceil(size / stride) pixels come out; what cannot be halved is padded below and right."""
    x = torch.ones(1, 1, size, size)
    weight = torch.ones(1, 1, kernel, kernel)
    drawn = run("Conv", x, weight, auto_pad="SAME_UPPER", strides=[stride, stride])
    made = -(-size // stride)
    assert drawn.shape == (1, 1, made, made)
    need = max((made - 1) * stride + kernel - size, 0)
    missing = need // 2  # rows of the kernel outside, at the upper left corner
    assert float(drawn[0, 0, 0, 0]) == (kernel - missing) ** 2


def test_averages_are_torchs(x):
    expected = torch.nn.functional.avg_pool2d(x, (2, 3), 2)
    assert torch.equal(run("AveragePool", x, kernel_shape=[2, 3], strides=[2, 2]), expected)
    with pytest.raises(ValueError, match="without a border"):
        run("AveragePool", x, kernel_shape=[2, 2], pads=[1, 1, 1, 1])


def test_shapes_are_worked_out_as_numpy_does(x):
    assert run("Shape", x).tolist() == [1, 3, 5, 7]
    assert run("Shape", x, start=2).tolist() == [5, 7]
    assert run("Gather", torch.arange(5), [4, -1]).tolist() == [4, 4]
    backwards = run("Slice", torch.arange(5), [-1], [-(2**63)], [0], [-1])
    assert backwards.tolist() == [4, 3, 2, 1, 0]
    assert torch.equal(run("Slice", x, starts=[1], ends=[2**31], axes=[3], opset=9), x[..., 1:])
    assert run("Reshape", x, [0, 0, -1]).shape == (1, 3, 35)
    assert run("Squeeze", x, axes=[0], opset=9).shape == (3, 5, 7)
    assert run("Unsqueeze", x, [0, -1]).shape == (1, 1, 3, 5, 7, 1)
    assert run("ConstantOfShape", [3], value=torch.tensor([2])).tolist() == [2, 2, 2]
    assert run("Div", torch.tensor([7, -7]), torch.tensor([2, 2])).tolist() == [3, -3]
    assert run("Cast", torch.tensor([1.7]), to=7).tolist() == [1]
    assert run("Clip", x, None, torch.tensor(0.5)).max() <= 0.5
    torch.testing.assert_close(run("ReduceMean", x, axes=[1, 2, 3]), x.mean((1, 2, 3), True))


def network(*nodes: Node, constants=()) -> GraphNetwork:
    ports = [(Port(name, None, True),) for name in "xy"]
    return GraphNetwork(Graph(13, *ports, nodes, dict(constants)))


def test_tensors_are_let_go_after_their_last_use(monkeypatch):
    """A hundred operations in a row take the memory of two."""
    from facegen.networks.onnx import graph

    names = ["x", *(f"t{i}" for i in range(99)), "y"]
    nodes = [Node("Relu", (a,), (b,), {}) for a, b in itertools.pairwise(names)]
    monkeypatch.setattr(graph, "FIXED", 10)
    monkeypatch.setattr(graph, "PER_PIXEL", 6)
    x = torch.rand(1, 3, 8, 8)
    assert torch.equal(network(*nodes)(x), x)
    monkeypatch.setattr(graph, "PER_PIXEL", 3)
    with pytest.raises(GraphError, match="more than a picture needs"):
        network(*nodes)(x)


def test_an_unread_tensor_is_let_go_at_once():
    nodes = [Node("Relu", ("x",), ("unread",), {}), Node("Tanh", ("x",), ("y",), {})]
    x = torch.rand(1, 3, 8, 8)
    assert torch.equal(network(*nodes)(x), x.tanh())
