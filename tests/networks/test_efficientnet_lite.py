"""EfficientNet-Lite0: its convolutions with folded batch norms are those that were trained."""

import io

import pytest
import torch
import torch.nn.functional as F

from facegen.errors import WeightsError
from facegen.networks import photo_encoder
from facegen.networks.photo_encoder import BLOCKS, CHANNELS, STEM, EfficientNetLite0, _same
from facegen.weights.formats import packaged


@pytest.fixture(scope="module")
def unfolded() -> dict[str, torch.Tensor]:
    """Random weights under the names that the package has, batch norms and all."""
    torch.manual_seed(0)
    state = {}

    def layer(convolution, norm, outputs, inputs, kernel):
        spread = (2 / (inputs * kernel**2)) ** 0.5
        state[f"{convolution}.weight"] = torch.randn(outputs, inputs, kernel, kernel) * spread
        for name in ("weight", "running_var"):
            state[f"{norm}.{name}"] = 0.5 + torch.rand(outputs)
        for name in ("bias", "running_mean"):
            state[f"{norm}.{name}"] = torch.randn(outputs) * 0.3

    layer("_conv_stem", "_bn0", STEM, 3, 3)
    inputs = STEM
    for index, (kernel, _, expansion, outputs) in enumerate(BLOCKS):
        block, inner = f"_blocks.{index}.", inputs * expansion
        if expansion > 1:
            layer(f"{block}_expand_conv", f"{block}_bn0", inner, inputs, 1)
        layer(f"{block}_depthwise_conv", f"{block}_bn1", inner, 1, kernel)
        layer(f"{block}_project_conv", f"{block}_bn2", outputs, inner, 1)
        inputs = outputs
    return state


def members(state) -> dict[str, bytes]:
    file = io.BytesIO()
    torch.save(state, file)
    return {packaged.EFFICIENTNET: file.getvalue()}


def by_hand(state, x):
    """Layer by layer with torch's own batch normalisation."""

    def layer(x, convolution, norm, kernel, stride=1, groups=1):
        x = F.conv2d(_same(x, kernel, stride), state[f"{convolution}.weight"], None, stride,
                     groups=groups)  # fmt: skip
        statistics = (state[f"{norm}.{name}"] for name in ("running_mean", "running_var"))
        learned = (state[f"{norm}.{name}"] for name in ("weight", "bias"))
        return F.batch_norm(x, *statistics, *learned, eps=1e-3)

    x, found = F.relu6(layer(x, "_conv_stem", "_bn0", 3, 2)), []
    for index, (kernel, stride, expansion, _) in enumerate(BLOCKS):
        block, y = f"_blocks.{index}.", x
        if expansion > 1:
            y = F.relu6(layer(y, f"{block}_expand_conv", f"{block}_bn0", 1))
        y = layer(y, f"{block}_depthwise_conv", f"{block}_bn1", kernel, stride, y.shape[1])
        y = layer(F.relu6(y), f"{block}_project_conv", f"{block}_bn2", 1)
        x = x + y if y.shape == x.shape else y
        if index in photo_encoder.TAPS:
            found.append(x)
    return found


@torch.no_grad()
def test_folded_equals_unfolded(unfolded):
    network = EfficientNetLite0()
    network.load_state_dict(packaged.efficientnet_lite0(members(unfolded)), strict=True)
    x = torch.rand(2, 3, 64, 96) * 2 - 1
    for found, wanted in zip(network(x), by_hand(unfolded, x), strict=True):
        scale = float(wanted.abs().max())
        torch.testing.assert_close(found / scale, wanted / scale, rtol=0, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("size", [64, 96, 128])
def test_features_at_four_scales(size):
    found = EfficientNetLite0()(torch.zeros(1, 3, size, size))
    assert [tuple(x.shape) for x in found] == [
        (1, channels, size // shrink, size // shrink)
        for channels, shrink in zip(CHANNELS, (4, 8, 16, 32), strict=True)
    ]


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "before", "after"),
    [
        (8, 3, 1, 1, 1), (8, 5, 1, 2, 2), (8, 3, 2, 0, 1), (8, 5, 2, 1, 2), (7, 3, 2, 1, 1),
        (7, 5, 2, 2, 2), (8, 1, 1, 0, 0),
    ],
)  # fmt: skip
def test_same_padding_is_tensorflows(size, kernel, stride, before, after):
    """ceil(size / stride) outputs, the odd pixel at the right and the bottom:
    https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2"""
    padded = _same(torch.ones(1, 1, size, size), kernel, stride)[0, 0]
    for line in (padded[before], padded[:, before]):
        assert line.tolist() == [0.0] * before + [1.0] * size + [0.0] * after
    assert (len(padded) - kernel) // stride + 1 == -(-size // stride)


def test_another_network_is_refused(unfolded):
    less = {k: v for k, v in unfolded.items() if not k.startswith("_blocks.7.")}
    with pytest.raises(WeightsError, match="is damaged or another network"):
        packaged.efficientnet_lite0(members(less))
